// The example program, run as a user runs it, beside tail(1) of the GNU coreutils.

import {
  assert,
  assertEquals,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { existsSync } from "node:fs";
import { AioFile } from "../../mod.ts";
import { UsageError } from "../../examples/shared/command_line.ts";
import { parseCommandLine, startOfLastLines } from "../../examples/tail.ts";
import {
  assertBytes,
  canStrace,
  concat,
  decode,
  delay,
  Directory,
  encode,
  executeForBytes,
  type Finished,
  isLinux,
  makeFifo,
  start,
  strace,
  succeeds,
  testWith,
  until,
} from "../helpers/mod.ts";
import { commandOf } from "./example.ts";

const test = testWith(() => new Directory());
const BLOCK_BYTES = 64 * 1024;
/** A file of some bytes whose size is said to be 4096. */
const SYS_FILE = "/sys/devices/system/cpu/online";
/** Another, which some kernels refuse to read behind its end. */
const REFUSING_FILE = "/sys/devices/system/cpu/cpu0/topology/core_cpus_list";

const canTrace = canStrace();
const hasCoreutils = isLinux &&
  succeeds("sh", "-c", "tail --version | grep -q coreutils");
if (!hasCoreutils) {
  console.log("There is no tail(1) of the coreutils to compare with.");
}

/** Commands that print the last part of files. */
const OURS = commandOf("tail", ["--allow-ffi", "--allow-read"]);
const THEIRS = ["tail"];

function spawn(tail: string[], args: string[]): Deno.ChildProcess {
  return start([...tail, ...args], { stdin: "piped" });
}

function run(
  tail: string[],
  args: string[],
  input = new Uint8Array(0),
): Promise<Finished<Uint8Array<ArrayBuffer>>> {
  return executeForBytes([...tail, ...args], { input });
}

/** One that follows files, and what it has printed. */
class Following implements AsyncDisposable {
  readonly child: Deno.ChildProcess;
  printed = "";
  complained = "";
  readonly #done: Promise<unknown>;

  constructor(tail: string[], args: string[]) {
    this.child = spawn(tail, args);
    this.#done = Promise.all([
      this.#collect(this.child.stdout, (text) => this.printed += text),
      this.#collect(this.child.stderr, (text) => this.complained += text),
    ]);
  }

  /** Waits until it has printed this in all. */
  async until(printed: string): Promise<void> {
    await until(
      () => this.printed === printed,
      () => `It has: ${this.printed}`,
    );
  }

  /** Waits until it has complained about something. */
  async untilComplained(text: string): Promise<void> {
    await until(
      () => this.complained.includes(text),
      () => `It has: ${this.complained}`,
    );
  }

  async end(): Promise<Deno.CommandStatus> {
    await this.#done;
    return await this.child.status;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.child.kill("SIGKILL");
    } catch {
      // It has ended.
    }
    await this.child.stdin.close().catch(() => {});
    await this.end();
  }

  async #collect(
    stream: ReadableStream<Uint8Array>,
    add: (text: string) => void,
  ): Promise<void> {
    const decoder = new TextDecoder();
    for await (const part of stream) {
      add(decoder.decode(part, { stream: true }));
    }
  }
}

function append(path: string, data: string | Uint8Array): void {
  const bytes = typeof data === "string" ? encode(data) : data;
  Deno.writeFileSync(path, bytes, { append: true });
}

/** A text whose lines have all lengths, with characters of one to four bytes. */
function lines(count: number): Uint8Array<ArrayBuffer> {
  const characters = ["a", "é", "€", "𝄞"];
  const text = Array.from(
    { length: count },
    (_, line) => `${line} ${characters[line % 4].repeat(line % 97)}`,
  );
  return encode(text.join("\n") + "\n");
}

const CONTENTS: Record<string, Uint8Array> = {
  "empty": new Uint8Array(0),
  "one newline": encode("\n"),
  "newlines": encode("\n".repeat(12)),
  "no newline": encode("text"),
  "an unfinished last line": encode("one\ntwo\nthree"),
  "lines with returns": encode("one\r\ntwo\r\nthree\r\nfour\r\n"),
  "any bytes": crypto.getRandomValues(new Uint8Array(20_000)),
  "many lines": lines(10_000),
  "a long line": concat([encode("a\n"), new Uint8Array(200_000), encode("\n")]),
  "a block": new Uint8Array(BLOCK_BYTES).fill(10),
  "a newline before a block": concat([
    encode("a\nb\n"),
    new Uint8Array(BLOCK_BYTES),
  ]),
  "a newline after a block": concat([
    encode("a\nb"),
    new Uint8Array(BLOCK_BYTES - 1),
    encode("\n"),
  ]),
};

