/**
 * Native control blocks, `struct aiocb`: taking, packing, and giving them back.
 * What is free is reused.
 *
 * @module
 */
import { assert } from "../lib/checks/assert.ts";
import {
  packAiocb,
  packSigevent,
  type SigeventValues,
  writeAddress,
  writeNotify,
  writeOffset,
  writeSize,
} from "./layout.ts";
import type { AiocbLayout, AiocbValues } from "./layout.ts";
import { librt } from "./librt.ts";
import { allocateNative, freeNative, type NativeMemory } from "./memory.ts";
import { runtime } from "./current.ts";
import type { Pointer } from "./runtime.ts";

const ALIGNMENT_BYTES = 64;
const BLOCKS_PER_SLAB = 64;

/** A native `struct aiocb`. */
export class ControlBlock {
  readonly pointer: Pointer;
  readonly address: number;
  /** How many outstanding `aio_suspend` calls name this block. */
  holds = 0;
  /** The memory the block lies in. */
  readonly slab: NativeMemory;
  /** Of its slab. */
  readonly view: DataView;
  /** Where in the slab it begins, in bytes. */
  readonly at: number;
  readonly #layout: AiocbLayout;
  /** Whether all but the fields of a transfer is as `packTransfer()` leaves it. */
  #isPlain = false;
  /** Whether nobody has taken it, or who did has given it back. */
  #isFree = true;

  constructor(slab: NativeMemory, at: number, layout: AiocbLayout) {
    this.slab = slab;
    this.address = slab.address + at;
    this.pointer = runtime.pointerTo(this.address);
    this.view = slab.view;
    this.at = at;
    this.#layout = layout;
  }

  /** Packs all of it. */
  pack(values: AiocbValues): void {
    this.#isPlain = false;
    packAiocb(this.view, this.at, this.#layout, values);
  }

  /**
   * Packs a transfer that nobody is notified of. Of a block that had one before,
   * it writes only what differs.
   */
  packTransfer(
    fildes: number,
    lio_opcode: number,
    buf: number,
    nbytes: number,
    offset: number | bigint,
  ): void {
    const view = this.view;
    const at = this.at;
    const layout = this.#layout;
    if (!this.#isPlain) this.#packPlain();
    view.setInt32(at + layout.fildes, fildes, true);
    view.setInt32(at + layout.lio_opcode, lio_opcode, true);
    writeAddress(view, at + layout.buf, buf);
    writeSize(view, at + layout.nbytes, nbytes);
    writeOffset(view, at + layout.offset, offset);
  }

  /** Packs how completion is announced, after everything else. */
  packSigevent(values: SigeventValues): void {
    const { sigevent, sigeventLayout } = this.#layout;
    this.#isPlain = false;
    packSigevent(this.view, this.at + sigevent, sigeventLayout, values);
  }

  /** Changes `sigev_notify` and nothing else, while a thread may be reading. */
  writeNotify(notify: number): void {
    const { sigevent, sigeventLayout } = this.#layout;
    writeNotify(this.view, this.at + sigevent, sigeventLayout, notify);
  }

  /**
   * The status as `aio_error` tells it, but without the lock that glibc's threads
   * need for every request; `null` where the system does not show it. A hint: a
   * request that is done may look in progress for a little longer.
   */
  get status(): number | null {
    const { status } = this.#layout;
    return status === null ? null : this.view.getInt32(this.at + status, true);
  }

  /** Writes a status, where the system shows one, before a call. */
  writeStatus(errno: number): void {
    const { status } = this.#layout;
    if (status !== null) this.view.setInt32(this.at + status, errno, true);
  }

  /** Marks the block as in use. */
  take(): void {
    assert(this.#isFree && this.holds === 0, "a block is taken twice");
    this.#isFree = false;
  }

  /** Keeps the block from reuse while an `aio_suspend` call names it. */
  hold(): void {
    assert(!this.#isFree, "a block is held that nobody has taken");
    this.holds++;
  }

  /** The opposite of {@linkcode hold}. */
  unhold(): void {
    assert(this.holds > 0, "a block is let go that nobody holds");
    this.holds--;
    if (this.holds === 0 && this.#isFree) freeBlocks.push(this);
  }

  /**
   * Gives the block back. It is reused only once no `aio_suspend` names it:
   * glibc asserts that a block which was done when the call began is not in
   * progress when it ends.
   */
  release(): void {
    assert(!this.#isFree, "a block is given back twice");
    this.#isFree = true;
    if (this.holds === 0) freeBlocks.push(this);
  }

  #packPlain(): void {
    const { SIGEV_NONE } = librt().platform.constants;
    packAiocb(this.view, this.at, this.#layout, {
      fildes: -1,
      lio_opcode: 0,
      reqprio: 0,
      buf: 0,
      nbytes: 0,
      offset: 0,
      sigevent: { notify: SIGEV_NONE, signo: 0, value: 0, function: 0 },
    });
    this.#isPlain = true;
  }
}

/** How many bytes each entry of a list of control blocks takes. */
export const ADDRESS_BYTES = 8;

/** Packs a list of control blocks, which holds their addresses. */
export function packBlockList(
  view: DataView,
  blocks: readonly ControlBlock[],
): void {
  for (let index = 0; index < blocks.length; index++) {
    writeAddress(view, index * ADDRESS_BYTES, blocks[index].address);
  }
}

let freeBlocks: ControlBlock[] = [];

/** A control block nobody uses; its contents are what the last user left. */
export function takeControlBlock(): ControlBlock {
  if (freeBlocks.length === 0) growControlBlocks();
  const block = freeBlocks.pop()!;
  block.take();
  return block;
}

function growControlBlocks(): void {
  const { aiocb } = librt().platform;
  const stride = Math.ceil(aiocb.size / ALIGNMENT_BYTES) * ALIGNMENT_BYTES;
  const slab = allocateNative(stride * BLOCKS_PER_SLAB);
  // Backwards, so that blocks are taken in the order of their addresses.
  for (let index = BLOCKS_PER_SLAB - 1; index >= 0; index--) {
    freeBlocks.push(new ControlBlock(slab, index * stride, aiocb));
  }
}

/** Frees the slabs of which nobody uses a block. */
export function freeUnusedSlabs(): void {
  const free = new Map<NativeMemory, number>();
  for (const { slab } of freeBlocks) {
    free.set(slab, (free.get(slab) ?? 0) + 1);
  }
  const isUnused = (slab: NativeMemory) => free.get(slab) === BLOCKS_PER_SLAB;
  freeBlocks = freeBlocks.filter(({ slab }) => !isUnused(slab));
  for (const slab of free.keys()) if (isUnused(slab)) freeNative(slab);
}
