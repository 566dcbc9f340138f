/** One request that goes to the system for several of callers. */
import type { BounceBuffer } from "../../ffi/bounce_buffer.ts";
import { Request, type RequestFields, type RequestQueue } from "./request.ts";

/** What becomes of the followers when their leader is done. */
export type LeaderDone = (
  leader: CombinedRequest,
  error: Error | null,
) => void;

/**
 * The leader of requests that share one native call: appends that wait together,
 * and synchronizations (group commit). The outcome of it is theirs.
 */
export class CombinedRequest extends Request {
  readonly #followers: ReadonlySet<Request>;
  readonly #done: LeaderDone;
  /** What the bytes of appends were copied to; `null` for a synchronization. */
  readonly memory: BounceBuffer | null;

  constructor(
    queue: RequestQueue,
    fields: RequestFields,
    followers: ReadonlySet<Request>,
    done: LeaderDone,
    memory: BounceBuffer | null = null,
  ) {
    super(queue, fields, "auto");
    this.#followers = followers;
    this.#done = done;
    this.memory = memory;
  }

  override get followers(): ReadonlySet<Request> {
    return this.#followers;
  }

  override handOver(error: Error | null): void {
    this.#done(this, error);
  }
}
