/** An open file: the queues of its requests, whether it takes more, and closing. */
import type { BigIntStats } from "node:fs";
import { runtime } from "../../ffi/current.ts";
import { queueMicrotask } from "../../ffi/event_loop.ts";
import type { AbortListener } from "../checks/abort_signal.ts";
import { assert } from "../checks/assert.ts";
import type { FileTraits, Operation } from "../engine/engine.ts";
import { engine, settle } from "../engine/serving.ts";
import { turn } from "../engine/turn.ts";
import { type Buffers, lengthOf } from "../checks/buffers.ts";
import { closeDescriptor, closeSecond, type Handle } from "../system/close.ts";
import { EBADF, EINVAL, platform } from "../system/constants.ts";
import { counters } from "../system/counters.ts";
import { duplicateDescriptor, statusOf } from "../system/descriptor.ts";
import { AioError, withCallerFirst } from "../system/error.ts";
import {
  sizeNow,
  sizeOf,
  statOf,
  truncateFile,
} from "../system/file_status.ts";
import { fileName, type NamedFile } from "../system/hints.ts";
import { ASSUMED_FLAGS, isOpenFor } from "../system/open_flags.ts";
import { reopenFile, reopenForAppending } from "../system/reopen.ts";
import { applySettings, isServedByFs } from "../system/settings.ts";
import { FileQueue } from "./file_queue.ts";
import { RangeLocks } from "./range_locks.ts";
import { syscallOf } from "./request_error.ts";

const { constants } = platform;

/** How the library opened a file. */
export interface Opened {
  readonly path: string;
  /** The flags, as `F_GETFL` has them. */
  readonly flags: number;
}

/** What the page cache has of a read. */
export interface Cached {
  /** How many bytes. */
  readonly bytes: number;
  /** Whether that is all. */
  readonly isWhole: boolean;
}

/**
 * Those that are open and have a handle. The garbage collector would close that while
 * requests wait, and these would go to the next file that gets the descriptor.
 */
const haveHandles = new Set<OpenFile>();

/**
 * What files that are being closed ask of their file systems: each has a descriptor
 * meanwhile, which another one may wait for.
 */
const flushes = new Set<Promise<void>>();

/** It is not to be asked: an answer as well, lest it is counted twice. */
const NOTHING: Cached = { bytes: 0, isWhole: false };

/** See the module's documentation. */
export class OpenFile {
  readonly #file: FileTraits;
  readonly #isBlockDevice: boolean;
  /** How the system and errors name it. */
  readonly named: NamedFile;
  readonly locks: RangeLocks;
  /** Whether closing the file closes its descriptor. */
  readonly #isOwner: boolean;
  readonly #handle: Handle | null;
  /** All requests but those of the second one. */
  readonly #queue: FileQueue;
  /** Whether reads and writes go by themselves: those of pipes, and of appends. */
  readonly #isSplit: boolean;
  /**
   * Writes that do not wait for reads, nor these for them; or appends to a file that
   * was not opened for appending, through a descriptor of its own.
   */
  #second: FileQueue | null = null;
  /** Writes through the page cache of a file that was opened for direct transfers. */
  #cached: FileQueue | null = null;
  /** See {@linkcode fdOfHoles}; `null` until somebody asks. */
  #fdOfHoles: number | null = null;
  /**
   * Descriptors that were opened beside the file's own. They stay open until the file
   * is closed: the process loses its record locks when any of them is.
   */
  readonly #openedFds: number[] = [];
  /** Calls that are more than a request, or none: `size`, `truncate`, …. */
  readonly #calls = new Set<Promise<unknown>>();
  #closing: Promise<void> | null = null;
  /** Long calls, which hear of it when everything is canceled. */
  readonly cancelListeners = new Set<AbortListener>();

