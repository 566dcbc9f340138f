// When the process ends, and when it must not.

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import {
  assertBytes,
  Directory,
  Fifo,
  isLinux,
  pattern,
  Program,
  run,
  test,
  untilBlocked,
} from "../helpers/mod.ts";

const MIB = 1024 * 1024;

test("the process ends when nothing is in flight", async () => {
  using directory = new Directory();
  const path = directory.file(pattern(100_000));
  for (const scenario of ["closed", "left open", "after many"]) {
    for (const pageCache of [true, false]) {
      const ended = await run("ending", { args: [scenario, path], pageCache });
      assertEquals(ended, { code: 0, signal: null, stdout: "", stderr: "" });
    }
  }
});

for (const scenario of ["readAt", "aio_read", "aio_suspend", "lio_listio"]) {
  test(`the process stays for ${scenario}() until that is done`, {
    ignore: !isLinux,
  }, async () => {
    await using fifo = new Fifo();
    await using program = new Program("ending", {
      args: [scenario, fifo.path],
    });
    assertEquals(await program.line(), "submitted");
    // The system has only what was submitted by the C interface.
    if (scenario !== "readAt") await untilBlocked(fifo.path, program.pid);
    assert(await program.isRunning());
    fifo.feed("x");
    const { code, signal, stderr } = await program.end();
    assertEquals({ code, signal, stderr }, {
      code: 0,
      signal: null,
      stderr: "",
    });
    // It was read: the process did not just end.
    assertEquals(fifo.drain().length, 0);
  });
}

for (const [scenario, says] of [["aborted", "enough"], ["canceled", "true"]]) {
  test(`the process ends when its only read of a FIFO is ${scenario}`, {
    ignore: !isLinux,
  }, async () => {
    await using fifo = new Fifo();
    const ended = await run("ending", { args: [scenario, fifo.path] });
    assertEquals(ended, {
      code: 0,
      signal: null,
      stdout: `${says}\n`,
      stderr: "",
    });
    fifo.feed("x");
    assertEquals(fifo.drain().length, 1);
  });
}

test("the process stays for requests that wait in the library", {
  ignore: !isLinux,
}, async () => {
  await using fifo = new Fifo();
  await using program = new Program("ending", { args: ["many", fifo.path] });
  assertEquals(await program.line(), "submitted");
  for (const bytes of ["1", "2", "3", "4"]) {
    assert(await program.isRunning(50));
    fifo.feed(bytes);
    assertEquals(await program.line(), bytes);
  }
  assertEquals((await program.end()).code, 0);
});

test("writes that nobody awaits are in the file when the process has ended", async () => {
  using directory = new Directory();
  for (const scenario of ["writeAt", "aio_write"]) {
    const path = directory.file();
    const ended = await run("ending", { args: [scenario, path] });
    assertEquals(ended, { code: 0, signal: null, stdout: "", stderr: "" });
    assertBytes(Deno.readFileSync(path), pattern(3 * MIB));
  }
});

test(
  "Deno.exit() in flight ends with its code",
  { ignore: !isLinux },
  async () => {
    await using fifo = new Fifo();
    await using program = new Program("ending", { args: ["exit", fifo.path] });
    const { code, signal, stderr } = await program.end();
    assertEquals({ code, signal, stderr }, {
      code: 7,
      signal: null,
      stderr: "",
    });
  },
);

test("Deno.exit() with thousands of transfers in flight ends with its code", async () => {
  using directory = new Directory();
  const path = directory.file(pattern(MIB));
  const ended = await run("ending", {
    args: ["exit busily", path],
    pageCache: false,
  });
  assertEquals(ended, { code: 7, signal: null, stdout: "", stderr: "" });
});

for (const scenario of ["throw", "reject"]) {
  test(`an error that nobody catches (${scenario}) ends with code 1`, {
    ignore: !isLinux,
  }, async () => {
    await using fifo = new Fifo();
    await using program = new Program("ending", {
      args: [scenario, fifo.path],
    });
    const { code, signal, stderr } = await program.end();
    assertEquals({ code, signal }, { code: 1, signal: null });
    assertStringIncludes(stderr, "nobody catches this");
  });
}

test("an AioError that nobody catches ends with code 1 and says what it is", {
  ignore: !isLinux,
}, async () => {
  const { code, stderr } = await run("ending", {
    args: ["fail", "/dev/full"],
  });
  assertEquals(code, 1);
  assertStringIncludes(
    stderr,
    'Cannot write 3 bytes at offset 0 of "/dev/full"',
  );
  assertStringIncludes(stderr, "ENOSPC");
});

test(
  "a signal that ends the process ends it in flight",
  { ignore: !isLinux },
  async () => {
    await using fifo = new Fifo();
    for (const scenario of ["readAt", "aio_read"]) {
      await using program = new Program("ending", {
        args: [scenario, fifo.path],
      });
      assertEquals(await program.line(), "submitted");
      if (scenario === "aio_read") await untilBlocked(fifo.path, program.pid);
      assert(await program.isRunning(50));
      Deno.kill(program.pid, "SIGTERM");
      assertEquals((await program.end()).signal, "SIGTERM");
    }
  },
);
