/**
 * A part of the tool `fio.ts`: one of the loops of a run: what it does next, to which block
 * of its part of the file, and whether that came out right.
 *
 * @module
 */

import { randomFillSync } from "node:crypto";
import { uniformInt } from "pure-rand/distribution/uniformInt";
import { xoroshiro128plus } from "pure-rand/generator/xoroshiro128plus";
import { type AioFile, allocatePinned } from "../../mod.ts";
import { faultOf, stamp } from "./block.ts";
import { isRandom, type Options } from "./options.ts";
import { type Prepared, RunError, wordsOf } from "./prepare.ts";
import type { Run } from "./run.ts";

/** A read or a write in flight. */
export interface Operation {
  /** Which of the operations in flight it is: 0 up to the depth. */
  slot: number;
  type: "read" | "write";
  block: number;
  offset: number;
  buffer: Uint8Array<ArrayBuffer>;
  started_ms: number;
  isMeasured: boolean;
}

/** A loop of a run, with a descriptor and a part of the file of its own. */
export class Job {
  readonly file: AioFile;
  readonly depth: number;
  /** How many operations it does at most. */
  readonly operations: number;
  readonly #run: Run;
  readonly #options: Options;
  readonly #firstBlock: number;
  readonly #blocks: number;
  readonly #random: ReturnType<typeof xoroshiro128plus>;
  readonly #slots: {
    bytes: Uint8Array<ArrayBuffer>;
    words: Uint32Array<ArrayBuffer> | null;
  }[];
  /** Blocks that have an operation in flight. */
  readonly #busy = new Set<number>();
  /** Where the next operation of a sequence is. */
  readonly #next = { read: 0, write: 0 };
  /** How often each block was written; `null`: nothing is verified. */
  readonly #generations: Uint32Array | null;
  /** The generations before the first write of this run. */
  readonly #initial: number;
  #operationsLeft: number;
  #writesUntilSync: number;

  constructor(
    run: Run,
    file: AioFile,
    options: Options,
    index: number,
    { size, generation }: Prepared,
  ) {
    const { jobs, blockSize, depth, verify, seed, sync } = options;
    const blocks = Math.floor(size / blockSize);
    this.file = file;
    this.depth = depth;
    this.#run = run;
    this.#options = options;
    [this.#firstBlock, this.#blocks] = share(blocks, jobs, index);
    this.operations = operationsOf(options, index, this.#blocks);
    this.#operationsLeft = this.operations;
    this.#writesUntilSync = sync ?? Infinity;
    this.#random = xoroshiro128plus(seed + index);
    this.#slots = Array.from({ length: depth }, () => {
      const bytes = allocatePinned(blockSize);
      randomFillSync(bytes);
      return { bytes, words: verify ? wordsOf(bytes) : null };
    });
    this.#initial = generation;
    this.#generations = verify
      ? new Uint32Array(this.#blocks).fill(generation)
      : null;
  }

  /** The next operation, or `null` if there is none any more. */
  begin(slot: number): Operation | null {
    const now_ms = performance.now();
    if (this.#run.isOver(now_ms)) return null;
    const isMeasured = this.#run.isMeasured(now_ms);
    if (isMeasured && this.#operationsLeft-- <= 0) return null;
    const type = this.#pickType();
    const block = this.#claimBlock(type);
    const { bytes: buffer, words } = this.#slots[slot];
    const offset = this.#offsetOf(block);
    if (type === "write" && words !== null) {
      const generation = this.#generations![block] + 1;
      stamp(words, offset, { run: this.#run.id, generation });
    }
    const started_ms = performance.now();
    return { slot, type, block, offset, buffer, started_ms, isMeasured };
  }

  /** Notes the outcome of an operation, which did not fail. */
  end(operation: Operation, bytes: number): void {
    const { type, block, started_ms, isMeasured } = operation;
    const now_ms = performance.now();
    this.#assertWhole(operation, bytes);
    if (isMeasured) this.#run.record(type, started_ms, now_ms);
    if (type === "write") this.#writesUntilSync--;
    if (this.#generations !== null) {
      if (type === "read") this.#check(operation);
      else this.#generations[block]++;
    }
    this.#busy.delete(block);
  }

  /** Whether it is time for a sync; then it is not again for a while. */
  isSyncDue(): boolean {
    if (this.#writesUntilSync > 0) return false;
    this.#writesUntilSync = this.#options.sync!;
    return true;
  }

  /** Notes that a sync is done. */
  endSync(started_ms: number, isMeasured: boolean): void {
    if (isMeasured) this.#run.record("sync", started_ms, performance.now());
  }

  /** Ends the run. */
  fail(error: unknown): void {
    this.#run.fail(error);
  }

  /** How many blocks this run has written. */
  get writtenBlocks(): number {
    const initial = this.#initial;
    return this.#generations?.reduce(
      (count, generation) => count + (generation > initial ? 1 : 0),
      0,
    ) ?? 0;
  }

  /** Reads of all blocks that this run has written, each in the given slot. */
  *readsOfWritten(): Generator<(slot: number) => Operation> {
    for (const [block, generation] of this.#generations!.entries()) {
      if (generation <= this.#initial) continue;
      yield (slot) => ({
        slot,
        type: "read",
        block,
        offset: this.#offsetOf(block),
        buffer: this.#slots[slot].bytes,
        started_ms: performance.now(),
        isMeasured: false,
      });
    }
  }

  #pickType(): Operation["type"] {
    const { readPercent } = this.#options;
    if (readPercent === 100) return "read";
    if (readPercent === 0) return "write";
    return uniformInt(this.#random, 0, 99) < readPercent ? "read" : "write";
  }

  #claimBlock(type: Operation["type"]): number {
    let block = isRandom(this.#options)
      ? uniformInt(this.#random, 0, this.#blocks - 1)
      : this.#next[type];
    // There are at least as many blocks as slots.
    while (this.#busy.has(block)) block = (block + 1) % this.#blocks;
    this.#next[type] = (block + 1) % this.#blocks;
    this.#busy.add(block);
    return block;
  }

  #offsetOf(block: number): number {
    return (this.#firstBlock + block) * this.#options.blockSize;
  }

  #assertWhole({ type, offset }: Operation, bytes: number): void {
    const { blockSize, path } = this.#options;
    if (bytes === blockSize) return;
    throw new RunError(
      `${path}: a ${type} at offset ${offset} ended after ${bytes} of ${blockSize} bytes`,
    );
  }

  #check({ slot, block, offset }: Operation): void {
    const generation = this.#generations![block];
    const expected = generation > 0 ? { run: this.#run.id, generation } : null;
    const fault = faultOf(this.#slots[slot].words!, offset, expected);
    if (fault !== null) {
      throw new VerificationError(this.#options.path, offset, fault);
    }
  }
}

/** A block that is not what was written. */
export class VerificationError extends Error {
  override name = "VerificationError";

  constructor(path: string, offset: number, fault: string) {
    super(`${path}: the block at offset ${offset} ${fault}`);
  }
}

function operationsOf(
  { operations, runtime_s, jobs }: Options,
  index: number,
  blocks: number,
): number {
  if (operations !== null) return share(operations, jobs, index)[1];
  return runtime_s === null ? blocks : Infinity;
}

/** The `index`th of `parts` parts of a total: where it begins, and its length. */
function share(total: number, parts: number, index: number): [number, number] {
  const begin = Math.floor(total * index / parts);
  return [begin, Math.floor(total * (index + 1) / parts) - begin];
}
