// The example program beside the one that it is like, coreutils' sha256sum.

import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import fc from "fast-check";
import { createHash } from "node:crypto";
import * as fs from "node:fs";
import { checksums, parseCommandLine } from "../../examples/checksum.ts";
import { UsageError } from "../../examples/shared/command_line.ts";
import { metrics } from "../../mod.ts";
import {
  delay,
  Directory,
  execute,
  type Finished,
  type How,
  isEmulated,
  isLinux,
  makeFifo,
  pattern,
  report,
  testWith,
} from "../helpers/mod.ts";
import { commandOf, executeOnTerminal, hasPseudoTerminal } from "./example.ts";

const CHECKSUM = commandOf("checksum", ["--allow-ffi", "--allow-read"]);

const DIGEST = createHash("sha256").update("this is a").digest("hex");
const OTHER = DIGEST.replace(/^./, (digit) => digit === "0" ? "1" : "0");

const isCoreutils = outputOf("sha256sum", "--version").includes("coreutils");
if (!isCoreutils) {
  console.log("There is no sha256sum of coreutils: its tests are skipped.");
}

function outputOf(command: string, ...args: string[]): string {
  try {
    const { stdout } = new Deno.Command(command, { args }).outputSync();
    return new TextDecoder().decode(stdout);
  } catch {
    return "";
  }
}

function checksum(args: string[], how: How): Promise<Finished> {
  return execute([...CHECKSUM, ...args], how);
}

/** A directory to run the programs in. */
class Files extends Directory {
  readonly cwd = this.path;

  /** @returns The name. */
  write(name: string, contents: string | Uint8Array = `this is ${name}`) {
    fs.writeFileSync(this.at(name), contents);
    return name;
  }

  /** Files with all kinds of names, beginnings of arguments excepted. */
  writeOddNames(): string[] {
    return ODD_NAMES.map((name) => this.write(name));
  }
}

const ODD_NAMES = [
  "plain",
  "with blank",
  " blank before",
  "blank after ",
  "*star before",
  "#number sign before",
  "line\nbreak",
  "\nline break before",
  "carriage\rreturn",
  "back\\slash",
  "\\backslash before",
  "\\n",
  "tab\tulator",
  "quote\"'s",
  "paren) = (theses",
  "\u00e4\u00f6\u00fc \u6f22 \u{1f600}",
];

/**
 * Older versions escape only the names with line breaks when they report, and
 * newer ones all that they escape in lists.
 */
const escapesAllReports = await (async () => {
  using files = new Files();
  files.write("back\\slash", "this is a");
  const input = `\\${DIGEST}  back\\\\slash\n`;
  const { stdout } = await execute(["sha256sum", "-c"], {
    cwd: files.cwd,
    input,
  })
    .catch(() => ({ stdout: "" }));
  return stdout.startsWith("\\");
})();

function asReported(line: string): string {
  if (escapesAllReports || !/^\\.*: (OK|FAILED.*)$/.test(line)) return line;
  const name = line.slice(1).replace(
    /\\(.)/g,
    (_, escape) => ({ n: "\n", r: "\r" })[escape as string] ?? escape,
  );
  return name.includes("\n") ? line : name;
}

/** What both programs do, as far as it can be the same. */
async function runBoth(args: string[], how: How, name = "sha256") {
  const [theirs, ours] = await Promise.all([
    execute([`${name}sum`, ...args], how),
    checksum(["--algorithm", name, ...args], how),
  ]);
  const program = RegExp(`^(/.*/)?${name}sum: `, "gm");
  theirs.stderr = theirs.stderr.replace(program, "checksum: ");
  if (args.some((arg) => /^(-c|--check)$/.test(arg))) {
    ours.stdout = ours.stdout.split("\n").map(asReported).join("\n");
  }
  return { ours, theirs };
}

/** Both programs have to say and do the same. */
async function assertSame(args: string[], how: How, name?: string) {
  const { ours, theirs } = await runBoth(args, how, name);
  assertEquals(ours, theirs);
  return ours;
}

const test = testWith(() => new Files());

function testSame(name: string, fn: (files: Files) => Promise<void>): void {
  test(name, { ignore: !isCoreutils }, fn);
}

/** A block is 1 MiB, and 4 of them are in flight. */
const SIZES = [0, 1, 63, 64, 2 ** 20 - 1, 2 ** 20, 2 ** 20 + 1, 2 ** 22].concat(
  [2 ** 22 + 1, 9 * 2 ** 20 + 12_345],
);

