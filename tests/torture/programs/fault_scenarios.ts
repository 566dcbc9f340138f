/**
 * Requests of every kind, made while system calls fail, and checked against what
 * came of those.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { readSync, rmSync } from "node:fs";
import {
  aio_error,
  aio_fsync,
  aio_read,
  aio_return,
  aio_suspend,
  aio_write,
  Aiocb,
  AioError,
  AioFile,
  allocatePinned,
  CompletionQueue,
  lio_listio,
  LIO_NOWAIT,
  LIO_READ,
  LIO_WAIT,
  LIO_WRITE,
  O_SYNC,
  type OpenOptions,
} from "../../../mod.ts";
import { platform } from "../../../lib/system/constants.ts";
import {
  assertBytes,
  closeSync,
  concat,
  constants,
  openSync,
  pattern,
} from "../../helpers/mod.ts";
import type { Calls } from "./fault_cases.ts";
import {
  assertError,
  checkAppends,
  checkFile,
  checkTransfers,
  errnoOf,
  type Transfer,
} from "./fault_oracle.ts";
import { type Recorded, recorded, stop } from "./faults.ts";
import { makeFifo } from "./fifo.ts";

/** Requests of one kind. */
export interface Scenario {
  readonly calls: Calls[];
  /** Makes a file and opens it. */
  open(path: string): Promise<AioFile>;
  /**
   * Makes the requests, waits until they are settled, and checks them.
   *
   * @returns How many of them failed.
   */
  run(file: AioFile, path: string): Promise<number>;
}

const MIB = 1024 * 1024;
const REQUESTS = 24;
const REQUEST_BYTES = 5_000;
/** Between the beginnings of two requests. */
const STRIDE_BYTES = 8_192;
/** Longer than the library's own buffers, and in place in one piece. */
const LONG_BYTES = [1.25 * MIB, 0.25 * MIB];
const SIZE_BYTES = REQUESTS * STRIDE_BYTES + 1.5 * MIB;

const OLD = pattern(SIZE_BYTES);
const NEW = OLD.map((byte) => ~byte);

/** Memory that the library uses in place, or copies. */
function memory(index: number, byteLength: number): Uint8Array {
  return index % 2 === 0
    ? new Uint8Array(byteLength)
    : allocatePinned(byteLength);
}

/** Transfers of separate parts of the file, two of them long. */
function transfersOf(operation: "read" | "write"): Transfer[] {
  const transfer = (offset: number, bytes: Uint8Array): Transfer => {
    if (operation === "write") {
      bytes.set(NEW.subarray(offset, offset + bytes.length));
    }
    return { operation, offset, bytes, transferred: NaN, error: undefined };
  };
  const short = Array.from(
    { length: REQUESTS },
    (_, at) => transfer(at * STRIDE_BYTES, memory(at, REQUEST_BYTES)),
  );
  let end = REQUESTS * STRIDE_BYTES;
  const long = LONG_BYTES.map((byteLength, at) => {
    const made = transfer(end, memory(at, byteLength));
    end += byteLength;
    return made;
  });
  return [...short, ...long];
}

/** Notes how a transfer ended. */
async function settle(
  transfer: Transfer,
  promise: Promise<number>,
): Promise<void> {
  try {
    transfer.transferred = await promise;
    transfer.error = null;
  } catch (error) {
    transfer.error = error;
    if (error instanceof AioError) {
      transfer.transferred = error.bytesTransferred ?? NaN;
    }
  }
}

function check(transfers: Transfer[], file: AioFile, path: string): number {
  const calls = recorded();
  const failed = checkTransfers(transfers, calls, file);
  checkFile(path, OLD, NEW, calls);
  for (const { operation, offset, bytes, transferred } of transfers) {
    if (operation !== "read") continue;
    assertBytes(
      bytes.subarray(0, transferred),
      OLD.subarray(offset, offset + transferred),
    );
  }
  return failed;
}

/** Opens a file that has certain contents. */
function opens(contents: Uint8Array, options: OpenOptions) {
  return {
    open(path: string): Promise<AioFile> {
      Deno.writeFileSync(path, contents);
      return AioFile.open(path, options);
    },
  };
}

const positioned = opens(OLD, { read: true, write: true });
const READS = { call: "pread", least: REQUESTS + 2 } as const;
const WRITES = { call: "pwrite", least: REQUESTS + 2 } as const;

const readAt: Scenario = {
  ...positioned,
  calls: [READS],
  async run(file, path) {
    const transfers = transfersOf("read");
    await Promise.all(
      transfers.map((one) => settle(one, file.readAt(one.bytes, one.offset))),
    );
    return check(transfers, file, path);
  },
};

