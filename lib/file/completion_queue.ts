/** `CompletionQueue`: requests with a tag, completions by async iteration. */
import {
  coalesced,
  queueMicrotask,
  setImmediate,
} from "../../ffi/event_loop.ts";
import { assertArray, assertFlag, assertObject } from "../checks/arguments.ts";
import { assert } from "../checks/assert.ts";
import { assertBytes, nameOf } from "../checks/bytes.ts";
import { fileOffset } from "../checks/offset.ts";
import { Bag, type Placed } from "../collections/bag.ts";
import { Fifo } from "../collections/fifo.ts";
import type { Notify } from "../engine/engine.ts";
import { dispatcher } from "../requests/dispatcher.ts";
import {
  Request,
  type RequestFields,
  type RequestQueue,
} from "../requests/request.ts";
import { syscallOf } from "../requests/request_error.ts";
import { EBADF, platform } from "../system/constants.ts";
import { AioError } from "../system/error.ts";
import { placeOf } from "../system/pinned.ts";
import { type AioFile, openFileOf } from "./aio_file.ts";
import { assertPriority } from "./options.ts";

/**
 * What a {@linkcode CompletionQueue} reports about a request that is done.
 *
 * @example Handling completions
 * ```ts
 * import { AioFile, type Completion, CompletionQueue } from "@posix/aio";
 *
 * function handle({ tag, bytes, error }: Completion<string>): void {
 *   if (error === null) console.log(tag, bytes, "bytes");
 *   else console.error(tag, error.message);
 * }
 *
 * await using file = await AioFile.open("deno.json");
 * await using queue = new CompletionQueue<string>();
 * queue.read(file, new Uint8Array(64), 0, "head");
 * for await (const completion of queue.drain()) handle(completion);
 * ```
 */
export interface Completion<Tag> {
  /** What the request was. */
  operation: "read" | "write" | "sync" | "syncData";
  /** What it was submitted with. */
  tag: Tag;
  /** The file it was for. */
  file: AioFile;
  /** Its buffer; `null` for a synchronization. */
  buffer: Uint8Array | null;
  /**
   * The offset in bytes at which it began: a number up to 2 ** 53 - 1, a bigint
   * beyond; 0 for a synchronization.
   */
  offset: number | bigint;
  /** How many bytes were transferred, before the failure if it failed. */
  bytes: number;
  /** Why it failed, or `null`. */
  error: AioError | null;
}

/**
 * A request for {@linkcode CompletionQueue.prototype.submit | CompletionQueue.submit}.
 *
 * @example Two reads
 * ```ts
 * import { AioFile, CompletionQueue, type QueueRequest } from "@posix/aio";
 *
 * await using file = await AioFile.open("deno.json");
 * await using queue = new CompletionQueue<string>();
 * const requests: QueueRequest<string>[] = [
 *   { type: "read", file, buffer: new Uint8Array(8), offset: 0, tag: "head" },
 *   { type: "read", file, buffer: new Uint8Array(8), offset: 8, tag: "next" },
 * ];
 * queue.submit(requests);
 * for await (const { tag, bytes } of queue.drain()) console.log(tag, bytes);
 * ```
 */
export interface QueueRequest<Tag> {
  /** What to do. */
  type: "read" | "write" | "sync" | "syncData";
  /** The file. */
  file: AioFile;
  /** The buffer of a read or a write. */
  buffer?: Uint8Array | undefined;
  /** The offset of a read or a write, in bytes. */
  offset?: number | bigint | undefined;
  /** Comes back with the completion. */
  tag: Tag;
  /**
   * By how much to lower the priority, as `aio_reqprio`.
   *
   * @default {0}
   */
  priority?: number | undefined;
}

/**
 * Options of a {@linkcode CompletionQueue}.
 *
 * @example Waiting without polling while requests take long
 * ```ts
 * import { CompletionQueue, type CompletionQueueOptions } from "@posix/aio";
 *
 * const options: CompletionQueueOptions = { notify: "suspend" };
 * await using queue = new CompletionQueue(options);
 * console.log(queue.inFlight); // 0
 * ```
 */