for (const name of ["md5", "sha1", "sha224", "sha256", "sha384", "sha512"]) {
  testSame(
    `checksum.ts prints what ${name}sum prints for files of all sizes`,
    async (files) => {
      const names = SIZES.map((size) => files.write(`${size}`, pattern(size)));
      const { stdout } = await assertSame(names, files, name);
      assertEquals(stdout.split("\n").length, SIZES.length + 1);
    },
  );
}

test("checksum.ts prints SHA-256 digests in the order of its arguments", async (files) => {
  const names = Array.from({ length: 40 }, (_, index) => `${index}`);
  const lines = names.map((name, index) => {
    // The first ones take longest.
    const bytes = pattern(Math.round(2 ** 24 / (index + 1) ** 2), index);
    files.write(name, bytes);
    const digest = createHash("sha256").update(bytes).digest("hex");
    return `${digest}  ${name}\n`;
  });
  for (const options of [["--jobs=1"], ["--jobs=3", "--depth=2"], []]) {
    assertEquals(await checksum([...options, ...names], files), {
      code: 0,
      stdout: lines.join(""),
      stderr: "",
    });
  }
});

const MODES = [[], ["-b"], ["-t"], ["-b", "-t"], ["-t", "-b"], ["--tag"]]
  .concat(
    [["-z"], ["-bz"], ["--tag", "-z"], ["--tag", "-b"]],
  );
testSame(
  "checksum.ts prints names as sha256sum does, in every mode",
  async (files) => {
    const names = files.writeOddNames();
    for (const mode of MODES) {
      const { code } = await assertSame([...mode, "--", ...names], files);
      assertEquals(code, 0);
    }
  },
);

const FORMATS = [[], ["-b"], ["--tag"]];

testSame("checksum.ts --check accepts what sha256sum prints", async (files) => {
  const names = files.writeOddNames();
  for (const format of FORMATS) {
    const list = await execute(["sha256sum", ...format, ...names], files);
    files.write("list", list.stdout);
    const { code, stdout } = await assertSame(
      ["-c", "--strict", "list"],
      files,
    );
    assertEquals(code, 0);
    assertEquals(stdout.match(/: OK\n/g)!.length, names.length);
  }
});

testSame("sha256sum --check accepts what checksum.ts prints", async (files) => {
  const names = files.writeOddNames();
  for (const format of FORMATS) {
    const list = await checksum([...format, "--", ...names], files);
    files.write("list", list.stdout);
    const { code, stdout } = await execute(
      ["sha256sum", "--check", "--strict", "list"],
      files,
    );
    assertEquals(code, 0);
    assertEquals(stdout.match(/: OK\n/g)!.length, names.length);
  }
});

testSame(
  "checksum.ts goes on after files that it cannot read, and exits with 1",
  async (files) => {
    fs.mkdirSync(files.at("directory"));
    fs.symlinkSync("loop", files.at("loop"));
    const names = ["missing", files.write("a"), "directory", "a/b", "loop"];
    const { code, stdout, stderr } = await assertSame(
      [...names, files.write("z")],
      files,
    );
    assertEquals(code, 1);
    assertEquals(stdout.split("\n").length, 3);
    assertEquals(
      stderr,
      `checksum: missing: No such file or directory
checksum: directory: Is a directory
checksum: a/b: Not a directory
checksum: loop: Too many levels of symbolic links
`,
    );
  },
);

test("checksum.ts goes on after a file that it may not read", {
  ignore: Deno.uid() === 0,
}, async (files) => {
  fs.chmodSync(files.at(files.write("secret")), 0);
  const { code, stdout, stderr } = await checksum(
    ["secret", files.write("a")],
    files,
  );
  assertEquals(code, 1);
  assertEquals(stdout, `${DIGEST}  a\n`);
  assertEquals(stderr, "checksum: secret: Permission denied\n");
});

test("checksum.ts says so when the runtime does not let it read", async (files) => {
  files.write("a");
  const command = CHECKSUM.filter((word) => word !== "--allow-read");
  const { code, stdout, stderr } = await execute([...command, "a"], files);
  assertEquals({ code, stdout }, { code: 1, stdout: "" });
  assertMatch(stderr, /^checksum: a: .*--allow-read.*\n$/);
});