  /**
   * @param fd The descriptor.
   * @param opened How it was opened, if the library did that.
   * @param isOwner Whether closing the file closes it.
   * @param handle What closes it, if the runtime has it in an object of its own.
   * @throws {AioError} `EBADF` if it is not open, and the system's error where it does
   * not tell what it is.
   */
  constructor(
    fd: number,
    opened: Opened | undefined,
    isOwner: boolean,
    handle: Handle | null,
  ) {
    const path = opened?.path;
    // What asks for the status has to know who is going to serve.
    const { readsWhileAppending } = engine();
    const { flags, isSeekable, isBlockDevice } = statusOf({ fd, ...opened });
    settle();
    applySettings();
    const { O_APPEND, O_DIRECT, O_DSYNC, O_SYNC } = constants;
    this.#file = {
      path,
      knownFd: fd,
      flags,
      isSeekable,
      isAppending: isSeekable && (flags & O_APPEND) !== 0,
      isDirect: (flags & O_DIRECT) !== 0,
      keepsLanes: path === undefined || isOpenFor(flags, true),
      isSynchronous: (flags & (O_DSYNC | O_SYNC)) !== 0,
    };
    this.named = { fd, path, flags };
    this.#isBlockDevice = isBlockDevice;
    this.locks = new RangeLocks(this.named);
    this.#isOwner = isOwner;
    this.#handle = handle;
    const { isAppending, isSynchronous } = this.#file;
    // Where each write is a synchronization, one channel keeps their errors apart.
    this.#isSplit = !isSeekable ||
      isAppending && !isSynchronous && readsWhileAppending;
    this.#queue = new FileQueue(fd, {
      ...this.#file,
      isAppending: isAppending && !this.#isSplit,
    });
    counters.descriptors++;
    // Not one that is not made in the end: nobody would take it out again.
    if (handle !== null) haveHandles.add(this);
  }

  get isSeekable(): boolean {
    return this.#file.isSeekable;
  }

  /** What the file is like. */
  get traits(): FileTraits {
    return this.#file;
  }

  /** Whether a write may go to the end of the file, whatever its offset. */
  get mayAppend(): boolean {
    const { isAppending, isSeekable, flags, path } = this.#file;
    const isUnknown = path === undefined && isServedByFs() &&
      flags === ASSUMED_FLAGS;
    return isAppending || isSeekable && isUnknown;
  }

  /** @throws {AioError} `EBADF` if it is closed. */
  assertOpen(syscall: string): void {
    if (this.#closing === null) return;
    const { fd, path } = this.named;
    const name = path === undefined
      ? `of descriptor ${fd}`
      : JSON.stringify(path);
    const particulars = { errno: EBADF, syscall, fd, path };
    const error = new AioError(`The file ${name} is closed`, particulars);
    throw withCallerFirst(error, this.assertOpen);
  }

  /**
   * Where a request waits.
   *
   * @throws {AioError} If the file is closed, or cannot be opened for appending.
   */
  queueFor(operation: Operation): FileQueue {
    if (this.#closing !== null) this.assertOpen(syscallOf(operation));
    return this.queueWithin(operation);
  }

  /** The same for what {@linkcode during} waits for, while the file is closed too. */
  queueWithin(operation: Operation): FileQueue {
    if (operation === "read") return this.#queue;
    if (operation === "append") this.#assertHasEnd();
    const isSecond = this.#isSplit
      ? operation === "append" || operation === "write"
      : operation === "append" && !this.#file.isAppending;
    return isSecond ? this.#second ??= this.#newSecond() : this.#queue;
  }

  /** The system would write to the beginning, whatever the flags say. */
  #assertHasEnd(): void {
    if (!this.#isBlockDevice) return;
    const what = `Cannot append to ${fileName(this.named)}, which is a block ` +
      "device and cannot become longer";
    const particulars = { errno: EINVAL, syscall: "aio_write", ...this.named };
    throw new AioError(what, particulars);
  }

  #newSecond(): FileQueue {
    const { knownFd, flags } = this.#file;
    const { commits } = this.#queue;
    if (this.#isSplit) return new FileQueue(knownFd, this.#file, commits);
    const fd = this.#opened(reopenForAppending(this.named, flags));
    const { O_ACCMODE, O_APPEND, O_WRONLY } = constants;
    const file = {
      ...this.#file,
      flags: flags & ~O_ACCMODE | O_WRONLY | O_APPEND,
      isAppending: true,
    };
    return new FileQueue(fd, file, commits);
  }

  /**
   * Where a write waits that direct transfers cannot do, of a file that was opened for
   * them: it goes through the page cache, by a descriptor of its own.
   *
   * @throws {AioError} If the file cannot be opened otherwise.
   */
  cachedQueue(): FileQueue {
    // The BSDs take them.
    const isWhole = platform.os === "linux" || platform.os === "windows";
    if (!isWhole) return this.queueWithin("write");
    return this.#cached ??= this.#newCached();
  }

  #newCached(): FileQueue {
    const { O_ACCMODE, O_DIRECT, O_WRONLY } = constants;
    const flags = this.#file.flags & ~(O_ACCMODE | O_DIRECT) | O_WRONLY;
    const fd = reopenFile(this.named, flags);
    if (fd < 0) {
      const what = "Cannot write what is no multiple of a block to " +
        `${fileName(this.named)}, which is open for direct I/O only`;
      const particulars = { errno: -fd, syscall: "open", ...this.named };
      throw new AioError(what, particulars);
    }
    const file = { ...this.#file, flags, isDirect: false };
    return new FileQueue(this.#opened(fd), file, this.#queue.commits);
  }

  #opened(fd: number): number {
    this.#openedFds.push(fd);
    counters.descriptors++;
    return fd;
  }

  /**
   * A descriptor whose position may be moved, to look for holes, or a negative error
   * number. That of a program is read by its position.
   */
  get fdOfHoles(): number {
    if (this.#fdOfHoles !== null) return this.#fdOfHoles;
    let fd = this.named.fd;
    if (this.#file.path === undefined) {
      fd = reopenFile(this.named, constants.O_RDONLY);
      if (fd >= 0) this.#opened(fd);
    }
    return this.#fdOfHoles = fd;
  }

  /**
   * Reads at once what the page cache has.
   *
   * @returns What it has; `null` if it was not asked yet.
   */
  readCached(view: Buffers, offset: number | bigint): Cached | null {
    const { cache } = this.#queue;
    if (cache === null || this.#closing !== null) return null;
    const length = lengthOf(view);
    const isForEngine = this.#queue.isForEngine({ length, notify: "auto" });
    if (isForEngine || !cache.isAskedFor(view, length)) return NOTHING;
    if (!turn.hasRoom) return null;
    if (cache.read(view, length, offset)) {
      counters.submitted++;
      counters.completed++;
    }
    return cache;
  }

  get #queues(): FileQueue[] {
    return [this.#queue, this.#second, this.#cached]
      .filter((queue) => queue !== null);
  }

  /** Cancels everything that has not begun. Returns how many that were. */
  cancelAll(): number {
    let canceled = 0;
    for (const queue of this.#queues) canceled += queue.cancelAll();
    for (const listener of this.cancelListeners) listener.aborted();
    return canceled;
  }

  /** @throws {AioError} If the system cannot tell. */
  size(): Promise<number> {
    return this.during(sizeOf(this.named));
  }

  /**
   * The same, at once.
   *
   * @throws {AioError} If it is closed, or the system cannot tell.
   */
  sizeNow(): number {
    this.assertOpen("fstat");
    try {
      return sizeNow(this.named);
    } catch (error) {
      throw withCallerFirst(error, this.sizeNow);
    }
  }

  /** @throws {AioError} If the system cannot tell. */
  stat(): Promise<BigIntStats> {
    return this.during(statOf(this.named));
  }

  /** @throws {AioError} If the system refuses. */
  truncate(length: number): Promise<void> {
    return this.changing((fd) => truncateFile(this.named, fd, length));
  }

  /** Has `close()` wait for a call that is under way. Returns its outcome. */
  async during<T>(outcome: Promise<T>): Promise<T> {
    this.#calls.add(outcome);
    try {
      return await outcome;
    } catch (error) {
      throw withCallerFirst(error, this.during);
    } finally {
      this.#calls.delete(outcome);
    }
  }

  /** The same for one that changes the file, as a write does. */
  changing<T>(call: (fd: number) => Promise<T>): Promise<T> {
    return this.during(this.#queue.changing(call));
  }

  /**
   * Refuses new requests, waits for those that are there, and closes everything.
   *
   * @param isCanceling Whether to cancel what has not begun.
   */
  close(isCanceling: boolean): Promise<void> {
    this.#closing ??= this.#close();
    if (isCanceling) queueMicrotask(() => this.cancelAll());
    return this.#closing;
  }

  async #close(): Promise<void> {
    // A getter of an argument may be what closes the file: the request that is
    // being made at this moment is waited for, too.
    await null;
    // What one of them is done with may have another one synchronized.
    while (
      this.#calls.size > 0 ||
      this.#queues.some(({ outstanding }) => outstanding > 0)
    ) {
      const idle = this.#queues.map((queue) => queue.whenIdle());
      await Promise.allSettled([...idle, ...this.#calls]);
    }
    this.locks.unlockAll();
    await this.#closeQueues();
    const lost = this.#queues.map(({ closeError }) => closeError)
      .find((error) => error !== null);
    haveHandles.delete(this);
    try {
      if (this.#isOwner) await closeDescriptor(this.named, this.#handle);
      if (lost) throw lost;
    } catch (error) {
      throw withCallerFirst(lost ?? error, this.#close);
    }
  }

  /** Closes all that was opened for requests. Everything is settled. */
  async #closeQueues(): Promise<void> {
    for (const { channel } of this.#queues) await channel.whenUnused?.();
    for (const { channel } of this.#queues) await channel.close();
    counters.descriptors -= 1 + this.#openedFds.length;
    assert(counters.descriptors >= 0, "what is closed was open");
    const hasWritten = this.#queues.some((queue) => queue.hasWritten);
    // First: the other one needs a descriptor.
    for (const fd of this.#openedFds) await this.#closeChecked(fd);
    if (this.#isOwner && hasWritten) await this.#flush();
  }

  /**
   * Asks the file system for what it reports when a descriptor is closed (NFS,
   * FUSE): the functions of some runtimes keep that to themselves. Without a descriptor
   * to ask by, nobody hears of it.
   */
  async #flush(): Promise<void> {
    if (isServedByFs() || runtime.tellsCloseErrors) return;
    let fd = duplicateDescriptor(this.named.fd);
    while (fd === -1 && flushes.size > 0) {
      await Promise.race(flushes).catch(() => {});
      fd = duplicateDescriptor(this.named.fd);
    }
    if (fd === -1) return;
    const flush = this.#closeChecked(fd).finally(() => flushes.delete(flush));
    flushes.add(flush);
    await flush;
  }

  async #closeChecked(fd: number): Promise<void> {
    const errno = await closeSecond(fd);
    if (errno !== 0) this.#queue.closeFailed(errno);
  }
}