export interface CompletionQueueOptions {
  /**
   * How completions are noticed. `"suspend"` waits in `aio_suspend` on a thread
   * beside the event loop, `"thread"` has the system call a function
   * (`SIGEV_THREAD`, for one request at a time, because each takes a thread; the
   * others as with `"auto"`), `"poll"` asks from the event loop, `"auto"`
   * polls as long as that pays and then suspends. In an isolate that may end
   * before the process, such as a worker or a file of `deno test`, and on
   * macOS, `"thread"` is the same as `"suspend"`. For requests of pipes, sockets
   * and terminals it makes no difference.
   *
   * @default {"auto"}
   */
  notify?: "auto" | "suspend" | "thread" | "poll" | undefined;
}

const NOTIFY_MODES: readonly unknown[] = ["auto", "suspend", "thread", "poll"];

let assertQueue: (value: unknown) => asserts value is CompletionQueue<unknown>;

/**
 * Requests go in with a tag, completions come out by async iteration, in the
 * order in which they are done. For programs with their own idea of what to do
 * next, where a promise for each request is not what they want.
 *
 * Every request yields exactly one completion, whatever happens to it. While
 * nothing is in flight, the queue does not keep the process alive.
 *
 * @typeParam Tag What comes back with a completion. Where it is `undefined`, requests
 * need none.
 *
 * @example Reading four blocks
 * ```ts
 * import { AioFile, allocatePinned, CompletionQueue } from "@posix/aio";
 *
 * await using file = await AioFile.open("deno.json");
 * await using queue = new CompletionQueue<number>();
 * for (let block = 0; block < 4; block++) {
 *   queue.read(file, allocatePinned(64), block * 64, block);
 * }
 * for await (const { tag, bytes } of queue.drain()) {
 *   console.log(`block ${tag}: ${bytes} bytes`);
 * }
 * ```
 */
