/**
 * An engine that does what a test says, for what is above the engines: short
 * transfers and refusals, which a real one has seldom.
 *
 * @module
 */
import { assert } from "@std/assert";
import type {
  Channel,
  EngineRequest,
  FileTraits,
  Operation,
} from "../../lib/engine/engine.ts";
import { engine } from "../../lib/engine/serving.ts";
import { PromisedRequest } from "../../lib/file/promised_request.ts";
import type { FileQueue } from "../../lib/requests/file_queue.ts";
import type { Request } from "../../lib/requests/request.ts";
import { settings } from "../../lib/system/settings.ts";
import { configure } from "../../mod.ts";
import { encode } from "./bytes.ts";

/** A file that is like most. */
export const FILE: FileTraits = {
  knownFd: 99,
  flags: 0,
  isSeekable: true,
  isAppending: false,
  keepsLanes: true,
  isDirect: false,
  isSynchronous: false,
};

/** See the module's documentation. Nobody serves its requests but the test. */
export class FakeEngine implements Disposable {
  readonly submitted: Request[] = [];
  /** Whether the system has resources. */
  isTaking = true;
  /** Called with each request that is taken. */
  onSubmit: () => void = () => {};
  /** From how many reads on the page cache is not asked. */
  readsTogetherMin = Infinity;
  /** Whether it was told to hand over what was submitted. */
  #isFlushed = true;
  readonly #engine = engine();
  readonly #open = this.#engine.open;
  readonly #flush = this.#engine.flush;
  readonly #maxInFlight = settings.maxInFlight;

  constructor(maxInFlight = 512) {
    this.#engine.open = (_fd, _file, owner) => ({
      ...this.#channel,
      requests: () =>
        this.submitted.filter((request) => request.queue as object === owner),
    });
    this.#engine.flush = () => {
      this.#isFlushed = true;
    };
    configure({ maxInFlight });
  }

  readonly #channel: Channel = {
    hasRoom: () => true,
    isAheadOfCache: (reads) => reads >= this.readsTogetherMin,
    submit: (request: Request) => {
      if (!this.isTaking) return false;
      request.entry = this;
      this.submitted.push(request);
      this.#isFlushed = false;
      this.onSubmit();
      return true;
    },
    cancel: (request: Request) => {
      assert(this.#isFlushed, "the system does not have it yet");
      this.#take(request);
      return true;
    },
    requests: () => this.submitted,
    close: () => {},
  };

  #take(request: EngineRequest): void {
    request.entry = null;
    const at = this.submitted.findIndex((other) => other === request);
    assert(at >= 0, "the engine does not have it");
    this.submitted.splice(at, 1);
  }

  /** The system refuses all requests after they were taken. */
  refuseAll(): void {
    for (const request of this.submitted.slice().reverse()) {
      this.refuse(request);
    }
  }

  /** The system refuses a request after it was taken. */
  refuse(request: Request): void {
    this.#take(request);
    (request.queue as FileQueue).putBack(request);
  }

  /** Has no memory for a request, its first one unless given. */
  lackMemory(queue: FileQueue, request: Request = this.submitted[0]): void {
    this.#take(request);
    queue.lackedMemory(request);
  }

  /**
   * Is done with a request, or with a part of it.
   *
   * @param request Which one; its first one unless given.
   */
  complete(
    queue: FileQueue,
    errno: number,
    bytes: number,
    request: Request = this.submitted[0],
  ): void {
    this.#take(request);
    request.transferred += bytes;
    queue.completed(request, errno, bytes);
  }

  [Symbol.dispose](): void {
    this.#engine.open = this.#open;
    this.#engine.flush = this.#flush;
    configure({ maxInFlight: this.#maxInFlight });
  }
}

/** A request, and what its promise comes to. */
export interface Made {
  readonly request: PromisedRequest;
  readonly outcome: Promise<number>;
}

/** Makes a request of a queue. */
export function submit(
  queue: FileQueue,
  operation: Operation,
  text = "",
): Made {
  const isSync = operation === "sync" || operation === "syncData";
  const view = isSync ? null : encode(text);
  const fields = { operation, view, address: 0, offset: 0, priority: 0 };
  let request: PromisedRequest;
  const outcome = new Promise<number>((resolve, reject) => {
    request = new PromisedRequest(queue, fields, resolve, reject);
  });
  queue.submit(request!);
  return { request: request!, outcome };
}

/** Waits until what the queue does in microtasks is done. */
export async function microtasks(): Promise<void> {
  for (let count = 0; count < 20; count++) await null;
}
