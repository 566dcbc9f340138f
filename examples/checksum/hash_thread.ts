/**
 * A part of the tool `checksum.ts`: the threads that hash, one for each processor.
 *
 * @module
 */

import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import type { HashAnswer, HashRequest } from "./worker.ts";

/** Hashes the first bytes of a block; after the last ones, the answer is the digest. */
export type Hasher = (
  block: SharedArrayBuffer,
  bytes: number,
  isLast: boolean,
) => Promise<HashAnswer>;

/** A thread that hashes. */
class HashThread {
  readonly #worker = new Worker(
    new URL("./worker.ts", import.meta.url),
    // To hand over its own, Deno would have to ask for permission.
    { env: {} },
  );
  /** Answers come in the order of the requests. */
  readonly #waiting: PromiseWithResolvers<HashAnswer>[] = [];
  #failure: unknown = null;
  #files = 0;
  /** How many files it has begun and not ended. */
  busy = 0;

  constructor() {
    this.#worker.on(
      "message",
      (answer: HashAnswer) => this.#waiting.shift()!.resolve(answer),
    );
    this.#worker.on("error", (error) => {
      this.#failure = error;
      for (const { reject } of this.#waiting.splice(0)) reject(error);
    });
  }

  /** Begins a file. */
  begin(algorithm: string): Hasher {
    const file = this.#files++;
    return (block, bytes, isLast) => {
      // It is gone, and would never answer.
      if (this.#failure !== null) return Promise.reject(this.#failure);
      const waiting = Promise.withResolvers<HashAnswer>();
      this.#waiting.push(waiting);
      const request = { file, algorithm, block, bytes, isLast };
      this.#worker.postMessage(request satisfies HashRequest);
      return waiting.promise;
    };
  }

  async stop(): Promise<void> {
    await this.#worker.terminate();
  }
}

/** No more than there are processors, and none before it is needed. */
export class HashThreads {
  readonly #threads: HashThread[] = [];

  /** The thread that has least to do. */
  take(): HashThread {
    const free = this.#threads.find(({ busy }) => busy === 0);
    if (free !== undefined) return free;
    if (this.#threads.length < availableParallelism()) {
      const thread = new HashThread();
      this.#threads.push(thread);
      return thread;
    }
    return this.#threads.reduce((least, thread) =>
      thread.busy < least.busy ? thread : least
    );
  }

  async stop(): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.stop()));
  }
}