export class CompletionQueue<Tag = undefined>
  implements AsyncIterable<Completion<Tag>>, AsyncDisposable {
  readonly #notify: Notify;
  readonly #outstanding = new Bag<QueuedRequest<Tag>>();
  /** Completions that nobody has asked for yet. */
  readonly #ready = new Fifo<Completion<Tag>>();
  readonly #consumers = new Fifo<Consumer<Tag>>();
  #isSubmitting = false;
  /** Requests that were done before the call that submitted them had returned. */
  #doneAtOnce = 0;
  /** Whether a completion was taken, and nothing submitted since then. */
  #isTaken = false;
  #closing: Promise<void> | null = null;
  #closed: (() => void) | null = null;

  static {
    assertQueue = (value) => {
      const isObject = typeof value === "object" && value !== null;
      if (isObject && #outstanding in value) return;
      throw new TypeError(
        `The queue must be a CompletionQueue, but is ${nameOf(value)}`,
      );
    };
  }

  /**
   * Makes an empty queue.
   *
   * @param options How completions are noticed.
   * @throws {TypeError} If `notify` is none of the modes.
   *
   * @example A queue whose tags are objects
   * ```ts
   * import { AioFile, CompletionQueue } from "@posix/aio";
   *
   * await using file = await AioFile.open("deno.json");
   * await using queue = new CompletionQueue<{ part: number }>();
   * queue.read(file, new Uint8Array(64), 0, { part: 1 });
   * for await (const { tag } of queue.drain()) console.log(tag.part); // 1
   * ```
   */
  constructor(options: CompletionQueueOptions = {}) {
    assertObject(options, "options");
    const { notify = "auto" } = options;
    if (!NOTIFY_MODES.includes(notify)) {
      throw new TypeError(
        'notify must be "auto", "suspend", "thread" or "poll", but is ' +
          nameOf(notify),
      );
    }
    this.#notify = notify;
  }

  /**
   * How many requests have no completion yet. One that is done at once, as a read
   * that is cached, still counts when the call that submits it returns. Completions
   * that nobody has taken do not count: {@linkcode CompletionQueue.prototype.drain |
   * drain} gives those as well.
   *
   * @example Keeping eight requests in flight
   * ```ts
   * import { AioFile, CompletionQueue } from "@posix/aio";
   *
   * await using file = await AioFile.open("deno.json");
   * await using queue = new CompletionQueue<number>();
   * let next = 0;
   * const submit = () => {
   *   while (next < 32 && queue.inFlight < 8) {
   *     queue.read(file, new Uint8Array(16), next * 16, next);
   *     next++;
   *   }
   * };
   * submit();
   * for await (const { tag, bytes } of queue.drain()) {
   *   console.log(tag, bytes);
   *   submit();
   * }
   * ```
   */
  get inFlight(): number {
    assertQueue(this);
    return this.#outstanding.size + this.#doneAtOnce;
  }

  /**
   * Submits a read, as {@linkcode AioFile.prototype.readAt | AioFile.readAt}.
   *
   * @param file The file.
   * @param into Where to put the bytes.
   * @param offset Where in the file, in bytes.
   * @param tag Comes back with the completion; left out where tags are `undefined`.
   * @throws {AioError} `EBADF` if the file or the queue is closed.
   * @throws {TypeError} If `into` is not a `Uint8Array`.
   * @throws {RangeError} If the offset is not valid.
   *
   * @example
   * ```ts
   * import { AioFile, CompletionQueue } from "@posix/aio";
   *
   * await using file = await AioFile.open("deno.json");
   * await using queue = new CompletionQueue<string>();
   * queue.read(file, new Uint8Array(64), 0, "head");
   * for await (const { tag, bytes } of queue.drain()) console.log(tag, bytes);
   * ```
   */
  read(
    file: AioFile,
    into: Uint8Array,
    offset: number | bigint,
    tag: Tag | ([Tag] extends [undefined] ? void : never),
  ): void {
    assertQueue(this);
    this.#submitOne({
      type: "read",
      file,
      buffer: into,
      offset,
      tag: tag as Tag,
    });
  }

  /**
   * Submits a write, as {@linkcode AioFile.prototype.writeAt | AioFile.writeAt}.
   *
   * @param file The file.
   * @param from The bytes.
   * @param offset Where in the file, in bytes.
   * @param tag Comes back with the completion; left out where tags are `undefined`.
   * @throws {AioError} `EBADF` if the file or the queue is closed.
   * @throws {TypeError} If `from` is not a `Uint8Array`.
   * @throws {RangeError} If the offset is not valid.
   *
   * @example
   * ```ts
   * import { AioFile, CompletionQueue } from "@posix/aio";
   *
   * const path = await Deno.makeTempFile();
   * {
   *   await using file = await AioFile.open(path, { write: true });
   *   await using queue = new CompletionQueue<number>();
   *   queue.write(file, new Uint8Array([1, 2, 3]), 0, 1);
   *   queue.sync(file, 2); // covers the write
   *   for await (const { tag, error } of queue.drain()) console.log(tag, error);
   * }
   * await Deno.remove(path);
   * ```
   */
  write(
    file: AioFile,
    from: Uint8Array,
    offset: number | bigint,
    tag: Tag | ([Tag] extends [undefined] ? void : never),
  ): void {
    assertQueue(this);
    this.#submitOne({
      type: "write",
      file,
      buffer: from,
      offset,
      tag: tag as Tag,
    });
  }

  /**
   * Submits a synchronization, as
   * {@linkcode AioFile.prototype.sync | AioFile.sync}. It covers every write of
   * the file that was submitted before.
   *
   * @param file The file.
   * @param tag Comes back with the completion; left out where tags are `undefined`.
   * @param options `dataOnly` for
   * {@linkcode AioFile.prototype.syncData | AioFile.syncData}.
   * @throws {AioError} `EBADF` if the file or the queue is closed.
   *
   * @example
   * ```ts
   * import { AioFile, CompletionQueue } from "@posix/aio";
   *
   * const path = await Deno.makeTempFile();
   * {
   *   await using file = await AioFile.open(path, { write: true });
   *   await using queue = new CompletionQueue<string>();
   *   queue.sync(file, "done", { dataOnly: true });
   *   for await (const { tag } of queue.drain()) console.log(tag); // done
   * }
   * await Deno.remove(path);
   * ```
   */
  sync(
    file: AioFile,
    tag: Tag | ([Tag] extends [undefined] ? void : never),
    options: { dataOnly?: boolean | undefined } = {},
  ): void {
    assertQueue(this);
    assertObject(options, "options");
    const { dataOnly } = options;
    assertFlag(dataOnly, "dataOnly");
    const type = dataOnly ? "syncData" : "sync";
    this.#submitOne({ type, file, tag: tag as Tag });
  }

  /**
   * Submits many requests with one `lio_listio` call. None is submitted if one is
   * not valid.
   *
   * @param requests The requests.
   * @throws {AioError} `EBADF` if a file or the queue is closed.
   * @throws {TypeError} If a request is not what it should be.
   * @throws {RangeError} If an offset or a priority is not valid.
   *
   * @example
   * ```ts
   * import { AioFile, CompletionQueue } from "@posix/aio";
   *
   * await using file = await AioFile.open("deno.json");
   * await using queue = new CompletionQueue<number>();
   * queue.submit([0, 1, 2].map((tag) => ({
   *   type: "read",
   *   file,
   *   buffer: new Uint8Array(16),
   *   offset: tag * 16,
   *   tag,
   * })));
   * for await (const { tag, bytes } of queue.drain()) console.log(tag, bytes);
   * ```
   */
  submit(
    requests: (
      | QueueRequest<Tag>
      | ([Tag] extends [undefined] ? Omit<QueueRequest<undefined>, "tag">
        : never)
    )[],
  ): void {
    assertQueue(this);
    assertArray(requests, "requests");
    const made: QueuedRequest<Tag>[] = [];
    // Not map(), which would leave holes out.
    for (const request of requests) {
      made.push(this.#make(request as QueueRequest<Tag>));
    }
    this.#assertOpen();
    // A getter of a later request may have closed a file, or taken a buffer away.
    for (const { file, operation, view } of made) {
      openFileOf(file).assertOpen(syscallOf(operation));
      if (view !== null) assertBytes(view, "buffer");
    }
    for (const request of made) this.#outstanding.add(request);
    this.#isSubmitting = true;
    try {
      dispatcher.submitTogether(made);
    } finally {
      this.#isSubmitting = false;
    }
  }

  /**
   * Cancels requests that have not begun, as those that wait for a pipe, a socket
   * or a terminal. Their completions come with an `AioError` `ECANCELED`.
   *
   * @param tag Of the requests to cancel; without it, all of the queue.
   * @returns How many were canceled.
   *
   * @example
   * ```ts
   * import { AioFile, CompletionQueue } from "@posix/aio";
   *
   * await using file = await AioFile.open("deno.json");
   * await using queue = new CompletionQueue<number>();
   * queue.read(file, new Uint8Array(16), 0, 7);
   * console.log(queue.cancel(7)); // 1, or 0 if it runs already
   * ```
   */
  cancel(tag?: Tag): number {
    assertQueue(this);
    let canceled = 0;
    // Backwards: what stands behind a running request can be canceled.
    const last = this.#outstanding.toArray()
      .sort((one, other) => other.number - one.number);
    for (const request of last) {
      if (tag !== undefined && request.tag !== tag) continue;
      if (request.queue.cancel(request)) canceled++;
    }
    return canceled;
  }

  /**
   * All completions, until the queue is closed and empty. Each goes to one
   * iterator.
   *
   * @returns An iterator; leaving it early loses nothing, another one goes on.
   *
   * @example
   * ```ts
   * import { AioFile, CompletionQueue } from "@posix/aio";
   *
   * await using file = await AioFile.open("deno.json");
   * const queue = new CompletionQueue<string>();
   * queue.read(file, new Uint8Array(64), 0, "last");
   * queue.close();
   * for await (const { tag } of queue) console.log(tag); // last
   * ```
   */
  [Symbol.asyncIterator](): AsyncIterator<Completion<Tag>> {
    assertQueue(this);
    return this.#iterate(false);
  }

  /**
   * The completions until nothing is in flight.
   *
   * @returns An iterator; leaving it early loses nothing, another one goes on.
   *
   * @example
   * ```ts
   * import { CompletionQueue } from "@posix/aio";
   *
   * await using queue = new CompletionQueue();
   * for await (const completion of queue.drain()) console.log(completion);
   * ```
   */
  drain(): AsyncIterableIterator<Completion<Tag>> {
    assertQueue(this);
    return this.#iterate(true);
  }

  /**
   * Refuses new requests, and waits for those in flight. Their completions can
   * still be had.
   *
   * @returns When nothing is in flight.
   *
   * @example
   * ```ts
   * import { CompletionQueue } from "@posix/aio";
   *
   * const queue = new CompletionQueue();
   * await queue.close();
   * ```
   */
  close(): Promise<void> {
    try {
      assertQueue(this);
    } catch (error) {
      return Promise.reject(error);
    }
    this.#closing ??= new Promise((resolve) => {
      this.#closed = resolve;
    });
    // Before whoever awaits it goes on.
    this.#forgetSoon();
    this.#endIfIdle();
    return this.#closing;
  }

  /**
   * The same as {@linkcode CompletionQueue.prototype.close | close}, for
   * `await using`.
   *
   * @example
   * ```ts
   * import { AioFile, CompletionQueue } from "@posix/aio";
   *
   * await using file = await AioFile.open("deno.json");
   * const bytes = new Uint8Array(8);
   * {
   *   await using queue = new CompletionQueue<string>();
   *   queue.read(file, bytes, 0, "head");
   * } // waits for the read
   * console.log(bytes[0] !== 0); // true
   * ```
   */
  async [Symbol.asyncDispose](): Promise<void> {
    assertQueue(this);
    await this.close();
  }

  #submitOne(request: QueueRequest<Tag>): void {
    const made = this.#make(request);
    this.#assertOpen();
    this.#outstanding.add(made);
    this.#isSubmitting = true;
    try {
      made.queue.submit(made);
    } finally {
      this.#isSubmitting = false;
    }
  }

  /** Whoever submits a request finds it in flight, and whoever has it does not. */
  #countDoneAtOnce(): void {
    this.#doneAtOnce++;
    // A loop asks for the next one: a microtask more would slow it down.
    if (this.#isTaken) this.#forgetInNextTurn();
    else this.#forgetSoon();
    this.#isTaken = false;
  }

  readonly #forgetDoneAtOnce = (): void => {
    this.#doneAtOnce = 0;
  };
  readonly #forgetSoon = coalesced(queueMicrotask, this.#forgetDoneAtOnce);
  readonly #forgetInNextTurn = coalesced(setImmediate, this.#forgetDoneAtOnce);

  #make(request: QueueRequest<Tag>): QueuedRequest<Tag> {
    assertObject(request, "A request");
    // A getter must not give another value to what uses it later.
    const { type, file, tag, priority = 0 } = request;
    const isSync = type === "sync" || type === "syncData";
    if (!isSync && type !== "read" && type !== "write") {
      throw new TypeError(
        `The type of a request must be "read", "write", "sync" or ` +
          `"syncData", but is ${nameOf(type)}`,
      );
    }
    const offset = isSync ? 0 : fileOffset(type, request.offset!);
    const view = isSync ? null : bytesOf(request);
    const queue = openFileOf(file).queueFor(type);
    if (priority !== 0) assertPriority(priority);
    const address = view === null ? 0 : placeOf(view);
    const fields = { operation: type, view, address, offset, priority };
    return new QueuedRequest(
      queue,
      fields,
      this.#notify,
      { file, type, tag },
      this.#settled,
    );
  }

  readonly #settled = (
    request: QueuedRequest<Tag>,
    error: AioError | null,
  ): void => {
    const wasOutstanding = this.#outstanding.delete(request);
    assert(wasOutstanding, "a request has one completion");
    if (this.#isSubmitting) this.#countDoneAtOnce();
    const completion: Completion<Tag> = {
      operation: request.type,
      tag: request.tag,
      file: request.file,
      // A queue takes no lists.
      buffer: request.view as Uint8Array | null,
      offset: request.offset,
      bytes: request.transferred,
      error,
    };
    const consumer = this.#consumers.shift();
    if (consumer === undefined) this.#ready.push(completion);
    else consumer.resolve({ done: false, value: completion });
    this.#endIfIdle();
  };

  #iterate(isDraining: boolean): AsyncIterableIterator<Completion<Tag>> {
    const owner = {};
    let isLeft = false;
    return {
      next: () =>
        isLeft ? Promise.resolve(end()) : this.#next(owner, isDraining),
      return: () => {
        isLeft = true;
        // Who waits with it would take a completion that nobody looks at.
        this.#endConsumers((consumer) => consumer.owner === owner);
        return Promise.resolve(end());
      },
      [Symbol.asyncIterator]() {
        return this;
      },
    };
  }

  #next(
    owner: object,
    isDraining: boolean,
  ): Promise<IteratorResult<Completion<Tag>>> {
    this.#doneAtOnce = 0;
    const completion = this.#ready.shift();
    this.#isTaken = completion !== undefined;
    if (completion !== undefined) {
      return Promise.resolve({ done: false, value: completion });
    }
    if (
      this.#outstanding.size === 0 && (isDraining || this.#closing !== null)
    ) return Promise.resolve(end());
    return new Promise((resolve) =>
      this.#consumers.push({ resolve, owner, isDraining })
    );
  }

  /** Nothing is in flight: who waits for the end has it. */
  #endIfIdle(): void {
    if (this.#outstanding.size > 0) return;
    const isClosed = this.#closing !== null;
    if (isClosed) this.#closed!();
    this.#endConsumers((consumer) => isClosed || consumer.isDraining);
  }

  #endConsumers(isOne: (consumer: Consumer<Tag>) => boolean): void {
    for (let left = this.#consumers.size; left > 0; left--) {
      const consumer = this.#consumers.shift()!;
      if (isOne(consumer)) consumer.resolve(end());
      else this.#consumers.push(consumer);
    }
  }

  #assertOpen(): void {
    if (this.#closing === null) return;
    throw new AioError("The completion queue is closed", {
      errno: EBADF,
      syscall: "aio_suspend",
    });
  }
}

