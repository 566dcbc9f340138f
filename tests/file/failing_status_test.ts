// Files whose status the system does not tell: open() and adopt() reject, and do not
// take a file for a pipe.

import { assert, assertEquals, equal } from "@std/assert";
import { constants } from "node:fs";
import { fileURLToPath } from "node:url";
import {
  Directory,
  ENGINES,
  isLinux,
  isThere,
  makeFifo,
  report,
  test,
} from "../helpers/mod.ts";

const IMPORT_MAP = fileURLToPath(
  new URL("../programs/failing_status.json", import.meta.url),
);

/** What comes of it while one `fstat()` fails, then of the next one, and so on. */
async function whileEachFails(
  engine: (typeof ENGINES)[number],
  ...args: string[]
): Promise<unknown[]> {
  const { outcomes, descriptors } = await report("failing_status", {
    args,
    flags: ["--allow-all", `--import-map=${IMPORT_MAP}`],
    engine,
  });
  assertEquals(descriptors, 0, "a descriptor is left");
  return outcomes;
}

const written = { resolved: 3 };
const failed = { code: "EIO", errno: 5, syscall: "fstat" };

for (const engine of ENGINES) {
  const options = { ignore: !isLinux || !isThere(engine) };

  test(
    `${engine}: open() rejects where fstat() fails, and nothing is written elsewhere`,
    options,
    async () => {
      using directory = new Directory();
      const path = directory.file();
      const outcomes = await whileEachFails(engine, "open", path);
      const first = engine === "fs" ? [written] : [];
      assertEquals(outcomes, [...first, { ...failed, path }, written]);
      assertEquals(Deno.readFileSync(path).subarray(0, 3), new Uint8Array(3));
    },
  );

  test(
    `${engine}: adopt() throws where fstat() fails, and nothing is written elsewhere`,
    options,
    async () => {
      using directory = new Directory();
      const path = directory.file();
      const outcomes = await whileEachFails(engine, "adopt", path);
      const first = engine === "fs" ? [written] : [];
      assertEquals(outcomes, [...first, failed, written]);
      assertEquals(Deno.readFileSync(path).subarray(0, 3), new Uint8Array(3));
    },
  );
}

const onLinux = { ignore: !isLinux };

test(
  "fs: open() of a FIFO or a device rejects with an AioError where fstat() fails",
  onLinux,
  async () => {
    using directory = new Directory();
    const fifo = directory.at("fifo");
    makeFifo(fifo);
    for (const path of [fifo, "/dev/zero"]) {
      const outcomes = await whileEachFails("fs", "open", path);
      const wrong = outcomes.filter((outcome) => !equal(outcome, written));
      // Whether it has offsets, and what else it is.
      assert(wrong.length >= 2, `${wrong.length} have failed`);
      assertEquals(wrong, wrong.map(() => ({ ...failed, path })));
    }
  },
);

test(
  "fs: close() of a FIFO closes all, also where node:fs fails to close one",
  onLinux,
  async () => {
    using directory = new Directory();
    const path = directory.at("fifo");
    makeFifo(path);
    const outcomes = await whileEachFails("fs", "open", path, "close");
    assert(outcomes.length > 1, "none has failed");
    assertEquals(outcomes, outcomes.map(() => written));
  },
);

test(
  "fs: open() with O_NOFOLLOW leaves no descriptor where fstat() fails",
  onLinux,
  async () => {
    using directory = new Directory();
    const path = directory.file();
    const flags = String(constants.O_NOFOLLOW);
    const [first] = await whileEachFails("fs", "open", path, "fstat", flags);
    assertEquals(first, { ...failed, syscall: "open", path });
  },
);
