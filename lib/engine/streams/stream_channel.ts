/**
 * The way of a descriptor without offsets: a pipe, a FIFO, a socket, a terminal.
 *
 * Its transfers may have to wait for ever, so the system never has one that waits:
 * a thread would be lost to all others, and what runs could not be canceled. The
 * library waits until the descriptor is ready, and then transfers by calls that do
 * not wait. One transfer is served at a time, because their order matters; reads
 * and writes have a channel each and do not wait for each other.
 *
 * @module
 */
import { coalesced, setImmediate } from "../../../ffi/event_loop.ts";
import { assert } from "../../checks/assert.ts";
import { EAGAIN, EINTR } from "../../system/constants.ts";
import { giveMemoryBack } from "../../system/worker_memory.ts";
import type { Channel, ChannelOwner, EngineRequest } from "../engine.ts";
import { CALL_BYTES_MAX, eventsOf, type StreamCalls } from "./stream_calls.ts";
import type { Readiness, Waiting } from "./stream_calls.ts";

/** What a channel transfers before the event loop gets its turn. */
const TURN_BYTES_MAX = 1024 * 1024;
const TURN_CALLS_MAX = 256;

/** See the module's documentation. */
export class StreamChannel implements Channel, Waiting {
  readonly fd: number;
  /** What the transfer waits for, while it does. */
  events = 0;
  readonly #owner: ChannelOwner;
  readonly #calls: StreamCalls;
  readonly #readiness: Readiness;
  readonly #newSyncs: () => Channel;
  /** What synchronizes, if it is asked for: the system says that it cannot. */
  #syncs: Channel | null = null;
  /** The transfer that is served. */
  #request: EngineRequest | null = null;
  #isServing = false;
  #isWaiting = false;

  /**
   * @param fd The descriptor.
   * @param calls Transfer without waiting.
   * @param owner Hears of what is done.
   * @param readiness Tells when the descriptor is ready.
   * @param newSyncs Makes what serves synchronizations.
   */
  constructor(
    fd: number,
    calls: StreamCalls,
    owner: ChannelOwner,
    readiness: Readiness,
    newSyncs: () => Channel,
  ) {
    this.fd = fd;
    this.#owner = owner;
    this.#calls = calls;
    this.#readiness = readiness;
    this.#newSyncs = newSyncs;
  }

  hasRoom(): boolean {
    return this.#request === null;
  }

  submit(request: EngineRequest): boolean {
    if (request.isSync) {
      this.#syncs ??= this.#newSyncs();
      return this.#syncs.submit(request);
    }
    assert(this.#request === null, "one transfer is served at a time");
    this.#request = request;
    request.entry = this;
    // Not at once: what is always ready must leave other things their turn.
    if (!this.#isServing) this.#serveSoon();
    return true;
  }

  /** One that has read bytes already is done with these. */
  cancel(request: EngineRequest): boolean {
    if (request.isSync) return this.#syncs!.cancel(request);
    assert(this.#request === request, "the channel has the request");
    this.#stopWaiting();
    if (request.isWrite || request.transferred === 0) {
      this.#take();
      return true;
    }
    // What was read would be lost.
    this.#completed(0, request.transferred);
    return false;
  }

  requests(): EngineRequest[] {
    const syncs = this.#syncs?.requests() ?? [];
    return this.#request === null ? syncs : [this.#request, ...syncs];
  }

  rest(): void {
    this.#syncs?.rest?.();
    this.#calls.close();
    giveMemoryBack();
  }

  async whenUnused(): Promise<void> {
    await this.#readiness.whenForgotten?.();
    await this.#syncs?.whenUnused?.();
  }

  close(): void | Promise<void> {
    assert(this.#request === null, "what is closed has no requests");
    this.#calls.close();
    giveMemoryBack();
    return this.#syncs?.close();
  }

  /** The descriptor is ready. */
  ready(): void {
    this.#isWaiting = false;
    this.#serve();
  }

  /** Nothing can wait for it. */
  threw(error: Error): void {
    this.#isWaiting = false;
    this.#threw(error);
  }

  readonly #serveSoon = coalesced(setImmediate, () => {
    if (!this.#isWaiting) this.#serve();
  });

  #wait({ isWrite }: EngineRequest): void {
    this.events = eventsOf(isWrite);
    this.#isWaiting = true;
    this.#readiness.wait(this);
  }

  #stopWaiting(): void {
    if (!this.#isWaiting) return;
    this.#isWaiting = false;
    this.#readiness.forget(this);
  }

  /** Serves transfers, as they come, until one has to wait. */
  #serve(): void {
    this.#isServing = true;
    let bytes = 0;
    for (let calls = 0; this.#request !== null; calls++) {
      if (calls === TURN_CALLS_MAX || bytes >= TURN_BYTES_MAX) {
        this.#serveSoon();
        break;
      }
      const request = this.#request;
      const before = request.transferred;
      if (!this.#step(request)) {
        this.#wait(request);
        break;
      }
      bytes += request.transferred - before;
    }
    this.#isServing = false;
  }

  /** Makes one call for the transfer. Returns `false` if that has to wait. */
  #step(request: EngineRequest): boolean {
    const { isWrite, length, transferred } = request;
    const wanted = Math.min(length - transferred, CALL_BYTES_MAX);
    if (request.isViewLost(wanted)) {
      this.#completed(0, 0);
      return true;
    }
    let result: number;
    try {
      result = this.#calls.transfer(request, wanted);
    } catch (error) {
      this.#threw(error as Error);
      return true;
    }
    if (result === -EINTR) return true;
    if (result === -EAGAIN && (isWrite || transferred === 0)) return false;
    if (result > 0) request.transferred += result;
    // A read is satisfied with what is there; an error after it comes again.
    const isFailed = result < 0 && (isWrite || transferred === 0);
    const isDone = request.transferred === length || result === 0 ||
      !isWrite && result < wanted;
    if (isFailed) this.#completed(-result, 0);
    else if (isDone) this.#completed(0, Math.max(result, 0));
    return true;
  }

  #threw(error: Error): void {
    const { isWrite, transferred } = this.#request!;
    // What was read would be lost.
    if (!isWrite && transferred > 0) return this.#completed(0, transferred);
    this.#owner.threw(this.#take(), error);
    this.#owner.roomAgain();
  }

  #completed(errno: number, bytes: number): void {
    this.#owner.completed(this.#take(), errno, bytes);
    this.#owner.roomAgain();
  }

  #take(): EngineRequest {
    const request = this.#request;
    assert(request !== null, "what is taken from the channel was there");
    this.#request = null;
    request.entry = null;
    return request;
  }
}
