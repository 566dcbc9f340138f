/**
 * Requests, from the moment at which they are made to the one at which they are
 * settled, and what that says about files and buffers.
 *
 * @module
 */
import { AioError } from "../../../mod.ts";
import { contentsOf, isSame } from "./contents.ts";
import { isSpoiled, Memory, type MemoryKind } from "./memory.ts";
import type { Append, Handle } from "./model_file.ts";

/** Counts what happens, so that it can be told what came before what. */
export class Clock {
  #now = 0;

  tick(): number {
    return ++this.#now;
  }
}

/** How a request ended. */
export interface Ending {
  readonly kind: "done" | "canceled" | "refused" | "lost";
  readonly bytes: number;
}

/** How many requests ended in which way, to compare with `metrics()`. */
export interface Tally {
  submitted: number;
  completed: number;
  failed: number;
  canceled: number;
}

/** What is wanted of a request. */
export interface Wanted {
  readonly type: "read" | "write" | "append";
  readonly offset: number;
  readonly length: number;
  readonly memory: MemoryKind;
}

/** A request, as the model sees it. */
export abstract class Job {
  readonly id: number;
  readonly handle: Handle;
  readonly begun: number;
  isSettled = false;
  /** Whether its outcome comes out of a queue rather than of a promise. */
  isQueued = false;
  /** When its queue was asked to cancel it. */
  canceledAt = -1;
  /** Whether the file was closed before. */
  readonly isClosed: boolean;
  readonly signal: AbortSignal | undefined;
  /** Whether its signal was aborted before. */
  readonly isAborted: boolean;
  readonly #clock: Clock;
  readonly #tally: Tally;

  constructor(
    id: number,
    handle: Handle,
    clock: Clock,
    tally: Tally,
    signal?: AbortSignal,
  ) {
    this.id = id;
    this.handle = handle;
    this.isClosed = handle.closing !== null;
    this.signal = signal;
    this.isAborted = signal?.aborted ?? false;
    this.#clock = clock;
    this.#tally = tally;
    this.begun = clock.tick();
  }

  abstract readonly name: string;
  /** Whether the way in which the file was opened does not allow it. */
  abstract readonly isRefused: boolean;
  /** Whether it is refused before it is submitted. */
  abstract readonly isRefusedAtOnce: boolean;

  /** It succeeded. */
  succeed(bytes: number): void {
    if (this.isClosed || this.isRefused || this.isAborted) {
      throw new Error(`${this.name} succeeded, which it must not`);
    }
    this.#tally.submitted++;
    this.#tally.completed++;
    this.isSettled = true;
    this.settle({ kind: "done", bytes }, this.#clock.tick());
  }

  /** It failed; throws if there is no reason for that. */
  fail(error: unknown): void {
    const ending = this.#failure(error);
    if (ending === null) {
      throw new Error(`${this.name} failed for no reason`, { cause: error });
    }
    this.isSettled = true;
    this.settle(ending, this.#clock.tick());
  }

  #failure(error: unknown): Ending | null {
    const { signal, handle } = this;
    const tally = this.#tally;
    if (signal?.aborted && error === signal.reason) {
      if (this.isClosed) return null;
      if (!this.isAborted) {
        tally.submitted++;
        tally.canceled++;
      }
      return { kind: "canceled", bytes: 0 };
    }
    if (this.isLost(error) && !this.isClosed && !this.isAborted) {
      tally.submitted++;
      tally.failed++;
      return { kind: "lost", bytes: 0 };
    }
    if (!(error instanceof AioError)) return null;
    if (error.code === "ECANCELED") {
      const canceledAt = Math.max(handle.canceledAt, this.canceledAt);
      const isAsked = canceledAt > this.begun || signal?.aborted;
      if (!isAsked || this.isClosed || this.isAborted) return null;
      tally.submitted++;
      tally.canceled++;
      return { kind: "canceled", bytes: error.bytesTransferred ?? 0 };
    }
    if (error.code !== "EBADF") return null;
    if (!this.isClosed && !this.isRefused) return null;
    if (!this.isClosed && !this.isRefusedAtOnce) {
      tally.submitted++;
      tally.failed++;
    }
    return { kind: "refused", bytes: 0 };
  }

  /** Whether an error says that the buffer was taken away. */
  protected isLost(_error: unknown): boolean {
    return false;
  }

  /** What follows from how it ended. */
  protected abstract settle(ending: Ending, settled: number): void;
}

/** A read, a write or an append. */
export class TransferJob extends Job {
  readonly wanted: Wanted;
  readonly memory: Memory;
  readonly isRefused: boolean;
  readonly isRefusedAtOnce: boolean;
  readonly #append: Append | null;

