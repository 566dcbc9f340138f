/**
 * What has to come of requests, told by what came of their system calls.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { AioError, type AioFile } from "../../../mod.ts";
import { platform } from "../../../lib/system/constants.ts";
import { assertBytes } from "../../helpers/mod.ts";
import type { Call, Recorded } from "./faults.ts";

const { EINTR, EAGAIN, EIO } = platform.errno;

/** A transfer that was asked for, and how it ended. */
export interface Transfer {
  readonly operation: "read" | "write" | "append";
  readonly offset: number;
  readonly bytes: Uint8Array;
  /** How many bytes it says it transferred. */
  transferred: number;
  error: unknown;
}

/** Whether the same call is to be made again. */
function isPassing(errno: number): boolean {
  return errno === EINTR || errno === EAGAIN;
}

/** The error of a call that a request has to end with, or 0. */
export function errnoOf({ call, length, result }: Recorded): number {
  if (call.endsWith("write") && length > 0 && result === 0) return EIO;
  return result < 0 && !isPassing(-result) ? -result : 0;
}

/** Asserts that an error says what the system call did. */
export function assertError(
  error: unknown,
  errno: number,
  syscall: string,
  file: AioFile,
): asserts error is AioError {
  if (!(error instanceof AioError)) throw new Error(`${error}`);
  assertEquals(error.errno, errno);
  assertEquals(platform.errno[error.code], errno);
  assertEquals(error.syscall, syscall);
  assertEquals(error.fd, file.fd);
}

/**
 * Asserts that transfers of separate parts of a file ended as their calls did.
 *
 * @returns How many failed.
 */
export function checkTransfers(
  transfers: readonly Transfer[],
  calls: readonly Recorded[],
  file: AioFile,
): number {
  for (const transfer of transfers) {
    const call = transfer.operation === "read" ? "pread" : "pwrite";
    const expected = follow(transfer, calls.filter((one) => one.call === call));
    assertEquals(transfer.transferred, expected.transferred);
    if (expected.errno === 0) {
      assertEquals(transfer.error, null);
      assertEquals(transfer.transferred, transfer.bytes.length);
    } else {
      const { error, offset } = transfer;
      assertError(error, expected.errno, `aio_${transfer.operation}`, file);
      assertEquals(error.offset, offset);
      assertEquals(error.bytesTransferred, expected.transferred);
    }
  }
  return transfers.filter(({ error }) => error !== null).length;
}

/** Adds up the calls of one transfer: each goes on where the last one ended. */
function follow(
  { offset, bytes }: Transfer,
  calls: readonly Recorded[],
): { transferred: number; errno: number } {
  let transferred = 0;
  let errno = 0;
  for (const call of calls) {
    if (call.offset < offset || call.offset >= offset + bytes.length) continue;
    assertEquals(errno, 0, "a call was made after an error");
    assertEquals(call.offset, offset + transferred, "where a call goes on");
    errno = errnoOf(call);
    transferred += Math.max(call.result, 0);
  }
  return { transferred, errno };
}

/** Asserts that the file has what the calls wrote, and nothing else is changed. */
export function checkFile(
  path: string,
  before: Uint8Array,
  after: Uint8Array,
  calls: readonly Recorded[],
): void {
  const expected = before.slice();
  for (const { call, offset, result } of calls) {
    if (call !== "pwrite" || result <= 0) continue;
    expected.set(after.subarray(offset, offset + result), offset);
  }
  assertBytes(Deno.readFileSync(path), expected);
}

/**
 * Asserts that appends were written in their order, each as far as it says.
 *
 * @returns How many failed.
 */
export function checkAppends(
  appends: readonly Transfer[],
  calls: readonly Recorded[],
  written: Uint8Array,
  file: AioFile,
  call: Call,
): number {
  let at = 0;
  const errors = new Set(calls.map(errnoOf));
  for (const { bytes, transferred, error } of appends) {
    const part = written.subarray(at, at + transferred);
    assertBytes(part, bytes.subarray(0, transferred));
    at += transferred;
    assertEquals(error === null, transferred === bytes.length);
    if (error === null) continue;
    const { errno } = error as AioError;
    assert(errors.has(errno), `${error} came of no call`);
    assertError(error, errno, "aio_write", file);
    assertEquals(error.bytesTransferred, transferred);
  }
  assertEquals(at, written.length, "what nobody was told of was written");
  const sum = calls.filter((one) => one.call === call)
    .reduce((bytes, { result }) => bytes + Math.max(result, 0), 0);
  assertEquals(at, sum, "what the calls wrote");
  return appends.filter(({ error }) => error !== null).length;
}