const writeAt: Scenario = {
  ...positioned,
  calls: [WRITES],
  async run(file, path) {
    const transfers = transfersOf("write");
    await Promise.all(
      transfers.map((one) => settle(one, file.writeAt(one.bytes, one.offset))),
    );
    return check(transfers, file, path);
  },
};

/** Reads of the first half of the file, writes of the second, in turns. */
function mixedTransfers(): Transfer[] {
  return transfersOf("read").map((read, index) =>
    index % 2 === 0 ? read : transfersOf("write")[index]
  );
}

const batch: Scenario = {
  ...positioned,
  calls: [{ ...READS, least: READS.least / 2 }, {
    ...WRITES,
    least: WRITES.least / 2,
  }],
  async run(file, path) {
    const transfers = mixedTransfers();
    const outcomes = await file.batch(
      transfers.map(({ operation, bytes, offset }) => ({
        type: operation as "read" | "write",
        buffer: bytes,
        offset,
      })),
    );
    await Promise.all(outcomes.map((outcome, index) =>
      settle(
        transfers[index],
        outcome.status === "fulfilled"
          ? Promise.resolve(outcome.value)
          : Promise.reject(outcome.reason),
      )
    ));
    return check(transfers, file, path);
  },
};

function queue(notify: "auto" | "suspend" | "thread" | "poll"): Scenario {
  return {
    ...positioned,
    calls: [...batch.calls, { call: "fsync", least: 1 }],
    async run(file, path) {
      const transfers = mixedTransfers();
      await using queue = new CompletionQueue<Transfer | null>({ notify });
      for (const transfer of transfers) {
        const { operation, bytes, offset } = transfer;
        if (operation === "read") queue.read(file, bytes, offset, transfer);
        else queue.write(file, bytes, offset, transfer);
      }
      queue.sync(file, null);
      const seen = new Set<Transfer | null>();
      let syncFailed = 0;
      for await (const { tag, error, bytes } of queue.drain()) {
        assert(!seen.has(tag), "a completion came twice");
        seen.add(tag);
        if (tag !== null) Object.assign(tag, { transferred: bytes, error });
        else syncFailed = checkSyncs([error], recorded(), file, [1]);
      }
      assertEquals(seen.size, transfers.length + 1);
      return check(transfers, file, path) + syncFailed;
    },
  };
}

/**
 * Asserts that synchronizations ended as the calls that they shared.
 *
 * @param errors What came of each, in their order; `null` where it succeeded.
 * @param shares How many share the first call, the second one, …
 * @returns How many failed.
 */
function checkSyncs(
  errors: unknown[],
  calls: readonly Recorded[],
  file: AioFile,
  shares: number[],
): number {
  // glibc itself makes a call again that was interrupted.
  const { EINTR } = platform.errno;
  const results = calls
    .filter(({ call, result }) => call.endsWith("sync") && result !== -EINTR)
    .map(({ result }) => -result);
  assertEquals(results.length, shares.length, "how many calls were made");
  const expected = shares.flatMap((count, at) =>
    Array<number>(count).fill(results[at])
  );
  errors.forEach((error, at) => {
    if (expected[at] === 0) return assertEquals(error, null);
    assertError(error, expected[at], "aio_fsync", file);
    assertEquals(error.bytesTransferred, undefined);
  });
  return errors.filter((error) => error !== null).length;
}

/** What a promise rejects with; `null` if it does not. */
function errorOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(() => null, (error) => error);
}

function sync(method: "sync" | "syncData"): Scenario {
  return {
    ...positioned,
    calls: [{ call: method === "sync" ? "fsync" : "fdatasync", least: 3 }],
    async run(file) {
      const many = () => Array.from({ length: 10 }, () => file[method]());
      const writes = transfersOf("write").map(({ bytes, offset }) =>
        file.writeAt(bytes, offset)
      );
      // One that fails fails those after it, until something else is written.
      const write = () => file.writeAt(new Uint8Array(1), 0);
      // All of the first wait for the writes, and share one; so do the second.
      const first = await Promise.all(many().map(errorOf));
      await write();
      const second = await Promise.all(many().map(errorOf));
      await Promise.all(writes);
      await write();
      const errors = [...first, ...second, await errorOf(file[method]())];
      return checkSyncs(errors, recorded(), file, [10, 10, 1]);
    },
  };
}

function append(options: OpenOptions): Scenario {
  return {
    ...opens(new Uint8Array(), options),
    calls: [{ call: "pwrite", least: 4 }],
    async run(file, path) {
      // The long one goes in pieces, and those beside it as two groups.
      const lengths = [1, 700, 5_000];
      let offset = 0;
      const appends = Array.from({ length: REQUESTS }, (_, at): Transfer => {
        const bytes = memory(at, at === 10 ? 1.25 * MIB : lengths[at % 3]);
        bytes.set(pattern(bytes.length, offset));
        offset += bytes.length;
        return {
          operation: "append",
          offset: 0,
          bytes,
          transferred: NaN,
          error: undefined,
        };
      });
      await Promise.all(
        appends.map((one) => settle(one, file.append(one.bytes))),
      );
      const written = Deno.readFileSync(path);
      return checkAppends(appends, recorded(), written, file, "pwrite");
    },
  };
}

