// The two example programs ported_from_c.c and ported_from_c.ts: they do the
// same, and read side by side.

import { assert, assertEquals } from "@std/assert";
import { crc32 } from "node:zlib";
import {
  Directory,
  execute,
  type Finished,
  pattern,
  succeeds,
  test,
} from "../helpers/mod.ts";
import { commandOf } from "./example.ts";

const PORT = commandOf("ported_from_c", ["--allow-ffi", "--allow-read"]);
const SOURCE = PORT.at(-1)!;
const C_SOURCE = SOURCE.replace(/ts$/, "c");
const BLOCK_BYTES = 65_536;

function port(...args: string[]): Promise<Finished> {
  return execute([...PORT, ...args]);
}

const hasCompiler = succeeds("cc", "--version");
if (!hasCompiler) {
  console.log("There is no C compiler: ported_from_c.c is not run.");
}

/** Compiles the C program. Returns its path. */
async function compile(directory: Directory): Promise<string> {
  const program = directory.at("ported_from_c");
  const { code, stderr } = await execute([
    ...["cc", "-Wall", "-Wextra", "-Werror", "-o", program, C_SOURCE, "-lrt"],
  ]);
  assertEquals(code, 0, stderr);
  return program;
}

/** What both have to print of contents. */
function expected(bytes: Uint8Array): string {
  const line = (name: string, part: Uint8Array) => {
    const newlines = part.reduce((sum, byte) => sum + Number(byte === 10), 0);
    const crc = crc32(part).toString(16).padStart(8, "0");
    return `${name} ${part.length} ${newlines} ${crc}`;
  };
  const lines: string[] = [];
  for (let offset = 0; offset < bytes.length; offset += BLOCK_BYTES) {
    const part = bytes.subarray(offset, offset + BLOCK_BYTES);
    lines.push(line(`${offset}`, part));
  }
  return [...lines, line("total", bytes)].join("\n");
}

function squeeze(stdout: string): string {
  return stdout.trim().replace(/ +/g, " ").replace(/\n /g, "\n");
}

const SIZES = [0, 1, 4095, BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 1];
for (const blocks of [7, 8, 9, 16]) {
  SIZES.push(blocks * BLOCK_BYTES, blocks * BLOCK_BYTES + 1);
}
SIZES.push(40 * 2 ** 20 + 12_345);

for (const size of SIZES) {
  test(`ported_from_c.ts tells what is in a file of ${size} bytes`, async () => {
    using directory = new Directory();
    const bytes = pattern(size);
    const { code, stdout, stderr } = await port(directory.file(bytes));
    assertEquals({ code, stderr }, { code: 0, stderr: "" });
    assertEquals(squeeze(stdout), expected(bytes));
  });
}

test("ported_from_c.c prints what ported_from_c.ts prints", {
  ignore: !hasCompiler,
}, async () => {
  using directory = new Directory();
  const program = await compile(directory);
  const path = directory.at("contents");
  const assertSame = async (...args: string[]) => {
    const [c, ts] = [await execute([program, ...args]), await port(...args)];
    assertEquals(ts, c);
    return c;
  };
  for (const size of SIZES) {
    Deno.writeFileSync(path, pattern(size));
    const { code, stdout } = await assertSame(path);
    assertEquals(code, 0);
    assert(stdout.includes(` ${size} `), stdout);
  }
  const missing = await assertSame(directory.at("missing"));
  assertEquals(missing, {
    code: 1,
    stdout: "",
    stderr: `ported_from_c: cannot open ${
      directory.at("missing")
    }: No such file or directory\n`,
  });
  const folder = await assertSame(directory.path);
  assertEquals(folder, {
    code: 1,
    stdout: "",
    stderr: `ported_from_c: cannot read ${directory.path}: Is a directory\n`,
  });
  for (const args of [[], [path, path], ["--help", path]]) {
    const { code, stdout, stderr } = await assertSame(...args);
    assertEquals({ code, stdout }, { code: 2, stdout: "" });
    assert(stderr.startsWith("usage: ported_from_c FILE\n"), stderr);
  }
  const help = await assertSame("--help");
  assertEquals({ ...help, stdout: "" }, { code: 0, stdout: "", stderr: "" });
});

test("ported_from_c.ts --help prints usage, and needs no permission", async () => {
  const { code, stdout, stderr } = await execute([
    ...commandOf("ported_from_c", []),
    "--help",
  ]);
  assertEquals({ code, stderr }, { code: 0, stderr: "" });
  assert(stdout.startsWith("usage: ported_from_c FILE\n"), stdout);
});

test("ported_from_c.ts says with the system's words what failed", async () => {
  using directory = new Directory();
  const long = directory.at("x".repeat(300));
  for (
    const [path, what, words] of [
      [directory.at("missing"), "open", "No such file or directory"],
      [directory.path, "read", "Is a directory"],
      [long, "open", "File name too long"],
    ]
  ) {
    assertEquals(await port(path), {
      code: 1,
      stdout: "",
      stderr: `ported_from_c: cannot ${what} ${path}: ${words}\n`,
    });
  }
});

/** The functions of a source in order, each with its calls of aio(3). */
function outline(source: string): string[] {
  const code = source.replace(/\/\*.*?\*\/|\/\/[^\n]*/gs, "");
  const definition =
    /^(?:static |async |function |[\w*]+ )+\*?(\w+)\([^;]*?\{$/;
  const names: string[] = [];
  // A definition begins at the margin, and may go over several lines.
  for (const part of code.split(/^(?=\w)/m)) {
    const head = definition.exec(part.slice(0, part.indexOf("{") + 1));
    if (head !== null) names.push(head[1]);
    for (const [, call] of part.matchAll(/\b(aio_\w+|lio_listio)\(/g)) {
      names.push(call);
    }
  }
  return names;
}

test("ported_from_c.ts calls the functions of aio(3) where the C program does", () => {
  const [c, ts] = [C_SOURCE, SOURCE].map((path) =>
    outline(Deno.readTextFileSync(path))
  );
  const others = ["errno_of", "strerror"]; // What C has as it is.
  assertEquals(ts.filter((name) => !others.includes(name)), c);
  // Neither is empty, and the outline sees functions as well as calls.
  assertEquals(c.slice(c.indexOf("wait_for"), c.indexOf("main")), [
    "wait_for",
    "aio_error",
    "aio_suspend",
    "aio_error",
    "stop",
    "aio_cancel",
    "aio_return",
  ]);
});
