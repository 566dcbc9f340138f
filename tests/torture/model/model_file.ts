/**
 * A file as the model has it, and the `AioFile`s on it.
 *
 * @module
 */
import { AioFile } from "../../../mod.ts";
import { type Appended, assertAppended } from "./appends.ts";
import {
  assertExplained,
  type Sight,
  type Span,
  type Write,
} from "./history.ts";
import type { Job } from "./job.ts";
import type { Access, Mode } from "./program.ts";

/** What direct transfers are multiples of. */
export const BLOCK_BYTES = 4096;

/** An append that has begun. */
export interface Append extends Appended, Span {
  bytes: Uint8Array;
  settled: number;
}

/** What the size of a file was found to be, from an offset on. */
export interface Measurement extends Span {
  readonly name: string;
  readonly offset: number;
  /** The most that could be found. */
  readonly wanted: number;
  readonly found: number;
}

const OPTIONS = {
  all: { read: true, write: true },
  read: { read: true },
  append: { append: true },
};

/** An `AioFile`, and what was done with it. */
export class Handle {
  readonly model: ModelFile;
  readonly access: Access;
  file!: AioFile;
  /** Its `close()`, once that was called. */
  closing: Promise<void> | null = null;
  /** When requests were last canceled. */
  canceledAt = -1;
  /** Its writes that are not settled. */
  readonly unsettledWrites = new Set<Job>();
  /** What `append()` was called with in this round, in order. */
  appends: Append[] = [];

  constructor(model: ModelFile, access: Access) {
    this.model = model;
    this.access = access;
  }

  /** Opens it, also again after it was closed. */
  async open(): Promise<void> {
    this.closing = null;
    const options = { ...OPTIONS[this.access], direct: this.model.isDirect };
    this.file = await AioFile.open(this.model.path, options);
  }

  /** Whether a request is refused because of how the file was opened. */
  refuses(type: "read" | "write" | "append"): boolean {
    return this.access === (type === "read" ? "append" : "read");
  }
}

/** What a file contains for certain, and what was done with it since. */
export class ModelFile {
  readonly path: string;
  readonly isDirect: boolean;
  /** Whether a read may be done before anything happens to its buffer. */
  readonly isReadAtOnce: boolean;
  readonly handles: Handle[];
  /** The contents before this round. */
  base: Uint8Array;
  mode: Mode = "write";
  /** What the file was truncated to in this round. */
  truncation: Span & { readonly length: number } | null = null;
  writes: Write[] = [];
  /** Appends that have no order among themselves. */
  looseAppends: Append[] = [];
  #sights: Sight[] = [];
  #measurements: Measurement[] = [];

  constructor(
    path: string,
    accesses: Access[],
    { isDirect, isReadAtOnce }: { isDirect: boolean; isReadAtOnce: boolean },
    base: Uint8Array,
  ) {
    this.path = path;
    this.isDirect = isDirect;
    this.isReadAtOnce = isReadAtOnce;
    this.base = base;
    this.handles = accesses.map((access) => new Handle(this, access));
  }

  /** How many of its `AioFile`s may append. */
  get appenders(): number {
    return this.handles.filter((handle) => !handle.refuses("append")).length;
  }

  saw(sight: Sight): void {
    this.#sights.push(sight);
  }

  measured(measurement: Measurement): void {
    this.#measurements.push(measurement);
  }

  /** The truncation is done. */
  truncated(length: number, begun: number, settled: number): void {
    this.truncation = { length, begun, settled };
    this.writes.push({
      name: "truncate()",
      offset: length,
      bytes: new Uint8Array(Math.max(0, this.base.length - length)),
      begun,
      settled,
      isCertain: true,
    });
  }

  /** Everything is settled: asserts that it can all be explained. */
  endRound(): void {
    const final = Deno.readFileSync(this.path);
    this.#assertFinal(final);
    for (const measurement of this.#measurements) {
      this.#assertMeasured(measurement, final.length);
    }
    const writes = this.mode === "append"
      ? [...this.writes, this.#tailOf(final)]
      : this.writes;
    for (const sight of this.#sights) assertExplained(sight, this.base, writes);
    this.base = final;
    this.truncation = null;
    this.writes = [];
    this.looseAppends = [];
    this.#sights = [];
    this.#measurements = [];
    for (const handle of this.handles) handle.appends = [];
  }

  #assertFinal(final: Uint8Array): void {
    const { base, mode, truncation, path } = this;
    let seen = final;
    if (mode === "append") {
      seen = final.subarray(0, base.length);
      assertAppended(final.subarray(base.length), [
        ...this.handles.map(({ appends }) => appends),
        ...this.looseAppends.map((append) => [append]),
      ]);
    } else {
      const ends = [true, false].map((isCertain) =>
        this.writes.filter((write) => write.isCertain || !isCertain)
          .reduce(
            (end, { offset, bytes }) =>
              bytes.length === 0 ? end : Math.max(end, offset + bytes.length),
            0,
          )
      );
      const least = truncation?.length ?? Math.max(base.length, ends[0]);
      const most = truncation?.length ?? Math.max(base.length, ends[1]);
      if (final.length < least || final.length > most) {
        throw new Error(
          `The file has ${final.length} bytes at the end of the round, where ` +
            `it must have ${least} to ${most}`,
        );
      }
    }
    assertExplained(
      {
        name: `Who looks at ${path} afterwards`,
        offset: 0,
        bytes: seen,
        begun: Infinity,
        settled: Infinity,
      },
      base,
      this.writes,
    );
  }

  /** What was appended is never seen in a half-finished state. */
  #tailOf(final: Uint8Array): Write {
    return {
      name: "what was appended",
      offset: this.base.length,
      bytes: final.subarray(this.base.length),
      begun: -1,
      settled: -1,
      isCertain: true,
    };
  }

  #assertMeasured(measurement: Measurement, final: number): void {
    const { name, offset, wanted, found } = measurement;
    const [least, most] = this.#sizes(measurement, final)
      .map((size) => Math.min(wanted, Math.max(0, size - offset)));
    if (found >= least && found <= most) return;
    throw new Error(
      `${name} found ${found} bytes, where it could find ${least} to ${most}`,
    );
  }

  /** The least and the most bytes that the file had meanwhile. */
  #sizes({ begun }: Span, final: number): [number, number] {
    const { base, truncation } = this;
    if (truncation !== null) {
      const { length, settled } = truncation;
      if (settled < begun) return [length, length];
      return [Math.min(base.length, length), Math.max(base.length, length)];
    }
    const isBefore = ({ settled }: Span) => settled < begun;
    const written = this.writes
      .filter((write) => write.isCertain && isBefore(write))
      .reduce(
        (end, { offset, bytes }) =>
          bytes.length === 0 ? end : Math.max(end, offset + bytes.length),
        0,
      );
    const appended = [...this.handles.flatMap(({ appends }) => appends)]
      .concat(this.looseAppends).filter(isBefore)
      .reduce((sum, { bytes }) => sum + bytes.length, 0);
    return [Math.max(base.length + appended, written), final];
  }
}
