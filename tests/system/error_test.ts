// AioError: what an error of the system says.

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { constants } from "node:os";
import * as aio from "../../mod.ts";
import { AioError } from "../../mod.ts";
import { test } from "../helpers/test.ts";

const isGlibc = Deno.build.target.endsWith("linux-gnu");

test("AioError says what failed, why, and where", () => {
  const error = new AioError("Cannot read the block", {
    errno: constants.errno.EIO,
    syscall: "aio_read",
    fd: 3,
    offset: 4096,
    bytesTransferred: 512,
    path: "/a/file",
  });
  assert(error instanceof Error);
  assertEquals(error.name, "AioError");
  assertEquals(
    error.message,
    "Cannot read the block: Input/output error (EIO, aio_read)",
  );
  const { code, errno, syscall, fd, offset, bytesTransferred, path } = error;
  assertEquals(
    { code, errno, syscall, fd, offset, bytesTransferred, path },
    {
      code: "EIO",
      errno: constants.errno.EIO,
      syscall: "aio_read",
      fd: 3,
      offset: 4096,
      bytesTransferred: 512,
      path: "/a/file",
    },
  );
  assert(String(error).startsWith("AioError: Cannot read the block"));
  assertStringIncludes(error.stack!, "error_test.ts");
});

test("AioError has no properties for what does not apply", () => {
  const error = new AioError("Cannot tell", { errno: 22, syscall: "fstat" });
  for (const name of ["fd", "offset", "bytesTransferred", "path"]) {
    assert(!(name in error), name);
  }
});

test("AioError keeps zeros", () => {
  const error = new AioError("Cannot tell", {
    errno: 22,
    syscall: "aio_read",
    fd: 0,
    offset: 0,
    bytesTransferred: 0,
    path: "",
  });
  const { fd, offset, bytesTransferred, path } = error;
  assertEquals([fd, offset, bytesTransferred, path], [0, 0, 0, ""]);
});

test("AioError names every error number of the system", () => {
  const aliases = new Map([
    ["EWOULDBLOCK", "EAGAIN"],
    ["EDEADLOCK", "EDEADLK"],
    ["ENOTSUP", "EOPNOTSUPP"],
  ]);
  for (const [name, errno] of Object.entries(constants.errno)) {
    const { code, message } = new AioError("It", { errno, syscall: "read" });
    assert(
      code === name || code === aliases.get(name) ||
        name === aliases.get(code),
      `${errno} is ${name}, not ${code}`,
    );
    assertStringIncludes(message, code);
  }
});

test("AioError says of every error number what strerror() says", {
  ignore: !isGlibc,
}, () => {
  const libc = Deno.dlopen("libc.so.6", {
    strerror: { parameters: ["i32"], result: "pointer" },
  });
  for (let errno = 1; errno <= 133; errno++) {
    const text = libc.symbols.strerror(errno)!;
    const { message, code } = new AioError("It", { errno, syscall: "read" });
    assertEquals(
      message,
      `It: ${Deno.UnsafePointerView.getCString(text)} (${code}, read)`,
    );
  }
  libc.close();
});

test("AioError has a name for a number that the system does not name", () => {
  const error = new AioError("It", { errno: 9999, syscall: "read" });
  assertEquals([error.code, error.errno], ["E9999", 9999]);
  assertEquals(error.message, "It: Unknown error 9999 (E9999, read)");
});

test("the error constants have the values of the system", () => {
  const { errno } = constants;
  const names = [
    "EINPROGRESS",
    "ECANCELED",
    "EAGAIN",
    "EBADF",
    "EINVAL",
    "EIO",
    "EINTR",
    "ENOSYS",
    "EOVERFLOW",
    "EFBIG",
    "ENOSPC",
  ] as const;
  for (const name of names) assertEquals(aio[name], errno[name], name);
});
