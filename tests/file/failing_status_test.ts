// Files whose status the system does not tell: open() and adopt() reject, and do not
// take a file for a pipe.

import { assertEquals } from "@std/assert";
import { fileURLToPath } from "node:url";
import {
  Directory,
  ENGINES,
  isLinux,
  isThere,
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
