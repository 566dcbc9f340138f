// Permissions of the runtime: the work goes through native calls, but what a
// program may open is what the runtime lets it open.

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { constants } from "node:fs";
import type { OpenOptions } from "../../mod.ts";
import {
  Directory,
  endBefore,
  execute,
  finish,
  hasTerminals,
  isLinux,
  report,
  start,
  test,
} from "../helpers/mod.ts";
import { hasTooOldDeno, TOO_OLD_DENO } from "../helpers/oldest_deno.ts";

/** Opens paths with Deno.open() and AioFile.open(), and compares. */
function attempts(
  flags: string[],
  cases: [path: string, options: OpenOptions][],
  // deno-lint-ignore no-explicit-any
): Promise<any> {
  return report("permission", { flags, args: [JSON.stringify(cases)] });
}

const denied = { name: "NotCapable", isNotCapable: true };
const opened = { name: "opened" };

/** What both do alike. */
function alike<T>(...outcomes: T[]): { deno: T; aio: T }[] {
  return outcomes.map((outcome) => ({ deno: outcome, aio: outcome }));
}

test("AioFile.open() without --allow-read fails as Deno.open() does", async () => {
  using directory = new Directory();
  const path = directory.file("contents");
  const outcomes = await attempts(["--allow-ffi", "--allow-write"], [
    [path, { read: true }],
    [path, { read: true, write: true }],
    [directory.at("missing"), { read: true }],
    [path, { write: true }],
  ]);
  assertEquals(outcomes, alike<unknown>(denied, denied, denied, opened));
});

test(
  "AioFile.open() with O_NOFOLLOW opens no link, where not everything is permitted",
  {
    ignore: !isLinux,
  },
  async () => {
    using directory = new Directory();
    const path = directory.file("contents");
    const link = directory.at("link");
    Deno.symlinkSync(path, link);
    const flags = ["--allow-ffi", "--allow-read", "--allow-write"];
    const options: OpenOptions = { read: true, flags: constants.O_NOFOLLOW };
    const outcomes = await attempts(flags, [
      [link, options],
      [path, options],
    ]);
    const names = outcomes.map(({ aio }: { aio: { name: string } }) =>
      aio.name
    );
    assertEquals(names, ["AioError", "opened"]);

    const module = new URL("../../mod.ts", import.meta.url).href;
    const program = `
      import { AioFile } from ${JSON.stringify(module)};
      const how = { write: true, truncate: true, flags: ${options.flags} };
      await AioFile.open(${JSON.stringify(link)}, how).catch(console.log);`;
    Deno.writeTextFileSync(directory.at("open.ts"), program);
    const { stdout } = await execute(
      [Deno.execPath(), "run", ...flags, directory.at("open.ts")],
      { signal: endBefore() },
    );
    assertStringIncludes(stdout, "ELOOP");
    assertEquals(Deno.readTextFileSync(path), "contents");
  },
);

test("AioFile.open() without --allow-write fails as Deno.open() does", async () => {
  using directory = new Directory();
  const path = directory.file("contents");
  const created = directory.at("created");
  const outcomes = await attempts(["--allow-ffi", "--allow-read"], [
    [path, { read: true }],
    [path, { write: true }],
    [path, { append: true }],
    [path, { read: true, write: true }],
    [path, { write: true, truncate: true }],
    [created, { write: true, create: true }],
    [created, { append: true, createNew: true }],
  ]);
  assertEquals(outcomes, [
    ...alike<unknown>(opened),
    ...alike<unknown>(...Array(6).fill(denied)),
  ]);
  assertEquals(Deno.readTextFileSync(path), "contents");
  assertEquals([...Deno.readDirSync(directory.path)].length, 1);
});

test("AioFile.open() with neither permission fails as Deno.open() does", async () => {
  using directory = new Directory();
  const path = directory.file();
  const outcomes = await attempts(["--allow-ffi"], [
    [path, { read: true }],
    [path, { write: true }],
  ]);
  assertEquals(outcomes, alike(denied, denied));
});

