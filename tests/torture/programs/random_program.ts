/**
 * A random program of writes and synchronizations of one file, whose outcomes go
 * into a ledger.
 *
 * @module
 */
import { uniformInt } from "pure-rand/distribution/uniformInt";
import { xoroshiro128plus } from "pure-rand/generator/xoroshiro128plus";
import {
  type AioFile,
  allocatePinned,
  type BatchRequest,
  CompletionQueue,
} from "../../../mod.ts";
import { cut, delay } from "../../helpers/mod.ts";
import { type Ledger, recordOf } from "./ledger.ts";

/** Whether the next writes are meant to reach the disk. */
export type Mood = "good" | "failing";

/** What a program runs on. */
export interface Ground {
  readonly file: AioFile;
  readonly ledger: Ledger;
  readonly seed: number;
  /** Writes have lengths of so many bytes, times 1 to {@linkcode units}. */
  readonly unit_bytes: number;
  readonly units: number;
  /** Where to write so many units, in bytes; `null` when there is no place. */
  place(mood: Mood, units: number): number | null;
  /** Whether a write is durable when it resolves. */
  readonly isDurable: boolean;
  /** Makes something go wrong with what comes next. */
  disturb?(random: (below: number) => number): void;
}

const BATCH_MAX = 12;
const RECORD_BYTES_MAX = 6_000;
const RECORDS_MAX = 10_000;
const STREAM_CHUNKS_MAX = 6;
/** After so many steps the mood may change; it is bad once in so many times. */
const MOOD_STEPS = 15;
const BAD_MOODS = 4;
/** Canceled within so many milliseconds. */
const CANCEL_MS_MAX = 3;

/** See the module's documentation. */
export class RandomProgram {
  readonly #ground: Ground;
  readonly #random: (below: number) => number;
  readonly #queue = new CompletionQueue<() => void>();
  readonly #calls: Promise<unknown>[] = [];
  #mood: Mood = "good";
  /** Another round's records are others. */
  #nextRecord: number;

  constructor(ground: Ground) {
    this.#ground = ground;
    this.#nextRecord = ground.seed % RECORDS_MAX * RECORDS_MAX;
    const generator = xoroshiro128plus(ground.seed);
    this.#random = (below) => uniformInt(generator, 0, below - 1);
  }

  /** Takes so many steps, and waits until everything is settled. */
  async run(steps: number): Promise<void> {
    const draining = this.#drain();
    for (let step = 0; step < steps; step++) {
      if (step % MOOD_STEPS === 0) {
        this.#mood = this.#random(BAD_MOODS) === 0 ? "failing" : "good";
      }
      await this.#step();
    }
    await Promise.all(this.#calls);
    await this.#queue.close();
    await draining;
  }

  async #step(): Promise<void> {
    const kind = this.#random(20);
    if (kind < 6) this.#write();
    else if (kind < 8) this.#batch();
    else if (kind < 9) this.#stream();
    else if (kind < 12) this.#append();
    else if (kind < 16) this.#sync();
    else if (kind < 17) this.#ground.disturb?.(this.#random);
    else if (kind < 18) await Promise.all(this.#calls);
    else await delay(this.#random(4));
  }

  /** A place, and what goes there. */
  #take(unitsMax: number): { buffer: Uint8Array; offset: number } | null {
    const { unit_bytes } = this.#ground;
    const units = 1 + this.#random(unitsMax);
    const offset = this.#ground.place(this.#mood, units);
    if (offset === null) return null;
    const length = units * unit_bytes;
    const buffer = this.#random(2) === 0
      ? allocatePinned(length)
      : new Uint8Array(length);
    buffer.fill(1 + (offset / unit_bytes + this.#ground.seed) % 255);
    return { buffer, offset };
  }

  #write(): void {
    const taken = this.#take(this.#ground.units);
    if (taken === null) return;
    const { file, ledger, isDurable } = this.#ground;
    const { buffer, offset } = taken;
    const priority = this.#random(4) === 0 ? this.#random(5) : 0;
    const from = this.#maybeCut(buffer);
    const write = () => file.writeAt(from, offset, { priority });
    this.#calls.push(ledger.write(buffer, offset, { isDurable }, write));
  }

  /** The same bytes as a list of buffers, now and then. */
  #maybeCut(buffer: Uint8Array): Uint8Array | Uint8Array[] {
    if (this.#random(3) > 0) return buffer;
    return cut(buffer, [this.#random(buffer.length + 1)]);
  }

  #batch(): void {
    const { file, ledger, isDurable } = this.#ground;
    const requests: BatchRequest[] = [];
    for (let left = 1 + this.#random(BATCH_MAX); left > 0; left--) {
      const taken = this.#take(2);
      if (taken !== null) requests.push({ type: "write", ...taken });
    }
    const outcomes = file.batch(requests);
    for (const [index, { buffer, offset }] of requests.entries()) {
      const write = async () => {
        const outcome = (await outcomes)[index];
        if (outcome.status === "rejected") throw outcome.reason;
      };
      const place = Number(offset);
      this.#calls.push(ledger.write(buffer, place, { isDurable }, write));
    }
  }

  /** The chunks are on their own: each one is in the file when all of them are. */
  #stream(): void {
    const { file, ledger, isDurable, unit_bytes } = this.#ground;
    const taken = this.#take(STREAM_CHUNKS_MAX);
    if (taken === null) return;
    const { buffer, offset } = taken;
    const write = async () => {
      const writer = file.writable({ offset }).getWriter();
      const writes: Promise<void>[] = [];
      for (let at = 0; at < buffer.length; at += unit_bytes) {
        writes.push(writer.write(buffer.slice(at, at + unit_bytes)));
      }
      await Promise.all([...writes, writer.close()]);
    };
    const traits = { isDurable, isSlow: true };
    this.#calls.push(ledger.write(buffer, offset, traits, write));
  }

  #append(): void {
    const { file, ledger, isDurable } = this.#ground;
    const record = recordOf(
      this.#nextRecord++,
      16 + this.#random(RECORD_BYTES_MAX),
    );
    const signal = this.#maybeCanceled();
    const from = this.#maybeCut(record);
    const write = () => file.append(from, { signal });
    this.#calls.push(ledger.write(record, null, { isDurable }, write));
  }

  #sync(): void {
    const { file, ledger } = this.#ground;
    const signal = this.#maybeCanceled();
    const calls = [
      () => file.sync({ signal }),
      () => file.syncData({ signal }),
      () => this.#queued(this.#random(2) === 0),
    ];
    const call = calls[this.#random(calls.length)];
    this.#calls.push(ledger.sync(call));
  }

  /** A signal that aborts soon, now and then. */
  #maybeCanceled(): AbortSignal | undefined {
    if (this.#random(8) > 0) return undefined;
    const controller = new AbortController();
    const abort = () => controller.abort();
    if (this.#random(2) === 0) queueMicrotask(abort);
    else setTimeout(abort, this.#random(CANCEL_MS_MAX));
    return controller.signal;
  }

  /** A synchronization by the queue. */
  #queued(dataOnly: boolean): Promise<unknown> {
    return new Promise<void>((resolve, reject) => {
      this.#settle.set(resolve, reject);
      this.#queue.sync(this.#ground.file, resolve, { dataOnly });
    });
  }

  readonly #settle = new Map<() => void, (reason: unknown) => void>();

  async #drain(): Promise<void> {
    for await (const { tag, error } of this.#queue) {
      if (error === null) tag();
      else this.#settle.get(tag)!(error);
      this.#settle.delete(tag);
    }
  }
}
