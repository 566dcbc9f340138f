/**
 * What the parts of a running program share.
 *
 * @module
 */
import { Clock, type Job, SyncJob, type Tally, TransferJob } from "./job.ts";
import {
  APART_BYTES,
  type Program,
  type Target,
  type Transfer,
} from "./program.ts";
import { BLOCK_BYTES, type Handle, ModelFile } from "./model_file.ts";
import { contentsOf } from "./contents.ts";

/** Appends that may be mixed with those of others are not longer than this. */
const MIXED_APPEND_BYTES_MAX = 256 * 1024;

/** Where files go. */
export interface Places {
  readonly memory: string;
  readonly disk: string;
  /** Whether transfers can go past the page cache there, on disk. */
  readonly takesDirect: boolean;
}

/** The files, the requests so far, and what was counted. */
export class World {
  readonly files: ModelFile[];
  readonly clock = new Clock();
  readonly tally: Tally = {
    submitted: 0,
    completed: 0,
    failed: 0,
    canceled: 0,
  };
  /** Whether streams made requests too, nobody knows how many. */
  isInexact = false;
  /** How many requests were canceled, as `cancel()` told. */
  toldCanceled = 0;
  /** The requests of this round. */
  jobs: Job[] = [];
  #lastId = 0;

  constructor(program: Program, places: Places) {
    this.files = program.files.map((plan) => {
      const { size_bytes, isOnDisk } = plan;
      const isDirect = plan.isDirect && places.takesDirect;
      const size = isDirect ? blocks(size_bytes) : size_bytes;
      const contents = this.newContents(size).slice();
      const place = isOnDisk || isDirect ? places.disk : places.memory;
      const path = `${place}/${crypto.randomUUID()}`;
      Deno.writeFileSync(path, contents);
      const isReadAtOnce = program.pageCache && !isDirect;
      const traits = { isDirect, isReadAtOnce };
      return new ModelFile(path, plan.accesses, traits, contents);
    });
  }

  get handles(): Handle[] {
    return this.files.flatMap(({ handles }) => handles);
  }

  /** The `AioFile` that an action is about. */
  handleOf({ file, handle }: Target): Handle {
    const { handles } = this.files[file % this.files.length];
    return handles[handle % handles.length];
  }

  /** Bytes that nothing else has. */
  newContents(length: number): Uint8Array {
    return contentsOf(++this.#lastId, length);
  }

  /** A synchronization. */
  newSync(handle: Handle, signal?: AbortSignal): SyncJob {
    const id = ++this.#lastId;
    const job = new SyncJob(id, handle, this.clock, this.tally, signal);
    this.jobs.push(job);
    return job;
  }

  /** A transfer, at the place that it is given. */
  newTransfer(
    handle: Handle,
    wanted: TransferJob["wanted"],
    signal?: AbortSignal,
  ): TransferJob {
    const { clock, tally } = this;
    const id = ++this.#lastId;
    const job = new TransferJob(id, handle, clock, tally, wanted, signal);
    this.jobs.push(job);
    return job;
  }

  /** A transfer as it fits into the round, or `null` if it does not. */
  fit(
    handle: Handle,
    transfer: Transfer,
    thread: number,
    signal?: AbortSignal,
  ): TransferJob | null {
    const { model } = handle;
    const { type, memory, isApart } = transfer;
    let { offset, length } = transfer;
    if (isApart) {
      const begin = thread * APART_BYTES;
      offset = begin + offset % APART_BYTES;
      length = Math.min(length, begin + APART_BYTES - offset);
    }
    if (type === "write" && !handle.refuses("write")) {
      const isAppend = handle.access === "append";
      if (model.mode === "truncate") return null;
      if (isAppend && model.mode !== "append") return null;
      if (isAppend) length = this.appendLength(handle, length);
      else if (model.mode === "append") {
        // It must not move the end that others append to.
        offset = model.base.length === 0 ? 0 : offset % model.base.length;
        length = Math.min(length, model.base.length - offset);
      }
    }
    if (model.isDirect) {
      offset = blocks(offset);
      length = blocks(length);
    }
    return this.newTransfer(handle, { type, offset, length, memory }, signal);
  }

  /** How long an append may be that is to have so many bytes. */
  appendLength({ model }: Handle, length: number): number {
    // Longer ones go in pieces, and others may come in between.
    const mixed = model.appenders > 1
      ? Math.min(length, MIXED_APPEND_BYTES_MAX)
      : length;
    return model.isDirect ? blocks(mixed) : mixed;
  }
}

/** The largest multiple of a block up to a length. */
export function blocks(length: number): number {
  return length - length % BLOCK_BYTES;
}