test("checksum.ts puts names in quotes that could deceive in a message", async (files) => {
  const { stderr } = await checksum(["a: OK\nb", "\x1b[31m"], files);
  assertEquals(
    stderr,
    'checksum: "a: OK\\nb": No such file or directory\n' +
      'checksum: "\\u001b[31m": No such file or directory\n',
  );
});

const STANDARD_INPUTS = [[], ["-"], ["-", "-"], ["a", "-", "a", "-"], ["-b"]];
for (const args of STANDARD_INPUTS) {
  testSame(
    `checksum.ts ${args.join(" ")} reads standard input as sha256sum does`,
    async (files) => {
      files.write("a");
      for (const input of ["", "abc", pattern(5 * 2 ** 20 + 1)]) {
        const { code } = await assertSame(args, { cwd: files.cwd, input });
        assertEquals(code, 0);
      }
    },
  );
}

testSame("checksum.ts reads standard input from where it is", async (files) => {
  files.write("data", pattern(3 * 2 ** 20));
  const [theirs, ours] = await Promise.all(
    [["sha256sum"], CHECKSUM].map((command) =>
      execute(
        [
          "bash",
          "-c",
          `{ dd bs=5 count=1 of=/dev/null; "$@" -; "$@" -; } <data`,
        ]
          .concat("bash", command),
        files,
      )
    ),
  );
  assertEquals(ours.stdout, theirs.stdout);
  const rest = pattern(3 * 2 ** 20).subarray(5);
  const digest = createHash("sha256").update(rest).digest("hex");
  assertEquals(ours.stdout.split("\n")[0], `${digest}  -`);
});

test("checksum.ts reads a pipe until its end", async (files) => {
  makeFifo(files.at("pipe"));
  const bytes = pattern(5 * 2 ** 20 + 1);
  const finished = checksum(["pipe", files.write("a")], files);
  await Deno.writeFile(files.at("pipe"), bytes, { create: false });
  const { code, stdout } = await finished;
  assertEquals(code, 0);
  const digest = createHash("sha256").update(bytes).digest("hex");
  assertEquals(stdout.split("\n")[0], `${digest}  pipe`);
});

test("checksum.ts reads files of /proc, which claim to be empty", {
  ignore: !isLinux,
}, async (files) => {
  const command = [...commandOf("checksum", ["-A"]), "/proc/version"];
  const { stdout } = await execute(command, files);
  const bytes = fs.readFileSync("/proc/version");
  const digest = createHash("sha256").update(bytes).digest("hex");
  assertEquals(stdout, `${digest}  /proc/version\n`);
});

test(
  "checksum.ts takes no more memory for a larger file",
  { ignore: !isLinux || isEmulated }, // An emulator has half of that itself.
  async (files) => {
    const sizeBytes = 2 ** 30;
    files.write("large", "");
    fs.truncateSync(files.at("large"), sizeBytes);
    const child = new Deno.Command(CHECKSUM[0], {
      args: [...CHECKSUM.slice(1), "-a", "sha1", files.at("large")],
      stdout: "piped",
    }).spawn();
    let peakBytes = 0;
    let isRunning = true;
    const ended = child.output().finally(() => isRunning = false);
    while (isRunning) {
      peakBytes = Math.max(peakBytes, peakMemory(child.pid));
      await delay(5);
    }
    const { code, stdout } = await ended;
    assertEquals(code, 0);
    assertStringIncludes(
      new TextDecoder().decode(stdout),
      "2a492f15396a6768bcbca016993f4b4c8b0b5307  ",
    );
    assert(peakBytes > 0);
    assert(peakBytes < sizeBytes / 2, `it took ${peakBytes} bytes`);
  },
);

/** 0 if it has ended. */
function peakMemory(pid: number): number {
  try {
    const status = fs.readFileSync(`/proc/${pid}/status`, "utf8");
    return 1024 * Number(status.match(/^VmHWM:\s*(\d+) kB$/m)?.[1] ?? 0);
  } catch {
    return 0;
  }
}

/** A list that has one line of each kind. */
const MIXED = `# a comment
${DIGEST}  a

${OTHER}  a
nonsense
${DIGEST}  missing
${DIGEST.toUpperCase()} *a
SHA256 (a) = ${DIGEST}
MD5 (a) = d41d8cd98f00b204e9800998ecf8427e
`;

const REPORTS = [[], ["--quiet"], ["--status"], ["--warn"], ["--strict"]]
  .concat(
    [["--ignore-missing"], ["--ignore-missing", "--quiet", "--strict"]],
    [["--quiet", "--warn"], ["--status", "--quiet"], ["--warn", "--status"]],
  );