/** @throws {TypeError} Unless there are some: `null` is for synchronizations. */
function bytesOf({ buffer }: QueueRequest<unknown>): Uint8Array {
  assertBytes(buffer, "buffer");
  return buffer;
}

function end(): IteratorReturnResult<undefined> {
  return { done: true, value: undefined };
}

/** Somebody who waits for the next completion. */
interface Consumer<Tag> {
  readonly resolve: (result: IteratorResult<Completion<Tag>>) => void;
  /** The iterator it waits with. */
  readonly owner: object;
  /** Whether it wants to know when nothing is in flight. */
  readonly isDraining: boolean;
}

/** Hears of a request that is done. */
type Settled<Tag> = (
  request: QueuedRequest<Tag>,
  error: AioError | null,
) => void;

/** How many requests were made. */
let requestsMade = 0;

/** A request that becomes a completion. */
class QueuedRequest<Tag> extends Request implements Placed {
  place = -1;
  /** The later it was made, the greater. */
  readonly number = requestsMade++;
  readonly file: AioFile;
  readonly type: QueueRequest<Tag>["type"];
  readonly tag: Tag;
  readonly #settled: Settled<Tag>;

  constructor(
    queue: RequestQueue,
    fields: RequestFields,
    notify: Notify,
    { file, type, tag }: QueueRequest<Tag>,
    settled: Settled<Tag>,
  ) {
    super(queue, fields, notify);
    this.file = file;
    this.type = type;
    this.tag = tag;
    this.#settled = settled;
  }

  override handOver(error: Error | null): void {
    this.#settled(this, error === null ? null : asAioError(this, error));
  }
}

/** A buffer that is gone is the one failure that is no system error. */
function asAioError(request: Request, error: Error): AioError {
  if (error instanceof AioError) return error;
  const wrapped = new AioError(error.message, {
    errno: platform.errno.EFAULT,
    syscall: syscallOf(request.operation),
    fd: request.queue.file.knownFd,
    bytesTransferred: request.transferred,
  });
  wrapped.cause = error;
  return wrapped;
}