const PARTS = [
  [],
  ...["0", "1", "2", "11", "2000", "100000", "+0", "+1", "+2", "+9000", "-2"]
    .map((lines) => ["-n", lines]),
  ...[
    "-3",
    "0",
    "1",
    "65535",
    "65536",
    "65537",
    "1M",
    "+0",
    "+1",
    "+5",
    "+65538",
  ]
    .map((bytes) => ["-c", bytes]),
];

for (const part of PARTS) {
  test(
    `tail.ts ${part.join(" ")} prints what tail(1) does`.replace("  ", " "),
    { ignore: !hasCoreutils },
    async (directory) => {
      const paths = Object.values(CONTENTS).map((bytes) =>
        directory.file(bytes)
      );
      const args = [...part, ...paths];
      const [ours, theirs] = await Promise.all([
        run(OURS, args),
        run(THEIRS, args),
      ]);
      assertEquals([ours.code, ours.stderr], [0, ""]);
      assertBytes(ours.stdout, theirs.stdout);
    },
  );
}

// With these, tail(1) takes one file.
for (const part of ["-3", "-0", "+3", "-11", "-2l", "-3c", "+5c", "-70000c"]) {
  test(
    `tail.ts ${part} prints what tail(1) does`,
    { ignore: !hasCoreutils },
    async (directory) => {
      for (const what of ["an unfinished last line", "many lines"]) {
        const args = [part, directory.file(CONTENTS[what])];
        const [ours, theirs] = await Promise.all([
          run(OURS, args),
          run(THEIRS, args),
        ]);
        assertEquals([ours.code, ours.stderr], [0, ""]);
        assertEquals(theirs.code, 0, theirs.stderr);
        assertBytes(ours.stdout, theirs.stdout);
      }
    },
  );
}

test("tail.ts takes -N between other words, and +N elsewhere as a name", async (directory) => {
  const path = directory.file("one\ntwo\nthree\n");
  const cases: [string[], string][] = [
    [["-q", "-2", path, path], "two\nthree\n".repeat(2)],
    [["-qn", "-1", path], "three\n"],
    [["--lines", "-1", path], "three\n"],
    [["-n", "3", "-1", path], "three\n"],
  ];
  for (const [args, printed] of cases) {
    const { code, stdout } = await run(OURS, args);
    assertEquals([code, decode(stdout)], [0, printed], args.join(" "));
  }
  for (const args of [["-q", "+1"], ["--", "-1"]]) {
    const { code, stderr } = await run(OURS, args);
    assertEquals(code, 1);
    assertStringIncludes(stderr, args[1]);
  }
});

for (const what of ["empty", "an unfinished last line", "many lines"]) {
  test(`tail.ts prints what tail(1) does of a pipe with ${what}`, {
    ignore: !hasCoreutils,
  }, async () => {
    const parts = [["-n", "3"], ["-n", "+3"], ["-c", "9"], ["-c", "+9"]];
    for (const part of [...parts, ["-n", "3000"], ["-n", "0"], ["-v", "-"]]) {
      const [ours, theirs] = await Promise.all([
        run(OURS, part, CONTENTS[what].slice()),
        run(THEIRS, part, CONTENTS[what].slice()),
      ]);
      assertEquals([ours.code, ours.stderr], [0, ""], part.join(" "));
      assertBytes(ours.stdout, theirs.stdout);
    }
  });
}

/** Has a command read a file as standard input, once somebody has read two lines of it. */
function behindTwoLines(path: string, command: string[]): string[] {
  const line = 'exec < "$0"; read -r one; read -r two; exec "$@"';
  return ["sh", "-c", line, path, ...command];
}

test(
  "tail.ts prints what tail(1) does of standard input that was read in part",
  {
    ignore: !hasCoreutils,
  },
  async (directory) => {
    const parts = ["-n1", "-n2", "-n9", "-n+1", "-n+2", "-c3", "-c99", "-c+1"];
    const path = directory.file("one\ntwo\nthree\nfour\nfive");
    for (const part of [...parts, "-c+4", "-c+99"]) {
      const [ours, theirs] = await Promise.all([
        run(behindTwoLines(path, OURS), [part, "-", "-"]),
        run(behindTwoLines(path, THEIRS), [part, "-", "-"]),
      ]);
      assertEquals([ours.code, ours.stderr], [0, ""], part);
      assertEquals(decode(ours.stdout), decode(theirs.stdout), part);
    }
  },
);