for (const options of REPORTS) {
  const args = ["--check", ...options];
  testSame(
    `checksum.ts ${args.join(" ")} reports as sha256sum does`,
    async (files) => {
      files.write("a");
      files.write("mixed", MIXED);
      files.write("right", `${DIGEST}  a\n`);
      files.write("nearly", `${DIGEST}  a\nnonsense\n`);
      files.write("part", `${DIGEST}  a\n${DIGEST}  missing\n`);
      files.write("absent", `${DIGEST}  missing\n`);
      for (const list of ["mixed", "right", "nearly", "part"]) {
        await assertSame([...args, list], files);
      }
      await assertSame([...args, "mixed", "right", "absent", "gone"], files);
      await assertSame([...args], { cwd: files.cwd, input: MIXED });
      await assertSame([...args, "-"], { cwd: files.cwd, input: MIXED });
    },
  );
}

test("checksum.ts --check tells what is right, what is not, and exits with 1", async (files) => {
  files.write("a");
  files.write("list", MIXED);
  assertEquals(await checksum(["--check", "list"], files), {
    code: 1,
    stdout: `a: OK
a: FAILED
missing: FAILED open or read
a: OK
a: OK
`,
    stderr: `checksum: missing: No such file or directory
checksum: WARNING: 2 lines are improperly formatted
checksum: WARNING: 1 listed file could not be read
checksum: WARNING: 1 computed checksum did NOT match
`,
  });
});

test("checksum.ts --check exits with 0 when all is right", async (files) => {
  files.write("a");
  files.write("list", `${DIGEST}  a\nnonsense\n`);
  const lenient = await checksum(["--check", "--status", "list"], files);
  assertEquals(lenient, { code: 0, stdout: "", stderr: "" });
  const strict = await checksum(
    ["--check", "--status", "--strict", "list"],
    files,
  );
  assertEquals(strict, { code: 1, stdout: "", stderr: "" });
});

test("checksum.ts --check finds a single changed bit in a large file", async (files) => {
  const bytes = pattern(9 * 2 ** 20 + 7);
  files.write("large", bytes);
  const { stdout } = await checksum(["large"], files);
  files.write("list", stdout);
  assertEquals((await checksum(["-c", "list"], files)).code, 0);
  bytes[5 * 2 ** 20 + 3] ^= 1;
  files.write("large", bytes);
  const changed = await checksum(["-c", "list"], files);
  assertEquals(changed.code, 1);
  assertEquals(changed.stdout, "large: FAILED\n");
});

testSame(
  "checksum.ts --check reads what a list says of standard input",
  async (files) => {
    files.write("list", `${DIGEST}  -\n`);
    for (const input of ["this is a", "this is not a"]) {
      await assertSame(["-c", "list"], { cwd: files.cwd, input });
    }
    // A list that comes from there cannot say anything of it.
    const input = `${DIGEST}  -\n${DIGEST}  ${files.write("a")}\n`;
    const { stdout } = await assertSame(["-c"], { cwd: files.cwd, input });
    assertEquals(stdout, "a: OK\n");
  },
);

test("checksum.ts --check says when there is nothing to check in a list", async (files) => {
  files.write("empty", "");
  files.write("nonsense", "nonsense\n");
  files.write("md5", "d41d8cd98f00b204e9800998ecf8427e  empty\n");
  for (const list of ["empty", "nonsense", "md5"]) {
    assertEquals(await checksum(["-c", list], files), {
      code: 1,
      stdout: "",
      stderr: `checksum: ${list}: no properly formatted checksum lines found\n`,
    });
  }
  const md5 = await checksum(["-c", "-a", "md5", "md5"], files);
  assertEquals(md5, { code: 0, stdout: "empty: OK\n", stderr: "" });
});

