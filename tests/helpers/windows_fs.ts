/**
 * `node:fs` as the runtimes for Windows have it, in the place of the real one: with
 * fewer flags, and with failures of their own.
 *
 * @module
 */
import * as fs from "node:fs";

export * from "node:fs";

const { O_RDONLY, O_WRONLY, O_RDWR, O_CREAT, O_EXCL, O_TRUNC, O_APPEND } =
  fs.constants;

/** All that there are on Node before 26, Bun and Deno. */
export const constants = {
  O_RDONLY,
  O_WRONLY,
  O_RDWR,
  O_CREAT,
  O_EXCL,
  O_TRUNC,
  O_APPEND,
};

/** The numbers are libuv's. */
function failure(code: string, errno: number): Failure {
  return Object.assign(new Error(code), { code, errno });
}

/** Deno can't ask what a device is. */
export function fstatSync(
  fd: number,
  options?: fs.StatOptions,
): fs.Stats | fs.BigIntStats {
  const stats = fs.fstatSync(fd, options);
  if (stats.isCharacterDevice()) throw failure("EINVAL", -4071);
  return stats;
}

type Failure = Error & { code: string };
type Done = (error: Failure | null, bytes: number) => void;
type Transfer = (...args: unknown[]) => void;

/** What a file is not open for is a permission that Deno lacks. */
function refused(transfer: Transfer): Transfer {
  return (...args) => {
    const done = args.pop() as Done;
    transfer(...args, (error: Failure | null, bytes: number) => {
      const isRefused = error?.code === "EBADF";
      done(isRefused ? failure("EPERM", -4048) : error, bytes);
    });
  };
}

export const read = refused(fs.read as Transfer);
export const write = refused(fs.write as Transfer);
