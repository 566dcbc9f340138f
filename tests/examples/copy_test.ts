// The example program, run as a user runs it: in a process of its own.

import {
  assert,
  assertEquals,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { parseCommandLine } from "../../examples/copy.ts";
import { UsageError } from "../../examples/shared/command_line.ts";
import { visibleCalls } from "../helpers/native.ts";
import {
  canStrace,
  concat,
  Directory,
  encode,
  execute,
  finish,
  type Finished,
  hasDirectTransfers,
  isLinux,
  makeFifo,
  start,
  strace,
  succeeds,
  testWith,
  until,
} from "../helpers/mod.ts";
import { commandOf, executeOnTerminal, hasPseudoTerminal } from "./example.ts";

const test = testWith(() => new Directory());
/** A file of some bytes whose size is said to be 4096. */
const SYS_FILE = "/sys/devices/system/cpu/online";
/** Another, which some kernels refuse to read behind its end. */
const REFUSING_FILE = "/sys/devices/system/cpu/cpu0/topology/core_cpus_list";

function spawn(args: string[]): Deno.ChildProcess {
  return start([...commandOf("copy"), ...args]);
}

function copy(args: string[], permissions?: string[]): Promise<Finished> {
  return execute([...commandOf("copy", permissions), ...args]);
}

/** Made once, so that a file of any size is a part of it. */
const BYTES = crypto.getRandomValues(new Uint8Array(65_521));

function contents(length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at += BYTES.length) {
    bytes.set(BYTES.subarray(0, length - at), at);
  }
  return bytes;
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

function names(directory: string): string[] {
  return [...Deno.readDirSync(directory)].map((entry) => entry.name).sort();
}

function assertSame(path: string, expected: Uint8Array): void {
  const actual = Deno.readFileSync(path);
  assertEquals(actual.byteLength, expected.byteLength);
  assertEquals(sha256(actual), sha256(expected));
}

function assertCopied(result: Finished): void {
  assertEquals(result.code, 0, result.stderr);
}

/** Failed with that status, and said why in one line after any progress. */
function assertFailed(result: Finished, code: number, message: string): void {
  assertEquals(result.code, code, result.stderr);
  assertEquals(result.stdout, "");
  const lines = result.stderr.trimEnd().split("\n")
    .filter((line) => !/^copying( |$)/.test(line));
  assertEquals(lines.length, 1, result.stderr);
  assert(lines[0].startsWith("copy: "), result.stderr);
  assertStringIncludes(lines[0], message);
}

/** Mounts a file system of 1 MiB. */
const mount = (path: string) =>
  succeeds("mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", path);

const tmpfsIsPermitted = (() => {
  using directory = new Directory();
  return mount(directory.path) && succeeds("umount", directory.path);
})();
if (!tmpfsIsPermitted) {
  console.log(
    "No file system can be mounted here: the test of a full disk is skipped.",
  );
}

const canTrace = canStrace();

for (const size of [0, 1, 4095, 4096, 2 ** 20 + 1, 20 * 2 ** 20 + 12_345]) {
  test(`copy.ts copies a file of ${size} bytes`, async ({ path: directory }) => {
    const bytes = contents(size);
    await Deno.writeFile(`${directory}/source`, bytes);
    const result = await copy([`${directory}/source`, `${directory}/target`]);
    assertCopied(result);
    assertStringIncludes(
      result.stdout,
      `copied ${directory}/source to ${directory}/target`,
    );
    assertSame(`${directory}/target`, bytes);
    assertEquals(names(directory), ["source", "target"]);
  });
}

for (const size of [0, 1, 4096, 3 * 2 ** 20 + 777]) {
  test(`copy.ts --direct copies a file of ${size} bytes`, {
    ignore: !hasDirectTransfers(),
  }, async ({ path: directory }) => {
    const bytes = contents(size);
    await Deno.writeFile(`${directory}/source`, bytes);
    const result = await copy([
      "--direct",
      "--verify",
      "--block-size=64K",
      `${directory}/source`,
      `${directory}/target`,
    ]);
    assertCopied(result);
    assertSame(`${directory}/target`, bytes);
    assertStringIncludes(result.stdout, sha256(bytes));
    assertEquals(names(directory), ["source", "target"]);
  });
}

test("copy.ts --direct says so when the file system refuses O_DIRECT", {
  ignore: !isLinux,
}, async ({ path: directory }) => {
  const result = await copy([
    "--direct",
    "/proc/cpuinfo",
    `${directory}/target`,
  ], ["-A"]);
  assertFailed(
    result,
    1,
    "cannot read /proc/cpuinfo: its file system does not support direct",
  );
  assertEquals(names(directory), []);
});

test("copy.ts --verify prints the SHA-256 digests of both sides", async ({ path: directory }) => {
  const bytes = contents(5_000_001);
  await Deno.writeFile(`${directory}/source`, bytes);
  const result = await copy([
    "--verify",
    `${directory}/source`,
    `${directory}/target`,
  ]);
  assertCopied(result);
  const digest = sha256(bytes);
  assertEquals(result.stdout.trimEnd().split("\n").slice(1), [
    `SHA-256 ${digest}  ${directory}/source`,
    `SHA-256 ${digest}  ${directory}/target`,
  ]);
});

test("copy.ts --verify fails when the two differ, and leaves no target", {
  ignore: !isLinux,
}, async ({ path: directory }) => {
  // Each read of this file gives another answer.
  const source = "/proc/sys/kernel/random/uuid";
  const result = await copy(["--verify", source, `${directory}/target`], [
    "-A",
  ]);
  assertFailed(result, 1, "the copy differs: SHA-256 of");
  assertEquals(names(directory), []);
});

test("copy.ts --json prints the result as one line", async ({ path: directory }) => {
  await Deno.writeFile(`${directory}/source`, contents(300_000));
  const result = await copy([
    "--json",
    "--sync",
    "--verify",
    "--depth=3",
    "--block-size=4096",
    `${directory}/source`,
    directory + "/target",
  ]);
  assertCopied(result);
  assertEquals(result.stdout.split("\n").length, 2);
  const json = JSON.parse(result.stdout);
  assertEquals(json.bytes, 300_000);
  assertEquals(json.depth, 3);
  assertEquals(json.blockSize, 4096);
  assertEquals(json.peakInFlight, 3);
  assertEquals(json.sha256.source, json.sha256.target);
  assertEquals(typeof json.syncSeconds, "number");
});

test("copy.ts does not verify unless asked to", async ({ path: directory }) => {
  await Deno.writeFile(`${directory}/source`, contents(10));
  const result = await copy([
    "--json",
    `${directory}/source`,
    `${directory}/target`,
  ]);
  assertCopied(result);
  assertEquals(JSON.parse(result.stdout).sha256, null);
});

/**
 * What decides whether a copy outlives a loss of power: the calls in order, each
 * with the name of its file.
 */
async function tracedCopy(
  directory: string,
  args: string[],
): Promise<string[]> {
  const record = `${directory}/record`;
  const traced = "trace=pwrite64,fsync,fdatasync,/^f?chmod,/^rename,ftruncate";
  const command = [...commandOf("copy"), ...args];
  const wrapped = strace(record, "-y", "-e", traced, ...command);
  const env = visibleCalls("auto") ?? {};
  assertCopied(await execute(wrapped, { env }));
  return Deno.readTextFileSync(record).split("\n")
    .filter((line) => line.includes(`${directory}/into`))
    .map((line) => line.replace(/^\d+ +/, "").replaceAll(directory, "DIR"));
}

function lastOf(calls: string[], pattern: RegExp): number {
  const at = calls.findLastIndex((call) => pattern.test(call));
  assert(at >= 0, `${pattern} is not there in\n${calls.join("\n")}`);
  return at;
}

const TEMPORARY = "DIR/into/\\.copy-[^>]*\\.tmp";
const RENAMED = RegExp(`^rename.*"${TEMPORARY}", .*"DIR/into/target"`);
const FILE_SYNCED = RegExp(`^fsync\\(\\d+<${TEMPORARY}>`);
const DIRECTORY_SYNCED = /^fsync\(\d+<DIR\/into>/;

for (
  const [what, args, isExisting] of [
    ["has the copy on disk before it replaces a file", [], true],
    ["has the copy on disk before it takes its name", [], false],
    ["--sync has the copy on disk before it takes its name", ["--sync"], false],
    ["--direct has the copy on disk before it replaces a file", [
      "--direct",
    ], true],
  ] as const
) {
  test(`copy.ts ${what}`, {
    ignore: !canTrace ||
      args.some((arg) => arg === "--direct") && !hasDirectTransfers(),
  }, async ({ path: directory }) => {
    await Deno.mkdir(`${directory}/into`);
    await Deno.writeFile(`${directory}/source`, contents(300_000));
    const target = `${directory}/into/target`;
    if (isExisting) await Deno.writeFile(target, contents(5));
    const names = [`${directory}/source`, target];
    const calls = await tracedCopy(directory, [...args, ...names]);
    const changed = lastOf(calls, /^(pwrite64|f?chmod\w*|ftruncate)\(/);
    const order = [
      changed,
      lastOf(calls, FILE_SYNCED),
      lastOf(calls, RENAMED),
    ];
    assertEquals(order, order.toSorted((a, b) => a - b), calls.join("\n"));
  });
}

test("copy.ts --sync has the name of the copy on disk as well, and only then", {
  ignore: !canTrace,
}, async ({ path: directory }) => {
  await Deno.mkdir(`${directory}/into`);
  await Deno.writeFile(`${directory}/source`, contents(10));
  const names = [`${directory}/source`, `${directory}/into/target`];
  const without = await tracedCopy(directory, names);
  assert(!without.some((call) => DIRECTORY_SYNCED.test(call)));
  const calls = await tracedCopy(directory, ["--sync", ...names]);
  assert(lastOf(calls, DIRECTORY_SYNCED) > lastOf(calls, RENAMED));
});

test("copy.ts copies into a target that is a directory", async ({ path: directory }) => {
  await Deno.writeFile(`${directory}/source`, contents(100));
  await Deno.mkdir(`${directory}/into`);
  assertCopied(await copy([`${directory}/source`, `${directory}/into`]));
  assertSame(`${directory}/into/source`, contents(100));
  assertEquals(names(`${directory}/into`), ["source"]);
});

test("copy.ts replaces a target that exists", async ({ path: directory }) => {
  await Deno.writeFile(`${directory}/source`, contents(100));
  await Deno.writeFile(`${directory}/target`, contents(5000));
  assertCopied(await copy([`${directory}/source`, `${directory}/target`]));
  assertSame(`${directory}/target`, contents(100));
});

test("copy.ts replaces the file behind a symbolic link, not the link", async ({ path: directory }) => {
  await Deno.writeFile(`${directory}/source`, contents(100));
  await Deno.mkdir(`${directory}/elsewhere`);
  await Deno.writeFile(`${directory}/elsewhere/file`, contents(5));
  await Deno.symlink(`${directory}/elsewhere/file`, `${directory}/link`);
  assertCopied(await copy([`${directory}/source`, `${directory}/link`]));
  assert(Deno.lstatSync(`${directory}/link`).isSymlink);
  assertSame(`${directory}/elsewhere/file`, contents(100));
  assertEquals(names(`${directory}/elsewhere`), ["file"]);
});

for (const mode of [0o751, 0o640, 0o444]) {
  test(`copy.ts gives the target the mode ${mode.toString(8)} of the source`, async ({ path: directory }) => {
    await Deno.writeFile(`${directory}/source`, contents(100));
    await Deno.chmod(`${directory}/source`, mode);
    assertCopied(await copy([`${directory}/source`, `${directory}/target`]));
    assertEquals(Deno.statSync(`${directory}/target`).mode! & 0o7777, mode);
  });
}

test("copy.ts fails when the source is missing", async ({ path: directory }) => {
  const result = await copy([`${directory}/source`, `${directory}/target`]);
  assertFailed(
    result,
    1,
    `cannot read ${directory}/source: No such file or directory`,
  );
  assertEquals(names(directory), []);
});

test("copy.ts fails when the source is a directory", async ({ path: directory }) => {
  await Deno.mkdir(`${directory}/source`);
  const result = await copy([`${directory}/source`, `${directory}/target`]);
  assertFailed(result, 1, `cannot copy ${directory}/source: Is a directory`);
  assertEquals(names(directory), ["source"]);
});

test("copy.ts fails when the target is in no directory", async ({ path: directory }) => {
  await Deno.writeFile(`${directory}/source`, contents(10));
  const result = await copy([`${directory}/source`, `${directory}/no/target`]);
  assertFailed(
    result,
    1,
    `cannot write to ${directory}/no/target: No such file or directory`,
  );
});

test("copy.ts fails when the target is a symbolic link to nothing", async ({ path: directory }) => {
  await Deno.writeFile(`${directory}/source`, contents(10));
  await Deno.symlink(`${directory}/nothing`, `${directory}/link`);
  const result = await copy([`${directory}/source`, `${directory}/link`]);
  assertFailed(result, 1, "symbolic link to nothing");
  assertEquals(names(directory), ["link", "source"]);
});

test("copy.ts fails when the runtime does not permit it", async ({ path: directory }) => {
  await Deno.writeFile(`${directory}/source`, contents(10));
  const result = await copy(
    [`${directory}/source`, `${directory}/target`],
    ["--allow-ffi", "--allow-read"],
  );
  assertFailed(result, 1, "--allow-write");
  assertEquals(names(directory), ["source"]);
});

test("copy.ts fails when the system does not permit it", {
  ignore: Deno.uid() === 0,
}, async ({ path: directory }) => {
  await Deno.writeFile(`${directory}/source`, contents(10));
  await Deno.chmod(`${directory}/source`, 0);
  const unreadable = await copy([
    `${directory}/source`,
    `${directory}/target`,
  ]);
  assertFailed(unreadable, 1, "Permission denied");
  await Deno.chmod(`${directory}/source`, 0o600);
  await Deno.writeFile(`${directory}/target`, contents(5), { mode: 0o400 });
  const unwritable = await copy([
    `${directory}/source`,
    `${directory}/target`,
  ]);
  assertFailed(unwritable, 1, "Permission denied");
  assertSame(`${directory}/target`, contents(5));
  assertEquals(names(directory), ["source", "target"]);
});

test("copy.ts fails when the target is the source, by any name", async ({ path: directory }) => {
  const source = `${directory}/source`;
  await Deno.writeFile(source, contents(10));
  await Deno.link(source, `${directory}/hard`);
  await Deno.symlink(source, `${directory}/soft`);
  for (
    const target of [
      source,
      `${directory}/hard`,
      `${directory}/soft`,
      directory,
    ]
  ) {
    assertFailed(await copy([source, target]), 1, "are the same file");
  }
  assertSame(source, contents(10));
  assertEquals(names(directory), ["hard", "soft", "source"]);
});

test(
  "copy.ts reports a full device",
  { ignore: !isLinux },
  async ({ path: directory }) => {
    await Deno.writeFile(`${directory}/source`, contents(100_000));
    const result = await copy([`${directory}/source`, "/dev/full"], ["-A"]);
    assertFailed(
      result,
      1,
      "cannot write to /dev/full: No space left on device",
    );
    assert(Deno.statSync("/dev/full").isCharDevice);
    assertEquals(names("/dev").filter((name) => name.startsWith(".copy-")), []);
  },
);

test("copy.ts leaves the old target when the disk is full", {
  ignore: !tmpfsIsPermitted,
}, async ({ path: directory }) => {
  await Deno.writeFile(`${directory}/source`, contents(4 * 2 ** 20));
  const disk = `${directory}/disk`;
  await Deno.mkdir(disk);
  assert(mount(disk));
  try {
    await Deno.writeFile(`${disk}/target`, contents(5));
    const result = await copy([
      "--block-size=64K",
      `${directory}/source`,
      `${disk}/target`,
    ]);
    assertFailed(
      result,
      1,
      `cannot write to ${disk}/target: No space left on device`,
    );
    assertSame(`${disk}/target`, contents(5));
    assertEquals(names(disk), ["target"]);
  } finally {
    succeeds("umount", disk);
  }
});

test("copy.ts copies a file of /proc, whose size the system does not tell", {
  ignore: !isLinux,
}, async ({ path: directory }) => {
  assertCopied(await copy(["/proc/version", `${directory}/target`], ["-A"]));
  assertSame(`${directory}/target`, Deno.readFileSync("/proc/version"));
});

for (const source of [SYS_FILE, REFUSING_FILE]) {
  test(`copy.ts copies ${source}, which claims to be longer`, {
    ignore: !existsSync(source),
  }, async ({ path: directory }) => {
    for (const args of [[], ["--verify"]]) {
      const files = [source, `${directory}/target`];
      assertCopied(await copy([...args, ...files], ["-A"]));
      assertSame(`${directory}/target`, Deno.readFileSync(source));
    }
  });
}

test("copy.ts copies what comes out of a pipe until its end", async ({ path: directory }) => {
  makeFifo(`${directory}/pipe`);
  const bytes = contents(3 * 2 ** 20 + 5);
  const child = finish(spawn([`${directory}/pipe`, `${directory}/target`]));
  await Deno.writeFile(`${directory}/pipe`, bytes, { create: false });
  assertCopied(await child);
  assertSame(`${directory}/target`, bytes);
});

test("copy.ts writes into a pipe in order", async ({ path: directory }) => {
  const bytes = contents(3 * 2 ** 20 + 5);
  await Deno.writeFile(`${directory}/source`, bytes);
  makeFifo(`${directory}/pipe`);
  const child = finish(
    spawn(["--block-size=64K", `${directory}/source`, `${directory}/pipe`]),
  );
  const received = await Deno.readFile(`${directory}/pipe`);
  assertCopied(await child);
  assertEquals(sha256(received), sha256(bytes));
  assertEquals(names(directory), ["pipe", "source"]);
});

test("copy.ts fails when the source becomes shorter", async ({ path: directory }) => {
  await Deno.writeFile(`${directory}/source`, contents(3 * 2 ** 20));
  makeFifo(`${directory}/pipe`);
  const child = finish(spawn([`${directory}/source`, `${directory}/pipe`]));
  // The pipe is full long before the first block is through it: nothing else is read yet.
  using pipe = await Deno.open(`${directory}/pipe`);
  await pipe.read(new Uint8Array(1));
  await Deno.truncate(`${directory}/source`, 2 ** 20);
  for await (const _ of pipe.readable);
  assertFailed(await child, 1, "became shorter during the copy");
});

for (
  const [signal, code] of [["SIGINT", 130], ["SIGTERM", 143], [
    "SIGHUP",
    129,
  ]] as const
) {
  test(`copy.ts leaves nothing behind on ${signal}`, async ({ path: directory }) => {
    makeFifo(`${directory}/pipe`);
    await Deno.mkdir(`${directory}/into`);
    await Deno.writeFile(`${directory}/into/target`, contents(5));
    const child = spawn([
      "--block-size=4K",
      `${directory}/pipe`,
      `${directory}/into/target`,
    ]);
    const finished = finish(child);
    using pipe = await Deno.open(`${directory}/pipe`, { write: true });
    await pipe.write(contents(4096 + 1));
    await until(
      () => names(`${directory}/into`).length === 2,
      "nothing is written",
    );
    child.kill(signal);
    assertFailed(await finished, code, `stopped by ${signal}`);
    assertSame(`${directory}/into/target`, contents(5));
    assertEquals(names(`${directory}/into`), ["target"]);
  });
}

test("copy.ts leaves nothing behind on SIGINT amid many requests", async ({ path: directory }) => {
  using source = await Deno.create(`${directory}/source`);
  await source.truncate(2 ** 36);
  await Deno.mkdir(`${directory}/into`);
  const child = spawn([
    "--block-size=4K",
    `${directory}/source`,
    `${directory}/into/target`,
  ]);
  const finished = finish(child);
  const written = () =>
    names(`${directory}/into`).map((name) =>
      Deno.statSync(`${directory}/into/${name}`).size
    );
  await until(() => written().some((size) => size > 0), "nothing is written");
  child.kill("SIGINT");
  assertFailed(await finished, 130, "stopped by SIGINT");
  assertEquals(names(`${directory}/into`), []);
});

const MISUSES: [string, string[], string][] = [
  ["one name", ["a"], "a source and a target are needed, not 1 names"],
  [
    "three names",
    ["a", "b", "c"],
    "a source and a target are needed, not 3 names",
  ],
  ["an unknown option", ["--fast", "a", "b"], "Unknown option '--fast'"],
  [
    "a depth of 0",
    ["--depth=0", "a", "b"],
    "the depth must be 1 to 256, not 0",
  ],
  [
    "a depth that is no number",
    ["--depth=x", "a", "b"],
    '--depth cannot be "x"',
  ],
  ["a depth that is missing", ["a", "b", "--depth"], "--depth"],
  ["a block size of 0", ["--block-size=0", "a", "b"], "the block size must be"],
  [
    "a block size with a wrong unit",
    ["--block-size=3x", "a", "b"],
    '--block-size cannot be "3x"',
  ],
  [
    "blocks beyond all bounds",
    ["--block-size=512M", "a", "b"],
    "at most 1 GiB",
  ],
  [
    "unaligned direct blocks",
    ["--direct", "--block-size=1000", "a", "b"],
    "must be a multiple of 4096, not 1000",
  ],
];
for (const [what, args, message] of MISUSES) {
  test(`parseCommandLine() of copy.ts refuses ${what}`, () => {
    assertThrows(() => parseCommandLine(args), UsageError, message);
  });
}

test("copy.ts refuses no names and exits with 2", async () => {
  const result = await copy([]);
  assertFailed(result, 2, "a source and a target are needed, not 0 names");
  assertStringIncludes(result.stderr, "--help");
});

test("copy.ts refuses to verify what cannot be read again", async ({ path: directory }) => {
  await Deno.writeFile(`${directory}/source`, contents(10));
  makeFifo(`${directory}/pipe`);
  const toPipe = await copy([
    "--verify",
    `${directory}/source`,
    `${directory}/pipe`,
  ]);
  assertFailed(toPipe, 1, "not a regular file");
  const fromPipe = await copy([
    "--verify",
    `${directory}/pipe`,
    `${directory}/target`,
  ]);
  assertFailed(fromPipe, 1, "not a regular file");
  assertEquals(names(directory), ["pipe", "source"]);
});

test("copy.ts --help names every option", async () => {
  const result = await copy(["--help"]);
  assertEquals(result.code, 0);
  for (
    const option of [
      "depth",
      "block-size",
      "direct",
      "sync",
      "verify",
      "json",
      "quiet",
      "help",
    ]
  ) {
    assertStringIncludes(result.stdout, `--${option} `);
  }
});

test("copy.ts tells in one line that it copies when not on a terminal", async ({ path: directory }) => {
  await Deno.writeFile(`${directory}/source`, contents(1_000_000));
  const result = await copy([
    "--block-size=10000",
    "--verify",
    `${directory}/source`,
    `${directory}/target`,
  ]);
  assertCopied(result);
  assertEquals(result.stderr, "copying 1 MB\n");
});

/** Runs a line of the shell in which copy.ts is "$@". */
function shell(line: string, ...args: string[]): Promise<Finished> {
  return execute([
    "sh",
    "-c",
    line,
    "sh",
    ...commandOf("copy", ["-A"]),
    ...args,
  ]);
}

test(
  "copy.ts reports on standard error when the copy goes to standard output",
  {
    ignore: !isLinux,
  },
  async ({ path: directory }) => {
    const source = `${directory}/source`;
    const told = `copied ${source} to /dev/stdout: 5 B in `;
    await Deno.writeTextFile(source, "data\n");
    for (const line of ['"$@" | cat', '"$@" >OUT; cat OUT']) {
      const how = line.replaceAll("OUT", `${directory}/out`);
      const { code, stdout, stderr } = await shell(how, source, "/dev/stdout");
      assertEquals({ code, stdout }, { code: 0, stdout: "data\n" }, stderr);
      assertStringIncludes(stderr, told);
      const json = await shell(how, "--json", source, "/dev/stdout");
      assertEquals(json.stdout, "data\n");
      assertEquals(JSON.parse(json.stderr.split("\n")[1]).bytes, 5);
    }
  },
);

test("copy.ts writes to standard output where others have written, and will", {
  ignore: !isLinux,
}, async ({ path: directory }) => {
  const [source, out] = [`${directory}/source`, `${directory}/out`];
  const bytes = contents(3_000_000);
  await Deno.writeFile(source, bytes);
  await Deno.writeTextFile(out, "before\n");
  const line = `{ echo head; "$@"; echo tail; } >>${out}`;
  assertCopied(await shell(line, source, "/dev/stdout"));
  const [head, tail] = ["before\nhead\n", "tail\n"].map(encode);
  assertSame(out, concat([head, bytes, tail]));
  assertCopied(await shell(line.replace(">>", ">"), source, "/dev/stdout"));
  assertSame(out, concat([encode("head\n"), bytes, tail]));
  const refused = await shell(line, "--verify", source, "/dev/stdout");
  assertStringIncludes(refused.stderr, "verify do not apply");
});

test("copy.ts fails when its result cannot be printed", {
  ignore: !isLinux,
}, async ({ path: directory }) => {
  const source = `${directory}/source`;
  await Deno.writeTextFile(source, "data\n");
  const result = await shell('"$@" >/dev/full', source, `${directory}/target`);
  assertFailed(result, 1, "cannot write to standard output: No space left");
});

const hasHoles = (() => {
  using directory = new Directory();
  using file = Deno.openSync(directory.file(), { write: true });
  file.truncateSync(2 ** 20);
  return file.statSync().blocks === 0;
})();

for (const args of [[], ["--block-size=5000"], ["--direct"]]) {
  test(`copy.ts ${args} keeps the holes of a file`, {
    ignore: !hasHoles || args[0] === "--direct" && !hasDirectTransfers(),
  }, async ({ path: directory }) => {
    const [source, target] = [`${directory}/source`, `${directory}/target`];
    using file = await Deno.open(source, { write: true, createNew: true });
    // Data at the beginning, across two blocks, in few of many units, and a hole at the end.
    for (const at of [0, 2 ** 20 - 4096, 5 * 2 ** 20, 5 * 2 ** 20 + 40_960]) {
      await file.seek(at, Deno.SeekMode.Start);
      await file.write(contents(8192));
    }
    await file.truncate(64 * 2 ** 20 + 123);
    assertCopied(await copy([...args, "--verify", source, target]));
    assertSame(target, Deno.readFileSync(source));
    const [theirs, ours] = [source, target].map((path) =>
      Deno.statSync(path).blocks!
    );
    assert(theirs < 1000, `${theirs} blocks`);
    // Where units and blocks do not fit together, a little more is written.
    assert(ours <= 4 * theirs, `${ours} blocks, not ${theirs}`);
  });
}

test(
  "copy.ts copies a file that is one hole",
  { ignore: !hasHoles },
  async ({ path: directory }) => {
    const [source, target] = [`${directory}/source`, `${directory}/target`];
    {
      using file = await Deno.open(source, { write: true, createNew: true });
      await file.truncate(3_000_001);
    }
    assertCopied(await copy([source, target]));
    assertEquals(Deno.statSync(target).blocks, 0);
    assertSame(target, new Uint8Array(3_000_001));
  },
);

test("copy.ts writes the zeros of a file without holes", async ({ path: directory }) => {
  const [source, target] = [`${directory}/source`, `${directory}/target`];
  await Deno.writeFile(source, new Uint8Array(3_000_000));
  assertCopied(await copy([source, target]));
  assert(Deno.statSync(target).blocks! >= Deno.statSync(source).blocks!);
});

test("copy.ts --quiet prints nothing", async ({ path: directory }) => {
  await Deno.writeFile(`${directory}/source`, contents(1_000_000));
  const result = await copy([
    "--quiet",
    "--verify",
    `${directory}/source`,
    `${directory}/target`,
  ]);
  assertEquals(result, { code: 0, stdout: "", stderr: "" });
});

test(
  "copy.ts shows a bar on a terminal",
  { ignore: !hasPseudoTerminal },
  async ({ path: directory }) => {
    await Deno.writeFile(`${directory}/source`, contents(1_000_000));
    const result = await executeOnTerminal([
      ...commandOf("copy"),
      `${directory}/source`,
      `${directory}/target`,
    ]);
    assertEquals(result.code, 0, result.stdout);
    assertStringIncludes(result.stdout, "\u2588 100 %  1 MB");
    assertStringIncludes(result.stdout, `copied ${directory}/source`);
    // The cursor is hidden meanwhile and shown again.
    assert(
      result.stdout.lastIndexOf("\x1b[?25h") >
        result.stdout.lastIndexOf("\x1b[?25l"),
    );
    assertSame(`${directory}/target`, contents(1_000_000));
  },
);