test("AioFile.open() keeps to the directories of the permissions", {
  ignore: !isLinux,
}, async () => {
  using allowed = new Directory();
  using other = new Directory();
  const inside = allowed.file("inside");
  const outside = other.file("outside");
  Deno.symlinkSync(outside, allowed.at("link"));
  const outcomes = await attempts(
    [
      "--allow-ffi",
      `--allow-read=${allowed.path}`,
      `--allow-write=${allowed.path}`,
    ],
    [
      [inside, { read: true, write: true }],
      [allowed.at("new"), { write: true, create: true }],
      [outside, { read: true }],
      [outside, { write: true }],
      [`${allowed.path}/../${outside.split("/").slice(2).join("/")}`, {
        read: true,
      }],
      [allowed.at("link"), { read: true }],
      [allowed.at("link"), { write: true }],
      ["/proc/self/mem", { read: true }],
    ],
  );
  const ours = outcomes.map(({ aio }: { aio: unknown }) => aio);
  const theirs = outcomes.map(({ deno }: { deno: unknown }) => deno);
  assertEquals(ours, theirs);
  for (const at of [0, 1]) assertEquals(theirs[at], opened);
  for (const at of [2, 3, 4, 7]) assertEquals(theirs[at], denied);
});

test("AioFile.open() of an empty path fails with ENOENT, whatever is permitted", async () => {
  using directory = new Directory();
  const module = new URL("../../mod.ts", import.meta.url).href;
  const program = directory.file(`
    import { AioFile } from ${JSON.stringify(module)};
    for (const path of ["", new Uint8Array(0)]) {
      for (const how of ["r", "w"]) {
        await AioFile.open(path, how)
          .catch(({ name, code }) => console.log(name, code));
      }
    }`);
  const some = ["read", "write"].map((name) => `--allow-${name}=${Deno.cwd()}`);
  for (const flags of [[], some, ["-A"]]) {
    const { stdout, stderr } = await execute(
      [Deno.execPath(), "run", "--no-prompt", ...flags, program],
      { signal: endBefore() },
    );
    assertEquals(stdout, "AioError ENOENT\n".repeat(4), stderr);
  }
});

test("append() cannot write where only reading is allowed", async () => {
  using directory = new Directory();
  const path = directory.file("contents");
  const outcome = await report("permission_to_append", {
    flags: ["--allow-ffi", "--allow-read"],
    args: [path],
  });
  assertEquals(outcome, { append: "EBADF", write: "EBADF", read: 8 });
  assertEquals(Deno.readTextFileSync(path), "contents");
});

const WORKS = 'files work without it, by the engine "fs"';

/** That the C interface refuses, and files work. */
// deno-lint-ignore no-explicit-any
function assertFilesWork(outcome: any, reason: string): void {
  const { file, adopted, metrics, pinned, block, read, suspend } = outcome;
  assertEquals(file.result, "Contentsat the end", file.message);
  assertEquals(adopted, { result: 0 });
  assertEquals(metrics, { result: "fs" });
  assertEquals(pinned, { result: true });
  for (const { isNotCapable, message } of [block, read, suspend]) {
    assertEquals(isNotCapable, true, message);
    assertStringIncludes(message, "ffi");
  }
  assertEquals([outcome.available, outcome.engine], [false, "fs"]);
  assertStringIncludes(outcome.reason, reason);
  assertStringIncludes(outcome.reason, WORKS);
}

test("without --allow-ffi files work, and the C interface says what is missing", async () => {
  using directory = new Directory();
  const path = directory.file("contents");
  const flags = ["--allow-read", "--allow-write"];
  const outcome = await report("no_ffi", { flags, args: [path] });
  assertFilesWork(outcome, "--allow-ffi");
});