/** Pieces that lines of lists are made of, right ones and wrong ones. */
const LINES = (() => {
  const digest = fc.constantFrom(
    ...[DIGEST, DIGEST.toUpperCase(), OTHER, DIGEST.slice(1), `${DIGEST}0`],
    DIGEST.replace(/.$/, "x"),
  );
  const name = fc.constantFrom(
    ...["a", " a", "*a", "a ", "(a)", "missing", "b", "", " ", "*", "  a"],
    ...[
      "back\\\\slash",
      "back\\slash",
      "line\\nbreak",
      "end\\",
      "\\x",
      "\\\\n",
    ],
  );
  const escape = fc.constantFrom("", "", "\\");
  const before = fc.constantFrom("", "", "", " ", "\t ", "#");
  const after = fc.constantFrom("", "", "", "\r", " ", "\r\r");
  const plain = fc.tuple(
    before,
    escape,
    digest,
    fc.constantFrom("  ", " *", " ", "\t", "\t ", "\t*", "", "   "),
    name,
    after,
  );
  const blanks = fc.constantFrom("", " ", "  ", "\t");
  const tagged = fc.tuple(
    before,
    escape,
    fc.constantFrom("SHA256", "SHA256 ", "SHA256  ", "MD5 ", "sha256 "),
    fc.constantFrom("(", ""),
    name,
    fc.constantFrom(")", ")", "))", ""),
    blanks,
    fc.constantFrom("=", "=", ""),
    blanks,
    digest,
    after,
  );
  const parts = fc.oneof(plain, tagged).map((parts) => parts.join(""));
  return fc.array(fc.oneof(parts, parts, fc.string()), { maxLength: 20 });
})();

test(
  "checksum.ts --check understands any list as sha256sum does",
  { ignore: !isCoreutils, limit_ms: 120_000 },
  async (files) => {
    files.write("a");
    for (
      const name of [" a", "*a", "a ", "(a)", "back\\slash", "line\nbreak"]
    ) {
      files.write(name, "this is a");
    }
    const options = fc.subarray(["--ignore-missing", "--strict", "--quiet"]);
    // Standard input is no file here, and how a line with NUL ends is not told.
    const lines = LINES.filter((lines) =>
      lines.every((line) => !/[\0]|(^| |\*)-$/.test(line))
    );
    // Each has its own way to put the names in messages into quotes.
    const named = /^checksum: .*: No such file or directory\n/gm;
    await fc.assert(
      fc.asyncProperty(lines, options, async (lines, options) => {
        files.write("list", lines.join("\n"));
        const args = ["-c", ...options, "list"];
        const { ours, theirs } = await runBoth(args, files);
        // Deno refuses an empty name itself, unless everything is permitted.
        fc.pre(
          !ours.stderr.includes('checksum: "": Empty path is not allowed'),
        );
        ours.stderr = ours.stderr.replaceAll(named, "");
        theirs.stderr = theirs.stderr.replaceAll(named, "");
        assertEquals(ours, theirs);
      }),
      { numRuns: 30 },
    );
  },
);

testSame(
  "checksum.ts --check reads lists of BSD's md5 -r, if they are not mixed with others",
  async (files) => {
    files.write("a");
    files.write(" a", "this is a");
    const [standard, reversed] = [`${DIGEST}  a`, `${DIGEST} a`];
    const outputs = [[reversed], [standard, reversed], [reversed, standard]];
    const stdout = [];
    for (const lines of outputs) {
      files.write("list", lines.join("\n"));
      stdout.push((await assertSame(["-c", "list"], files)).stdout);
    }
    assertEquals(stdout, ["a: OK\n", "a: OK\n", "a: OK\n a: OK\n"]);
  },
);

test(
  "checksum.ts fails when it cannot write",
  { ignore: !isLinux },
  async (files) => {
    files.write("a");
    const { code, stderr } = await execute(
      ["bash", "-c", `"$@" a >/dev/full`, "bash", ...CHECKSUM],
      files,
    );
    assertEquals(code, 1);
    assertEquals(stderr, "checksum: write error: No space left on device\n");
  },
);

test(
  "checksum.ts ends when nobody reads what it prints",
  { ignore: !isLinux },
  async (files) => {
    files.write("a");
    const { stdout } = await execute(
      ["bash", "-c", `"$@" | head -n 1; echo "\${PIPESTATUS[0]}"`, "bash"]
        .concat(
          CHECKSUM,
          Array.from({ length: 2000 }, () => "a"),
        ),
      files,
    );
    assertEquals(stdout, `${DIGEST}  a\n1\n`);
  },
);

test("checksum.ts --progress shows a bar on a terminal", {
  ignore: !hasPseudoTerminal,
}, async (files) => {
  const bytes = pattern(9 * 2 ** 20);
  files.write("a", bytes);
  const names = ["a", "missing", "a/b", "a"];
  const { code, stdout } = await executeOnTerminal(
    [...CHECKSUM, "--progress", ...names],
    files,
  );
  assertEquals(code, 1, stdout);
  assertStringIncludes(stdout, "\u2588 100 %  18.9 MB, ");
  const digest = createHash("sha256").update(bytes).digest("hex");
  // Each line begins where the bar has been wiped out.
  assertEquals(stdout.split(`\x1b[K${digest}  a\r\n`).length, 3);
});