test("tail.ts -f follows standard input that was read in part", async (directory) => {
  const path = directory.file("one\ntwo\nthree\n");
  const command = behindTwoLines(path, OURS);
  await using tail = new Following(command, ["-f", "-s", "0.1"]);
  await tail.until("three\n");
  append(path, "four\n");
  await tail.until("three\nfour\n");
  Deno.writeTextFileSync(path, "five\n");
  await tail.until("three\nfour\nfive\n");
  await tail.untilComplained("file truncated");
});

const LONG_BYTES = 512 << 20;

/** A shell has no standard input for a moment while it redirects it. */
function positionOfInput({ child }: Following): number | undefined {
  let info = "";
  try {
    info = Deno.readTextFileSync(`/proc/${child.pid}/fdinfo/0`);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  const position = /^pos:\t(\d+)$/m.exec(info)?.[1];
  return position === undefined ? undefined : Number(position);
}

function assertKeptLittle({ child }: Following): void {
  const status = Deno.readTextFileSync(`/proc/${child.pid}/status`);
  const [, peak_kb] = /^VmHWM:\s+(\d+) kB$/m.exec(status)!;
  assert(Number(peak_kb) * 1024 < LONG_BYTES, status);
}

for (
  const [part, printed] of [["-n1", "one\n"], ["-c4", "one\n"], ["-n0", ""]]
) {
  test(
    `tail.ts ${part} keeps nothing of standard input that it can read again`,
    {
      ignore: !isLinux,
    },
    async (directory) => {
      const path = directory.file("");
      Deno.truncateSync(path, LONG_BYTES);
      append(path, "\none\n");
      const command = ["sh", "-c", 'exec "$@" < "$0"', path, ...OURS];
      await using tail = new Following(command, [part, "-f", "-s", "0.1"]);
      await until(
        () => positionOfInput(tail) === LONG_BYTES + 5,
        () => `standard input is at ${positionOfInput(tail)}`,
      );
      await tail.until(printed);
      assertKeptLittle(tail);
    },
  );
}

test("tail.ts -n0 keeps nothing of a pipe", {
  ignore: !isLinux,
}, async () => {
  await using tail = new Following(OURS, ["-n0", "-f"]);
  const writer = tail.child.stdin.getWriter();
  const block = new Uint8Array(1 << 20);
  for (let sent = 0; sent < LONG_BYTES; sent += block.length) {
    await writer.write(block);
  }
  assertKeptLittle(tail);
  await writer.close();
});

test("startOfLastLines() finds each line of a file", async (directory) => {
  for (const bytes of Object.values(CONTENTS)) {
    await using file = await AioFile.open(directory.file(bytes));
    const starts = bytes.length > 0 ? [0] : [];
    for (let at = -1; (at = bytes.indexOf(10, at + 1)) >= 0;) {
      if (at + 1 < bytes.length) starts.push(at + 1);
    }
    const counts = [0, 1, 2, 3, 7, 100, 5000, starts.length, starts.length + 1];
    for (const count of counts) {
      const expected = count === 0
        ? bytes.length
        : starts[Math.max(0, starts.length - count)] ?? 0;
      const start = await startOfLastLines(file, bytes.length, count);
      assertEquals(start, expected, `${count} of ${starts.length} lines`);
    }
  }
});

test("tail.ts prints names with --verbose, and none with --quiet", async (directory) => {
  const [one, two] = [directory.file("one\n"), directory.file("two\n")];
  const verbose = await run(OURS, ["--verbose", one]);
  assertEquals(decode(verbose.stdout), `==> ${one} <==\none\n`);
  const quiet = await run(OURS, ["--quiet", one, two]);
  assertEquals(decode(quiet.stdout), "one\ntwo\n");
});

test(
  "tail.ts prints the last lines of a file of /proc",
  { ignore: !isLinux },
  async () => {
    // The runtime wants all permissions for it.
    const tail = commandOf("tail", ["-A"]);
    const args = ["-n", "1", "/proc/self/limits"];
    const { code, stdout } = await run(tail, args);
    assertEquals(code, 0);
    assert(/^Max realtime timeout [^\n]*\n$/.test(decode(stdout)));
  },
);

test(
  "tail.ts prints parts of a file of /sys, which claims to be longer",
  { ignore: !hasCoreutils || !existsSync(SYS_FILE) },
  async () => {
    const tail = commandOf("tail", ["-A"]);
    for (const part of [["-n1"], ["-n+1"], ["-c2"], ["-c+2"], ["-c9000"]]) {
      const [ours, theirs] = await Promise.all([
        run(tail, [...part, SYS_FILE]),
        run(THEIRS, [...part, SYS_FILE]),
      ]);
      assertEquals([ours.code, ours.stderr], [0, ""], part.join(" "));
      assertBytes(ours.stdout, theirs.stdout);
      assert(ours.stdout.length > 0);
    }
  },
);

test("tail.ts goes on with the other files when one cannot be read", async (directory) => {
  const [missing, file] = [directory.at("missing"), directory.file("one\n")];
  const { code, stdout, stderr } = await run(OURS, [
    missing,
    directory.path,
    file,
  ]);
  assertEquals(code, 1);
  assertStringIncludes(decode(stdout), `==> ${file} <==\none\n`);
  const complaints = stderr.trimEnd().split("\n");
  assertEquals(complaints.length, 2, stderr);
  assertStringIncludes(
    complaints[0],
    `tail: cannot open "${missing}": No such`,
  );
  assertStringIncludes(complaints[1], "Is a directory");
});

test("tail.ts -f ends when there is nothing to follow", async (directory) => {
  const { code, stderr } = await run(OURS, ["-f", directory.at("missing")]);
  assertEquals(code, 1);
  assertStringIncludes(stderr, "no files remaining");
  const piped = await run(OURS, ["-f"], encode("one\n"));
  assertEquals([piped.code, decode(piped.stdout)], [0, "one\n"]);
});

test("tail.ts -f prints what is appended, as it comes", async (directory) => {
  const path = directory.file("one\ntwo\n");
  await using tail = new Following(OURS, ["-n", "1", "-f", path]);
  await tail.until("two\n");
  let expected = "two\n";
  for (const byte of encode("thrée\n𝄞")) {
    append(path, new Uint8Array([byte]));
  }
  await tail.until(expected += "thrée\n𝄞");
  const much = "x".repeat(3 * BLOCK_BYTES) + "\n";
  append(path, much);
  await tail.until(expected += much);
  assertEquals(tail.complained, "");
});

test("tail.ts -f goes on with a file that gets another name", async (directory) => {
  const path = directory.file("one\n");
  await using tail = new Following(OURS, ["-f", path]);
  await tail.until("one\n");
  Deno.renameSync(path, directory.at("renamed"));
  append(path, "another file\n");
  append(directory.at("renamed"), "two\n");
  await tail.until("one\ntwo\n");
  Deno.removeSync(directory.at("renamed"));
  append(path, "another file\n");
  assertEquals(tail.complained, "");
});

for (const source of ["/proc/version", SYS_FILE, REFUSING_FILE]) {
  for (const how of ["by its name", "as standard input"]) {
    test(`tail.ts -f prints ${source} once, ${how}`, {
      ignore: !existsSync(source),
    }, async (directory) => {
      const path = directory.file("one\n");
      const command = ["sh", "-c", 'exec "$@" < "$0"', source];
      const name = how === "by its name" ? source : "-";
      const args = ["-q", "-f", "-s", "0.05", name, path];
      const tail = [...command, ...commandOf("tail", ["-A"])];
      await using following = new Following(tail, args);
      let printed = Deno.readTextFileSync(source) + "one\n";
      await following.until(printed);
      // By then it has looked at both again.
      for (const more of ["two\n", "three\n", "four\n"]) {
        append(path, more);
        await following.until(printed += more);
      }
      assertEquals(following.complained, "");
    });
  }
}

test("tail.ts -f begins anew when the file becomes shorter", async (directory) => {
  const path = directory.file("one\ntwo\n");
  await using tail = new Following(OURS, ["-f", path]);
  await tail.until("one\ntwo\n");
  Deno.writeTextFileSync(path, "three\n");
  await tail.until("one\ntwo\nthree\n");
  await tail.untilComplained(`tail: ${path}: file truncated`);
});

for (
  const [what, first, second] of [
    ["of the same size", "one\ntwo\n", "six\nten\n"],
    ["longer", "one\ntwo\n", "three\nfour\nfive\n"],
    ["of the same size and long", "a\n".repeat(50_000), "b\n".repeat(50_000)],
  ]
) {
  for (const part of ["-n+1", "-n0", "-c1"]) {
    test(`tail.ts ${part} -f begins anew when the file is written over, ${what}`, async (directory) => {
      const path = directory.file(first);
      const printed = { "-n+1": first, "-n0": "", "-c1": "\n" }[part]!;
      await using tail = new Following(OURS, [part, "-v", "-f", path]);
      await tail.until(`==> ${path} <==\n${printed}`);
      // In place: it is never shorter meanwhile.
      using file = Deno.openSync(path, { write: true });
      file.writeSync(encode(second));
      await tail.until(`==> ${path} <==\n${printed}${second}`);
      await tail.untilComplained("\n");
      assertEquals(tail.complained, `tail: ${path}: file rewritten\n`);
    });
  }
}

test("tail.ts -f prints nothing again when the file is only touched", async (directory) => {
  const path = directory.file("one\ntwo\n");
  await using tail = new Following(OURS, ["-f", path]);
  await tail.until("one\ntwo\n");
  Deno.utimeSync(path, 1, 1);
  using file = Deno.openSync(path, { write: true });
  file.writeSync(encode("one\ntwo\n"));
  append(path, "three\n");
  await tail.until("one\ntwo\nthree\n");
  assertEquals(tail.complained, "");
});

test("tail.ts -20f follows", async (directory) => {
  const path = directory.file("one\n");
  await using tail = new Following(OURS, ["-20f", path]);
  await tail.until("one\n");
  append(path, "two\n");
  await tail.until("one\ntwo\n");
});

test("tail.ts -f finds by itself what the system does not tell", async (directory) => {
  // What is written by another name, in another directory, is not told of this one.
  const path = directory.file("one\n");
  Deno.mkdirSync(directory.at("other"));
  Deno.linkSync(path, directory.at("other/name"));
  await using tail = new Following(OURS, ["-f", "-s", "0.1", path]);
  await tail.until("one\n");
  append(directory.at("other/name"), "two\n");
  await tail.until("one\ntwo\n");
});

test("tail.ts -F takes the new file when a log is rotated", async (directory) => {
  const path = directory.file("one\n");
  await using tail = new Following(OURS, ["-F", path]);
  let expected = "one\n";
  await tail.until(expected);
  for (let round = 0; round < 5; round++) {
    append(path, `last of ${round}\n`);
    Deno.renameSync(path, directory.at(`old${round}`));
    append(path, `first of ${round}\n`);
    expected += `last of ${round}\nfirst of ${round}\n`;
    await tail.until(expected);
  }
  await tail.untilComplained("has been replaced; following the new file");
});

test("tail.ts -F reads the old file until there is a new one", async (directory) => {
  const path = directory.file("one\n");
  await using tail = new Following(OURS, ["-F", path]);
  await tail.until("one\n");
  Deno.renameSync(path, directory.at("old"));
  await tail.untilComplained(`tail: ${path} has become inaccessible\n`);
  append(directory.at("old"), "late\n");
  await tail.until("one\nlate\n");
  append(path, "new\n");
  await tail.until("one\nlate\nnew\n");
  Deno.writeTextFileSync(path, "x\n");
  await tail.until("one\nlate\nnew\nx\n");
  await tail.untilComplained("file truncated");
});

test("tail.ts -F goes on when the name was a pipe's meanwhile", {
  ignore: !isLinux,
}, async (directory) => {
  const path = directory.file("one\n");
  await using tail = new Following(OURS, ["-F", path]);
  await tail.until("one\n");
  const [pipe, next] = [directory.at("pipe"), directory.file("two\n")];
  makeFifo(pipe);
  Deno.renameSync(pipe, path);
  await tail.untilComplained(`tail: ${path} has become inaccessible\n`);
  Deno.renameSync(next, path);
  await tail.until("one\ntwo\n");
  append(path, "three\n");
  await tail.until("one\ntwo\nthree\n");
});

test("tail.ts -F does not look at a file for what becomes of its neighbours", {
  ignore: !canTrace,
}, async (directory) => {
  const [path, record] = [directory.file("one\n"), directory.at("record")];
  // With -D, it is tail.ts that is killed at the end.
  const looks = strace(record, "-D", "-P", path, "-e", "trace=/stat");
  // It polls, for all that the test lasts, never.
  const args = ["-F", "-s", "3600", path];
  await using tail = new Following([...looks, ...OURS], args);
  await tail.until("one\n");
  const count = () => Deno.readTextFileSync(record).split("\n").length;
  const before = count();
  for (let line = 0; line < 200; line++) {
    append(directory.at("neighbour"), "line\n");
    await delay(2);
  }
  append(path, "two\n");
  await tail.until("one\ntwo\n");
  assert(count() - before < 50, Deno.readTextFileSync(record));
});

test("tail.ts -F waits for a file that is not there yet", async (directory) => {
  const path = directory.at("log");
  await using tail = new Following(OURS, ["-F", path]);
  await tail.untilComplained(`tail: cannot open "${path}": No such file`);
  append(path, "one\n");
  await tail.until("one\n");
  await tail.untilComplained(`${path} has appeared; following the new file`);
});

test(
  "tail.ts prints what tail(1) does of several files that grow and are rotated",
  { ignore: !hasCoreutils },
  async (directory) => {
    const paths = [0, 1, 2].map((number) =>
      directory.file(`first ${number}\n`)
    );
    const args = ["-s", "0.1", "-n", "1", "-F", ...paths];
    await using ours = new Following(OURS, args);
    await using theirs = new Following(THEIRS, args);
    const settled = async (text: string) => {
      await until(() => theirs.printed.endsWith(text), () => theirs.printed);
      await ours.until(theirs.printed);
    };
    await settled("first 2\n");
    const steps: [number, string, "rotate" | "truncate" | null][] = [
      [2, "same file\n", null],
      [0, "another file\n", null],
      [0, "the same again\n", null],
      [1, "unfinished", null],
      [1, " and finished\n", null],
      [1, "rotated\n", "rotate"],
      [1, "and grown\n", null],
      [2, "cut\n", "truncate"],
      [0, "long ".repeat(30_000) + "\n", null],
      [0, "r\n", "rotate"],
    ];
    for (const [number, text, change] of steps) {
      const path = paths[number];
      if (change === "rotate") Deno.renameSync(path, `${path}.old`);
      if (change === "truncate") Deno.writeTextFileSync(path, text);
      else append(path, text);
      await settled(text);
    }
  },
);

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  test(`tail.ts -f ends at ${signal} without a word`, async (directory) => {
    await using tail = new Following(OURS, ["-f", directory.file("one\n")]);
    await tail.until("one\n");
    tail.child.kill(signal);
    assertEquals((await tail.end()).signal, signal);
    assertEquals(tail.complained, "");
  });
}