for (const engine of ["io_uring", "librt"] as const) {
  test(
    `requests reject, and a sync does not hang, once the permission for native calls is revoked, on ${engine}`,
    {
      engine,
      ignore: !isLinux,
    },
    async () => {
      using directory = new Directory();
      for (const temperature of ["cold", "warm"]) {
        const args = [directory.file(), temperature];
        // What there is memory for already is served.
        const short = temperature === "cold" ? "NotCapable" : "resolved";
        assertEquals(await report("revoked_ffi", { args, engine }), {
          write: short,
          append: "NotCapable",
          batch: short,
          queue: short,
          read: "settled",
          readInBatch: "settled",
          sync: "settled",
          close: "settled",
          left: 0,
          completions: 3,
        });
      }
    },
  );

  test(
    `requests of pipes settle, and close() resolves, once the permission for native calls is revoked, on ${engine}`,
    {
      engine,
      ignore: !isLinux,
    },
    async () => {
      using directory = new Directory();
      for (const temperature of ["cold", "warm"]) {
        const args = [directory.file(), temperature];
        const waiting = temperature === "cold" ? 0 : 3;
        assertEquals(await report("revoked_ffi_pipes", { args, engine }), {
          inFlight: Array(waiting).fill("settled"),
          write: "settled",
          writeOfSocket: "NotCapable",
          readOfSocket: "NotCapable",
          oneBehindTheOther: Array(2).fill("NotCapable"),
          sync: "settled",
          queue: "NotCapable",
          canceled: "settled",
          close: Array(5).fill("resolved"),
          left: 0,
        });
      }
    },
  );
}

test("without any permission importing works, and Deno refuses the file", async () => {
  using directory = new Directory();
  const path = directory.file("contents");
  const { file, engine, block } = await report("no_ffi", {
    flags: [],
    args: [path],
  });
  assertEquals(file.isNotCapable, true, file.message);
  assertStringIncludes(file.message, "--allow-read");
  assertEquals(engine, "fs");
  assertEquals(block.isNotCapable, true, block.message);
});

test("without --allow-ffi an engine that needs it says so when it is asked for", async () => {
  using directory = new Directory();
  const path = directory.file("contents");
  const flags = ["--allow-read", "--allow-write"];
  for (const wanted of ["librt", "io_uring"]) {
    const { file, metrics, available, reason, engine } = await report(
      "no_ffi",
      { flags, args: [path, wanted] },
    );
    for (const outcome of [file, metrics]) {
      assertEquals(outcome.isNotCapable, true, outcome.message);
      assertStringIncludes(outcome.message, "ffi");
    }
    assertEquals([available, engine], [false, undefined]);
    assertStringIncludes(reason, "--allow-ffi");
    assertStringIncludes(reason, `"${wanted}"`);
    assert(!reason.includes("files work"), reason);
  }
});

test(
  "--allow-ffi for some libraries only is as none, and the C interface says what it takes",
  {
    ignore: !isLinux,
  },
  async () => {
    using directory = new Directory();
    const rights = ["--allow-read", "--allow-write"];
    // Deno takes these for files in the working directory.
    const names = ["--allow-ffi=librt.so.1,libc.so.6,libc.so"];
    const paths = ["--allow-ffi=/lib,/usr/lib,/lib64,/usr/lib64"];
    // It does so as well where anything is denied.
    const others = ["--allow-ffi", "--deny-ffi=/nowhere"];
    for (const some of [names, paths, others]) {
      const path = directory.file("contents");
      const outcome = await report("no_ffi", {
        flags: [...some, ...rights],
        args: [path],
      });
      assertFilesWork(outcome, "--allow-ffi without a path");
    }
  },
);