  constructor(
    id: number,
    handle: Handle,
    clock: Clock,
    tally: Tally,
    wanted: Wanted,
    signal?: AbortSignal,
  ) {
    super(id, handle, clock, tally, signal);
    const { type, length } = wanted;
    this.wanted = wanted;
    this.isRefused = handle.refuses(type);
    this.isRefusedAtOnce = this.isRefused && type === "append";
    this.#append = this.#appended();
    // Half an append could be anywhere.
    const memory = this.#append !== null && isSpoiled(wanted.memory)
      ? "ordinary"
      : wanted.memory;
    this.memory = new Memory(memory, length, handle.model.isDirect);
    if (type !== "read") this.memory.bytes.set(contentsOf(id, length));
  }

  get name(): string {
    const { type, offset, length, memory } = this.wanted;
    return `${type} #${this.id} of ${length} bytes (${memory}) at ${offset}`;
  }

  /** To the end of a file go appends, and whatever is written to append files. */
  #appended(): Append | null {
    const { handle } = this;
    const { type } = this.wanted;
    if (type === "read" || handle.refuses(type)) return null;
    const isOrdered = type === "append";
    if (!isOrdered && handle.access !== "append") return null;
    const append = {
      name: this.name,
      bytes: new Uint8Array(),
      begun: this.begun,
      settled: Infinity,
    };
    const chain = isOrdered ? handle.appends : handle.model.looseAppends;
    chain.push(append);
    return append;
  }

  protected override isLost(error: unknown): boolean {
    const { cause } = error as Error;
    return this.memory.isSpoiled &&
      (error instanceof TypeError || cause instanceof TypeError);
  }

  protected override settle(ending: Ending, settled: number): void {
    const { isReadAtOnce } = this.handle.model;
    const mayBeDone = !this.memory.isSpoiled ||
      this.wanted.type === "read" && isReadAtOnce;
    if (ending.kind === "done" && !mayBeDone) {
      throw new Error(`${this.name} succeeded without its buffer`);
    }
    if (this.wanted.type === "read") this.#settleRead(ending, settled);
    else this.#settleWrite(ending, settled);
  }

  #settleRead({ kind, bytes }: Ending, settled: number): void {
    const { name, begun, handle, memory } = this;
    const { offset, length } = this.wanted;
    if (memory.isSpoiled) return;
    // What was transferred before a signal's reason came is not told. And the
    // system may read more of a device than it then finds to be in the file.
    const isUntold = kind === "canceled" && this.signal?.aborted ||
      handle.model.isDirect;
    memory.assertOnlyWritten(isUntold ? length : bytes);
    const span = { name, begun, settled, offset };
    handle.model.saw({ ...span, bytes: memory.copy(bytes) });
    if (kind === "done") {
      handle.model.measured({ ...span, wanted: length, found: bytes });
    }
    memory.scribble();
  }

  #settleWrite({ kind, bytes }: Ending, settled: number): void {
    const { id, name, begun, handle, memory } = this;
    const { offset, length } = this.wanted;
    handle.unsettledWrites.delete(this);
    const contents = contentsOf(id, length);
    if (!memory.isSpoiled && !isSame(memory.bytes, contents)) {
      throw new Error(
        `${name} changed the buffer that it was to be taken from`,
      );
    }
    if (kind === "done" && bytes !== length) {
      throw new Error(`${name} succeeded with ${bytes} bytes`);
    }
    if (!memory.isSpoiled) memory.scribble();
    // Without its buffer, a part of it may have been written, or all.
    const isCertain = kind !== "lost";
    const written = isCertain ? contents.subarray(0, bytes) : contents;
    if (this.#append !== null) {
      this.#append.bytes = written;
      this.#append.settled = settled;
    } else if (kind !== "refused") {
      handle.model.writes.push({
        name,
        offset,
        bytes: written,
        begun,
        settled,
        isCertain,
      });
    }
  }
}

/** A synchronization: it covers all writes that began before it. */
export class SyncJob extends Job {
  readonly isRefused = false;
  readonly isRefusedAtOnce = false;
  readonly #covered: Job[] = [...this.handle.unsettledWrites];

  get name(): string {
    return `sync #${this.id}`;
  }

  /** What is on disk is done, so those who asked for it must know that. */
  protected override settle({ kind }: Ending): void {
    if (kind !== "done") return;
    for (const write of this.#covered) {
      // Out of a queue come others first, so a promise may be faster.
      if (write.isQueued && !this.isQueued) continue;
      if (!this.handle.unsettledWrites.has(write)) continue;
      throw new Error(
        `${this.name} was done before ${write.name}, which it covers`,
      );
    }
  }
}
