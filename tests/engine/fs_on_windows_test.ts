// The engine on node:fs as on Windows: a program that takes this system for Windows,
// and has a node:fs like that one's.

import { assertEquals, assertStringIncludes } from "@std/assert";
import { fileURLToPath } from "node:url";
import { Directory, isLinux, makeFifo, report, test } from "../helpers/mod.ts";

const IMPORT_MAP = fileURLToPath(
  new URL("../programs/like_windows.json", import.meta.url),
);

function likeWindows(way: string, ...paths: string[]) {
  return report("like_windows", {
    args: [way, ...paths],
    flags: ["--allow-all", `--import-map=${IMPORT_MAP}`],
    engine: "auto",
  });
}

const options = { ignore: !isLinux };

test(
  "on Windows, nothing that is in /proc is believed of a descriptor",
  options,
  async () => {
    using directory = new Directory();
    const path = directory.file("before");
    const { engine, append } = await likeWindows("adopted", path);
    assertEquals([engine, append[0]], ["fs", "ENOTSUP"]);
    assertStringIncludes(append[1], "of which nobody tells");
    assertEquals(Deno.readTextFileSync(path), "before");
  },
);

test(
  "on Windows, append() to a file that has another name now is ENOTSUP",
  options,
  async () => {
    using directory = new Directory();
    const path = directory.file("before");
    const { append } = await likeWindows(
      "renamed",
      path,
      directory.at("other"),
    );
    assertEquals(append[0], "ENOTSUP");
    assertStringIncludes(append[1], "which is open without append");
  },
);

test(
  "on Windows, a named pipe is not opened a second time",
  options,
  async () => {
    using directory = new Directory();
    const path = directory.at("pipe");
    makeFifo(path);
    assertEquals(await likeWindows("pipe", path), {
      engine: "fs",
      written: 4,
      read: 4,
      descriptors: 1,
    });
  },
);

test(
  "on Windows, what the runtime cannot ask for its status is open, and has no offsets",
  options,
  async () => {
    const { opened, adopted, size } = await likeWindows("device");
    assertEquals({ opened, adopted }, { opened: [4, 0], adopted: [4, 0] });
    assertEquals(size[0], "EINVAL", "it is not read to find its end");
  },
);

test(
  "on Windows, a file that is not open for it is EBADF, and the error says for what it is",
  options,
  async () => {
    using directory = new Directory();
    const paths = [directory.file(), directory.at("other")];
    const outcome = await likeWindows("access", ...paths);
    const calls = { write: "reading", read: "writing", copy: "reading" };
    for (const [call, access] of Object.entries(calls)) {
      const [code, message] = outcome[call];
      assertEquals(code, "EBADF", call);
      assertStringIncludes(message, `open for ${access} only: Bad file`);
    }
  },
);

test(
  "where node:fs mistakes its flags, nothing is opened, and supported() says why",
  options,
  async () => {
    using directory = new Directory();
    const path = directory.file("before");
    const { open, reason } = await likeWindows("flags", path);
    assertEquals(open[0], "ENOSYS");
    const why = "node:fs has flags of another system";
    for (const text of [open[1], reason]) assertStringIncludes(text, why);
    assertEquals(Deno.readTextFileSync(path), "before");
  },
);

test(
  "on Windows, a file may append that the library has not opened, and no other",
  options,
  async () => {
    using directory = new Directory();
    assertEquals(await likeWindows("appending", directory.file()), {
      engine: "fs",
      opened: false,
      adopted: true,
    });
  },
);
