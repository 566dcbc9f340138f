/** All requests of one open file: its queues, and what closes them. */
import { runtime } from "../../ffi/current.ts";
import { assert } from "../checks/assert.ts";
import type { FileTraits, Operation } from "../engine/engine.ts";
import {
  duplicateDescriptor,
  reopenForAppending,
} from "../system/descriptor.ts";
import { counters } from "../system/counters.ts";
import type { AioError } from "../system/error.ts";
import { librt } from "../system/librt.ts";
import { FileQueue } from "./file_queue.ts";

/** See the module's documentation. */
export class FileRequests {
  readonly #fd: number;
  readonly #file: FileTraits;
  /** All requests but those of the second one. */
  readonly #queue: FileQueue;
  /**
   * Writes of a pipe and the like, which do not wait for its reads; or appends to a
   * file that was not opened for appending, through a descriptor of its own.
   */
  #second: FileQueue | null = null;
  /** The descriptor that was opened for the second one, or -1. */
  #openedFd = -1;

  /**
   * @param fd The descriptor.
   * @param file What the file is like.
   */
  constructor(fd: number, file: FileTraits) {
    this.#fd = fd;
    this.#file = file;
    this.#queue = new FileQueue(fd, file);
    counters.descriptors++;
  }

  /**
   * Where a request waits.
   *
   * @throws {AioError} If the file cannot be opened for appending.
   */
  queueFor(operation: Operation): FileQueue {
    const { isSeekable, isAppending } = this.#file;
    const isSecond = isSeekable
      ? operation === "append" && !isAppending
      : operation === "append" || operation === "write";
    return isSecond ? this.#second ??= this.#newSecond() : this.#queue;
  }

  #newSecond(): FileQueue {
    const { path, knownFd, flags, isSeekable } = this.#file;
    let fd = this.#fd;
    if (isSeekable) {
      fd = this.#openedFd = reopenForAppending({ fd: knownFd, path }, flags);
      counters.descriptors++;
    }
    const file = { ...this.#file, isAppending: isSeekable };
    return new FileQueue(fd, file, this.#queue.commits);
  }

  get #queues(): FileQueue[] {
    return this.#second === null ? [this.#queue] : [this.#queue, this.#second];
  }

  /** Cancels everything that has not begun. Returns how many that were. */
  cancelAll(): number {
    let canceled = 0;
    for (const queue of this.#queues) canceled += queue.cancelAll();
    return canceled;
  }

  /** Resolves when every request is settled. */
  async whenIdle(): Promise<void> {
    await Promise.all(this.#queues.map((queue) => queue.whenIdle()));
  }

  /**
   * Closes all that was opened for requests. Everything is settled.
   *
   * @param isLast Whether the file's own descriptor is going to be closed.
   * @returns What closing told of: some file systems tell only then that what was
   * written is lost (NFS, FUSE).
   */
  async close(isLast: boolean): Promise<AioError | null> {
    for (const { channel } of this.#queues) await channel.whenUnused();
    for (const { channel } of this.#queues) channel.close();
    counters.descriptors -= this.#openedFd >= 0 ? 2 : 1;
    assert(counters.descriptors >= 0, "what is closed was open");
    if (isLast && this.#queue.hasWritten) this.#flush();
    if (this.#openedFd >= 0) this.#closeChecked(this.#openedFd);
    for (const { closeError } of this.#queues) {
      if (closeError !== null) return closeError;
    }
    return null;
  }

  /**
   * Asks the file system for what it tells of when a descriptor is closed: the
   * functions of some runtimes keep that to themselves.
   */
  #flush(): void {
    const fd = duplicateDescriptor(this.#fd);
    if (fd !== -1) this.#closeChecked(fd);
  }

  #closeChecked(fd: number): void {
    if (librt().close(fd) === -1) this.#queue.closeFailed(runtime.errno());
  }
}