test("tail.ts -f ends without a word when nobody reads on", async (directory) => {
  const path = directory.file("one\n");
  const child = spawn(OURS, ["-f", path]);
  await child.stdin.close();
  const output = child.stdout.getReader();
  assertEquals(decode((await output.read()).value!), "one\n");
  await output.cancel();
  append(path, "two\n");
  assertEquals((await child.status).code, 141);
  assertEquals(await new Response(child.stderr).text(), "");
});

test(
  "tail.ts reports that standard output takes no more",
  { ignore: !isLinux },
  async (directory) => {
    const command = `exec "$@" > /dev/full`;
    const tail: string[] = ["sh", "-c", command, "sh", ...OURS];
    const { code, stderr } = await run(tail, [directory.file("one\n")]);
    assertEquals(code, 1);
    assertStringIncludes(stderr, "tail: cannot write to standard output: ");
  },
);

const MISUSES: [string[], string][] = [
  [["-n", "x", "file"], '--lines cannot be "x"'],
  [["-c", "1T", "file"], '--bytes cannot be "1T"'],
  [["-n", "1", "-c", "1", "file"], "--lines and --bytes exclude each other"],
  [["-s", "x", "-f", "file"], '--interval cannot be "x"'],
  [["-F", "-"], "standard input has no name to follow"],
];
for (const [args, message] of MISUSES) {
  test(`parseCommandLine() of tail.ts refuses "${args.join(" ")}"`, () => {
    assertThrows(() => parseCommandLine(args), UsageError, message);
  });
}

test('tail.ts refuses "--retry file", and exits with 2', async () => {
  const { code, stdout, stderr } = await run(OURS, ["--retry", "file"]);
  assertEquals([code, decode(stdout)], [2, ""]);
  assertEquals(stderr.trimEnd().split("\n").length, 1, stderr);
  assertStringIncludes(stderr, "Unknown option '--retry'");
  assertStringIncludes(stderr, "--help");
});

test("tail.ts --help names every option", async () => {
  const { code, stdout } = await run(OURS, ["--help"]);
  assertEquals(code, 0);
  const options = ["lines", "bytes", "follow", "follow-name", "interval"];
  for (const option of [...options, "quiet", "verbose", "help"]) {
    assertStringIncludes(decode(stdout), `--${option} `);
  }
});