/** All that are outstanding together fit into a pipe. */
const PIPE_BYTES = 2_000;

/** A FIFO, opened so that neither end is missing. */
const piped = {
  open(path: string): Promise<AioFile> {
    rmSync(path, { force: true });
    makeFifo(path);
    return AioFile.open(path, { read: true, write: true });
  },
};

/** What a FIFO still has. No faults any more: it is read by the test itself. */
function drain(path: string): Uint8Array {
  stop();
  const fd = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
  const bytes = new Uint8Array(REQUESTS * PIPE_BYTES + 1);
  let length = 0;
  try {
    for (;;) length += readSync(fd, bytes.subarray(length));
  } catch (error) {
    assertEquals((error as { code: string }).code, "EAGAIN");
  } finally {
    closeSync(fd);
  }
  return bytes.subarray(0, length);
}

const writeToPipe: Scenario = {
  ...piped,
  calls: [{ call: "write", least: REQUESTS }],
  async run(file, path) {
    const transfers = Array.from({ length: REQUESTS }, (_, at): Transfer => {
      const bytes = memory(at, PIPE_BYTES);
      bytes.set(pattern(PIPE_BYTES, at * PIPE_BYTES));
      return {
        operation: "append",
        offset: 0,
        bytes,
        transferred: NaN,
        error: undefined,
      };
    });
    await Promise.all(
      transfers.map((one, at) =>
        settle(
          one,
          at % 2 === 0 ? file.append(one.bytes) : file.writeAt(one.bytes, 0),
        )
      ),
    );
    const calls = recorded();
    return checkAppends(transfers, calls, drain(path), file, "write");
  },
};

const readFromPipe: Scenario = {
  ...piped,
  calls: [{ call: "read", least: REQUESTS }],
  async run(file, path) {
    const fed = pattern(REQUESTS * PIPE_BYTES);
    assertEquals(await file.writeAt(fed, 0), fed.length);
    const transfers = Array.from({ length: REQUESTS }, (_, at): Transfer => ({
      operation: "read",
      offset: 0,
      bytes: memory(at, PIPE_BYTES),
      transferred: NaN,
      error: undefined,
    }));
    await Promise.all(
      transfers.map((one) => settle(one, file.readAt(one.bytes, 0))),
    );
    const read = transfers.map(({ bytes, transferred }) =>
      bytes.subarray(0, transferred)
    );
    const calls = recorded();
    // What a short transfer left is there for the next one.
    assertBytes(concat([...read, drain(path)]), fed);
    const errors = calls.filter(({ call }) => call === "read")
      .map(errnoOf).filter((errno) => errno !== 0);
    const failed = transfers.filter(({ error }) => error !== null);
    assertEquals(failed.length, errors.length);
    failed.forEach(({ error }, at) =>
      assertError(error, errors[at], "aio_read", file)
    );
    return failed.length;
  },
};

/** Whether a stream has to fail, by the calls behind it; with which errors. */
function streamErrors(calls: readonly Recorded[]): number[] {
  return calls.map(errnoOf).filter((errno) => errno !== 0);
}

function assertStreamError(
  error: unknown,
  syscall: string,
  file: AioFile,
): number {
  const errors = streamErrors(recorded());
  if (errors.length === 0) assertEquals(error, null);
  else assertError(error, errors[0], syscall, file);
  return error === null ? 0 : 1;
}

const CHUNK_BYTES = 64 * 1024;

const readable: Scenario = {
  ...positioned,
  calls: [{ call: "pread", least: Math.ceil(SIZE_BYTES / CHUNK_BYTES) }],
  async run(file) {
    let at = 0;
    const read = async () => {
      for await (const chunk of file.readable({ chunkSize: CHUNK_BYTES })) {
        assertBytes(chunk, OLD.subarray(at, at + chunk.length));
        at += chunk.length;
      }
    };
    const failed = assertStreamError(await errorOf(read()), "aio_read", file);
    if (failed === 0) assertEquals(at, SIZE_BYTES);
    return failed;
  },
};