test("checksum.ts --progress shows nothing elsewhere", async (files) => {
  files.write("a");
  assertEquals(await checksum(["--progress", "a"], files), {
    code: 0,
    stdout: `${DIGEST}  a\n`,
    stderr: "",
  });
});

const MISUSES: [string, string[], string][] = [
  ["an unknown algorithm", ["-a", "crc"], 'there is no algorithm "crc"'],
  ["an algorithm that is none", ["-a", "toString"], "there is no algorithm"],
  ["no jobs", ["--jobs=0"], '--jobs must be 1 to 64, not "0"'],
  ["a depth beyond all", ["--depth=65"], '--depth must be 1 to 64, not "65"'],
  ["--tag with --text", ["--tag", "-t"], "--tag does not support --text mode"],
  ["-cz", ["-cz"], "the --zero option is meaningless when verifying"],
  ["-c --tag", ["-c", "--tag"], "the --tag option is meaningless when"],
  ["-cb", ["-cb"], "the --binary option is meaningless when verifying"],
  ["-ct", ["-ct"], "the --text option is meaningless when verifying"],
  ...["--ignore-missing", "--quiet", "--status", "--strict", "--warn"].map(
    (option): [string, string[], string] => [
      `${option} without --check`,
      [option],
      `the ${option} option is meaningful only when verifying checksums`,
    ],
  ),
];
for (const [what, args, message] of MISUSES) {
  test(`parseCommandLine() of checksum.ts refuses ${what}`, () => {
    const wrong = () => parseCommandLine([...args, "a"]);
    assertThrows(wrong, UsageError, message);
  });
}

test("checksum.ts refuses an unknown option and exits with 1", async (files) => {
  const { code, stdout, stderr } = await checksum(["--fast", "a"], files);
  assertEquals({ code, stdout }, { code: 1, stdout: "" });
  assertMatch(stderr, /^checksum: .* \(--help tells the usage\)\n$/);
  assertStringIncludes(stderr, "Unknown option '--fast'");
});

test("checksum.ts --help names every option", async (files) => {
  const { code, stdout } = await checksum(["--help"], files);
  assertEquals(code, 0);
  const options = ["algorithm", "binary", "text", "tag", "zero", "jobs"].concat(
    ["depth", "progress", "check", "ignore-missing", "quiet", "status"],
    ["strict", "warn", "help"],
  );
  for (const option of options) assertStringIncludes(stdout, `--${option} `);
});

test("checksums() leaves nothing open or in flight", async (files) => {
  files.write("large", pattern(9 * 2 ** 20));
  fs.mkdirSync(files.at("directory"));
  const names = ["large", "missing", "directory", "large"]
    .map((name) => files.at(name));
  const results = [];
  for await (const result of checksums(names, { jobs: 2, depth: 3 })) {
    results.push(result.error === undefined);
  }
  assertEquals(results, [true, false, false, true]);
  const { inFlight, queued, lanes } = metrics();
  assertEquals({ inFlight, queued, lanes }, {
    inFlight: 0,
    queued: 0,
    lanes: 0,
  });
});

test("checksums() stops when nobody wants more of them", async (files) => {
  files.write("a");
  files.write("large", "");
  fs.truncateSync(files.at("large"), 2 ** 40);
  const names = ["a", ...Array.from({ length: 100 }, () => "large")];
  for await (
    const { name, error } of checksums(names.map((name) => files.at(name)))
  ) {
    assertEquals([name, error], [files.at("a"), undefined]);
    break;
  }
  const busy = () =>
    metrics().inFlight + metrics().queued + metrics().lanes > 0;
  while (busy()) await delay(5);
});

test("checksums() tells for each file that its thread has failed", async (files) => {
  const paths = ["a", "b", "c", "d"].map((name) => files.at(files.write(name)));
  // The runtime prints what ends a worker: into the pipe of this process.
  const failures = await report("failing_checksums", { args: paths });
  assertEquals(failures.map(([name]: string[]) => name).toSorted(), paths);
  for (const [, message] of failures) assertStringIncludes(message, "unknown");
});