test(
  "at a terminal the C interface asks for native calls once, and works where they are granted",
  {
    ignore: !hasTerminals(),
  },
  async () => {
    using directory = new Directory();
    const rights = ["--allow-read", "--allow-write"];
    const program = new URL("../programs/no_ffi.ts", import.meta.url).pathname;
    // A grant for names is none, so that it asks as well.
    for (const some of [[], ["--allow-ffi=librt.so.1"]]) {
      const path = directory.file("contents");
      const run = [Deno.execPath(), "run", ...rights, ...some, program, path];
      const child = start(["script", "-qec", run.join(" "), "/dev/null"], {
        stdin: "piped",
        signal: endBefore(),
      });
      const keys = child.stdin.getWriter();
      // Deno drops what comes before it has been silent for a while.
      const typing = setInterval(() => {
        keys.write(new TextEncoder().encode("y\n")).catch(() => {});
      }, 300);
      const { stdout } = await finish(child);
      clearInterval(typing);
      await keys.close().catch(() => {});
      const answers = stdout.match(/Granted ffi access/g) ?? [];
      assertEquals(answers.length, 1, stdout);
      const { block, read } = JSON.parse(stdout.match(/^\{"file".*$/m)![0]);
      assertEquals([block.message, read.message], [undefined, undefined]);
    }
  },
);

test(
  "a path that is not UTF-8 takes permission for all files, and native calls",
  {
    ignore: !isLinux,
  },
  async () => {
    using directory = new Directory();
    const name = "printf contents > \"$0/f$(printf '\\351')\"";
    await execute(["sh", "-c", name, directory.path], { signal: endBefore() });
    const outcomeWith = (...flags: string[]) =>
      report("latin_path", { flags, args: [directory.path] });

    const all = await outcomeWith(
      "--allow-ffi",
      "--allow-read",
      "--allow-write",
    );
    assertEquals(all, { reading: 8, writing: 8 });
    const some = await outcomeWith(
      "--allow-ffi",
      "--allow-read",
      "--deny-read=/etc",
      `--allow-write=${directory.path}`,
    );
    for (const [access, outcome] of Object.entries(some)) {
      const { what, message } = outcome as { what: string; message: string };
      assertEquals(what, "NotCapable", message);
      const flag = access === "reading" ? "--allow-read" : "--allow-write";
      assertStringIncludes(message, `${flag} without a path`);
    }
    const none = await outcomeWith("--allow-read", "--allow-write");
    for (const { what, message } of [none.reading, none.writing]) {
      assertEquals(what, "EILSEQ", message);
      assertStringIncludes(message, "that takes --allow-ffi");
    }
  },
);

test(
  "stat() of a descriptor that the runtime has not opened asks for no file",
  {
    ignore: !isLinux,
    engine: "librt",
  },
  async () => {
    using directory = new Directory();
    const [path, audit] = [directory.file("contents"), directory.file("")];
    const outcome = await report("inherited", {
      flags: ["--allow-ffi"],
      wrapper: ["bash", "-c", 'exec 9< "$0"; exec "$@"', path],
      env: { DENO_AUDIT_PERMISSIONS: audit },
    });
    assertEquals(outcome.code, "ENOTSUP");
    // Only of what is not permitted would somebody be asked.
    const asked = Deno.readTextFileSync(audit).split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line))
      .filter(({ permission }) => permission !== "ffi");
    assertEquals(asked, []);
  },
);

const hasOldDeno = hasTooOldDeno();

test(
  "a Deno that is too old has files, and the C interface says which version it takes",
  {
    engine: "librt",
    ignore: !hasOldDeno,
  },
  async () => {
    using directory = new Directory();
    const path = directory.file("contents");
    const program = new URL("../programs/too_old.ts", import.meta.url).pathname;
    const { code, stdout, stderr } = await execute(
      ["npx", "-y", TOO_OLD_DENO, "run", "-A", "--no-lock", program, path],
      { signal: endBefore() },
    );
    assertEquals(code, 0, stderr);
    const { version, available, reason, engine, text, errors } = JSON.parse(
      stdout,
    );
    assertEquals(version, "2.7.11");
    assertEquals([engine, text], ["fs", "contentsend"]);
    assertEquals(available, false);
    assertStringIncludes(reason, "2.7.12");
    assertStringIncludes(reason, WORKS);
    for (const { name, code, errno, message } of errors) {
      assertEquals({ name, code, errno }, {
        name: "AioError",
        code: "ENOSYS",
        errno: 38,
      });
      assertStringIncludes(message, "2.7.11");
      assertStringIncludes(message, "2.7.12");
      assertStringIncludes(message, WORKS);
    }
    assertEquals(errors.length, 2);
  },
);