const writable: Scenario = {
  ...positioned,
  calls: [{ call: "pwrite", least: Math.ceil(SIZE_BYTES / CHUNK_BYTES) }],
  async run(file, path) {
    const write = async () => {
      const writer = file.writable().getWriter();
      for (let at = 0; at < SIZE_BYTES; at += CHUNK_BYTES) {
        await writer.ready;
        writer.write(NEW.subarray(at, at + CHUNK_BYTES)).catch(() => {});
      }
      await writer.close();
    };
    const failed = assertStreamError(await errorOf(write()), "aio_write", file);
    const calls = recorded();
    checkFile(path, OLD, NEW, calls);
    if (failed === 0) assertBytes(Deno.readFileSync(path), NEW);
    return failed;
  },
};

/** The C interface hands over what the system says, short transfers included. */
function checkBlock(
  cb: Aiocb,
  { call, result }: Recorded,
  file: AioFile,
  syscall: string,
): number {
  const errno = result < 0 ? -result : 0;
  assertEquals(aio_error(cb), errno);
  try {
    assertEquals(aio_return(cb), result);
    if (call === "pread") {
      const at = Number(cb.aio_offset);
      const read = cb.aio_buf!.subarray(0, result);
      assertBytes(read, OLD.subarray(at, at + result));
    }
    return 0;
  } catch (error) {
    assertError(error, errno, syscall, file);
    return 1;
  }
}

/** The call that served a block: glibc makes interrupted ones again. */
function callFor(cb: Aiocb, calls: readonly Recorded[]): Recorded {
  const { EINTR } = platform.errno;
  const made = calls.filter(({ call, offset, result }) =>
    result !== -EINTR && !call.endsWith("sync") && offset === cb.aio_offset
  );
  assertEquals(made.length, 1, `calls at ${cb.aio_offset}`);
  return made[0];
}

function blocks(file: AioFile): Aiocb[] {
  return mixedTransfers().map(({ operation, bytes, offset }) => {
    const buffer = allocatePinned(bytes.length);
    buffer.set(bytes);
    return new Aiocb({
      aio_fildes: file.fd,
      aio_buf: buffer,
      aio_offset: offset,
      aio_lio_opcode: operation === "read" ? LIO_READ : LIO_WRITE,
    });
  });
}

async function untilAllAreDone(list: Aiocb[]): Promise<void> {
  for (const cb of list) await aio_suspend([cb]);
}

const aio: Scenario = {
  ...positioned,
  calls: [...batch.calls, { call: "fsync", least: 1 }],
  async run(file, path) {
    const list = blocks(file);
    for (const cb of list) {
      if (cb.aio_lio_opcode === LIO_READ) aio_read(cb);
      else aio_write(cb);
    }
    const sync = new Aiocb({ aio_fildes: file.fd });
    aio_fsync(O_SYNC, sync);
    await untilAllAreDone([...list, sync]);
    const calls = recorded();
    checkFile(path, OLD, NEW, calls);
    const syncs = calls.filter(({ call }) => call === "fsync");
    const failed = list.map((cb) =>
      checkBlock(
        cb,
        callFor(cb, calls),
        file,
        cb.aio_lio_opcode === LIO_READ ? "aio_read" : "aio_write",
      )
    );
    return checkBlock(sync, syncs.at(-1)!, file, "aio_fsync") +
      failed.reduce((sum, count) => sum + count);
  },
};

function listio(mode: number): Scenario {
  return {
    ...positioned,
    calls: batch.calls,
    async run(file, path) {
      const list = blocks(file);
      const error = await errorOf(lio_listio(mode, list));
      await untilAllAreDone(list);
      const calls = recorded();
      checkFile(path, OLD, NEW, calls);
      const failed = list.map((cb) =>
        checkBlock(cb, callFor(cb, calls), file, "lio_listio")
      ).reduce((sum, count) => sum + count);
      if (mode === LIO_NOWAIT || failed === 0) assertEquals(error, null);
      else {
        const { code, syscall } = error as AioError;
        assertEquals([code, syscall], ["EIO", "lio_listio"]);
      }
      return failed;
    },
  };
}

/** By the name of what makes the requests. */
export const SCENARIOS: Record<string, Scenario> = {
  "readAt()": readAt,
  "writeAt()": writeAt,
  "batch()": batch,
  "append()": append({ append: true }),
  "append() to a file without O_APPEND": append({ write: true }),
  "append() and writeAt() to a pipe": writeToPipe,
  "readAt() of a pipe": readFromPipe,
  "sync()": sync("sync"),
  "syncData()": sync("syncData"),
  "readable()": readable,
  "writable()": writable,
  "CompletionQueue": queue("auto"),
  "CompletionQueue that suspends": queue("suspend"),
  "CompletionQueue with threads": queue("thread"),
  "CompletionQueue that polls": queue("poll"),
  "aio_read(), aio_write() and aio_fsync()": aio,
  "lio_listio(LIO_WAIT)": listio(LIO_WAIT),
  "lio_listio(LIO_NOWAIT)": listio(LIO_NOWAIT),
};
