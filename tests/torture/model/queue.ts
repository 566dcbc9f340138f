/**
 * A `CompletionQueue` and the requests that went into it: each has to come out
 * once, and tell of what it was.
 *
 * @module
 */
import { type Completion, CompletionQueue } from "../../../mod.ts";
import { type Job, TransferJob } from "./job.ts";
import type { Action, Program, Transfer } from "./program.ts";
import type { World } from "./world.ts";

/** See the module's documentation. */
export class ModelQueue {
  readonly #world: World;
  readonly #queue: CompletionQueue<number>;
  /** The requests that have no completion yet, by their tags. */
  readonly #queued = new Map<number, { job: Job; done: () => void }>();
  /** Ends when the queue is closed, and fails if a completion is wrong. */
  readonly pumping: Promise<void>;

  constructor(world: World, notify: Program["notify"]) {
    this.#world = world;
    this.#queue = new CompletionQueue({ notify });
    this.pumping = this.#pump();
    this.pumping.catch(() => {}); // Looked at with everything else.
  }

  /** Makes requests one by one, or hands them over as one list. */
  async submit(
    transfers: Transfer[],
    thread: number,
    isSingle: boolean,
  ): Promise<void> {
    const world = this.#world;
    const made = transfers.flatMap((transfer) => {
      const handle = world.handleOf(transfer);
      if (handle.closing !== null) return [];
      const job = world.fit(handle, transfer, thread);
      return job === null ? [] : [{ job, priority: transfer.priority }];
    });
    const completions = made.map(({ job }) => this.#awaitCompletion(job));
    if (isSingle) { for (const { job } of made) this.#submitOne(job); }
    else {
      this.#queue.submit(made.map(({ job, priority }) => ({
        type: job.wanted.type as "read" | "write",
        file: job.handle.file,
        buffer: job.memory.view,
        offset: job.wanted.offset,
        tag: job.id,
        priority,
      })));
    }
    for (const { job } of made) {
      if (job.wanted.type === "write") job.handle.unsettledWrites.add(job);
      job.memory.change();
    }
    await Promise.all(completions);
  }

  #submitOne({ id, handle, memory, wanted }: TransferJob): void {
    const { file } = handle;
    if (wanted.type === "read") {
      this.#queue.read(file, memory.view, wanted.offset, id);
    } else this.#queue.write(file, memory.view, wanted.offset, id);
  }

  /** Synchronizes a file. */
  async sync(action: Action & { type: "queuedSync" }): Promise<void> {
    const handle = this.#world.handleOf(action);
    if (handle.closing !== null) return;
    const { dataOnly } = action;
    const job = this.#world.newSync(handle);
    const completion = this.#awaitCompletion(job);
    this.#queue.sync(handle.file, job.id, { dataOnly });
    await completion;
  }

  /** Cancels all requests, or the last one. */
  cancel(isAll: boolean): void {
    const tags = [...this.#queued.keys()];
    if (tags.length === 0) return;
    const concerned = isAll ? tags : tags.slice(-1);
    const now = this.#world.clock.tick();
    for (const tag of concerned) this.#queued.get(tag)!.job.canceledAt = now;
    this.#world.toldCanceled += isAll
      ? this.#queue.cancel()
      : this.#queue.cancel(tags.at(-1));
  }

  /** Ends it: afterwards nothing may be left in it. */
  async close(): Promise<void> {
    await this.#queue.close();
    await this.pumping;
    for await (const { tag } of this.#queue.drain()) {
      throw new Error(`#${tag} has a completion after the end`);
    }
  }

  #awaitCompletion(job: Job): Promise<void> {
    job.isQueued = true;
    return new Promise((resolve) =>
      this.#queued.set(job.id, { job, done: resolve })
    );
  }

  async #pump(): Promise<void> {
    for await (const completion of this.#queue) this.#completed(completion);
    if (this.#queued.size > 0) {
      throw new Error(`The queue ended with ${this.#queued.size} in flight`);
    }
  }

  #completed(completion: Completion<number>): void {
    const queued = this.#queued.get(completion.tag);
    if (queued === undefined) {
      throw new Error(`#${completion.tag} has a second completion`);
    }
    const { job, done } = queued;
    this.#queued.delete(completion.tag);
    assertTells(completion, job);
    if (completion.error === null) job.succeed(completion.bytes);
    else job.fail(completion.error);
    done();
  }
}

function assertTells(completion: Completion<number>, job: Job): void {
  const { operation, file, buffer, offset } = completion;
  const isRight = file === job.handle.file &&
    (job instanceof TransferJob
      ? operation === job.wanted.type && buffer === job.memory.view &&
        offset === job.wanted.offset
      : operation.startsWith("sync") && buffer === null && offset === 0);
  if (isRight) return;
  throw new Error(`The completion of ${job.name} tells of something else`);
}
