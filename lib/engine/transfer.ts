/**
 * A transfer that an engine has: the part of a request that one native call
 * serves, and the memory that the system uses for it.
 */
import {
  BOUNCE_BYTES_MAX,
  type BounceBuffer,
} from "../../ffi/bounce_buffer.ts";
import { IOVEC, packIovecs, type Vector } from "../../ffi/iovec.ts";
import { NBYTES_MAX } from "../../ffi/layout.ts";
import { OutOfMemoryError } from "../../ffi/memory.ts";
import { assert } from "../checks/assert.ts";
import { gather, scatter } from "../checks/buffers.ts";
import { offsetAfter } from "../checks/offset.ts";
import { bounces } from "../system/bounces.ts";
import type { ChannelOwner, EngineRequest, FileTraits } from "./engine.ts";

/** See the module's documentation. */
export class Transfer {
  readonly request: EngineRequest;
  /**
   * The address of the memory, or of the entries that say where it is; 0 for a
   * synchronization.
   */
  readonly address: number;
  readonly byteLength: number;
  readonly offset: number | bigint;
  /** Where several buffers lie, if the system has them in place. */
  readonly vectors: readonly Vector[] | null;
  /** Memory in the place of what may move, or for the entries. */
  readonly #memory: BounceBuffer | null;

  /**
   * Takes the bytes of a write.
   *
   * @param request What it is a part of.
   * @param memory What was taken for it.
   * @param vectors Where its buffers lie, if the system has several in place.
   */
  constructor(
    request: EngineRequest,
    memory: BounceBuffer | null,
    vectors: readonly Vector[] | null = null,
  ) {
    const { transferred, isSync, isWrite } = request;
    this.request = request;
    this.#memory = memory;
    this.vectors = vectors;
    this.byteLength = vectors === null ? pieceOf(request) : bytesOf(vectors);
    this.address = isSync
      ? 0
      : memory?.address ?? request.address + transferred;
    this.offset = offsetAfter(request.offset, transferred);
    if (vectors !== null) packIovecs(memory!.bytes, vectors);
    else if (memory !== null && isWrite) this.#fill(memory);
  }

  /** Whether the system transfers to or from where the bytes are wanted. */
  get isInPlace(): boolean {
    return this.#memory === null || this.vectors !== null;
  }

  #fill({ bytes }: BounceBuffer): void {
    const { view, transferred } = this.request;
    gather(bytes, 0, view!, transferred, this.byteLength);
  }

  /** The system is done with it: takes note of what was transferred. */
  landed(bytes: number): void {
    const { request } = this;
    assert(
      bytes <= this.byteLength,
      "no more is transferred than was asked for",
    );
    const hasArrived = request.isWrite || !request.isViewLost(bytes);
    request.isShort = bytes < this.byteLength;
    if (bytes > 0 && !request.isSync && hasArrived) {
      if (!request.isWrite) this.#empty(bytes);
      request.transferred += bytes;
    }
    this.end();
  }

  #empty(bytes: number): void {
    if (this.isInPlace) return;
    const { view, transferred } = this.request;
    const source = this.#memory!.bytes;
    scatter(
      view!,
      transferred,
      bytes === source.byteLength ? source : source.subarray(0, bytes),
    );
  }

  /** The system has it no more: gives its memory back. */
  end(): void {
    this.request.entry = null;
    this.#memory?.pool.release(this.#memory);
  }
}

/**
 * Makes the transfer of a request, with the memory that it needs.
 *
 * @param file The file whose request it is.
 * @param owner Hears of it if the system has no memory at all.
 * @param make Makes the transfer, with `null` if it needs no memory: of each channel
 * one function, for what is made for each transfer has to be collected again.
 * @param vectors Where its buffers lie, if the system has several in place.
 * @returns The transfer; `false` if there is no memory until another request is done,
 * `true` if the request has failed: what submitting it returns then.
 */
export function takeTransfer<Made extends Transfer>(
  request: EngineRequest,
  file: Pick<FileTraits, "isDirect">,
  owner: ChannelOwner,
  make: (
    request: EngineRequest,
    memory: BounceBuffer | null,
    vectors: readonly Vector[] | null,
  ) => Made,
  vectors: readonly Vector[] | null = null,
): Made | boolean {
  let memory: BounceBuffer | null = null;
  try {
    if (!isInPlace(request)) {
      memory = bounces(file).take(
        vectors === null ? pieceOf(request) : vectors.length * IOVEC.size,
      );
      if (memory === null) return false;
    }
    return request.entry = make(request, memory, vectors);
  } catch (error) {
    memory?.pool.release(memory);
    if (!(error instanceof OutOfMemoryError)) throw error;
    owner.lackedMemory(request);
    return true;
  }
}

function isInPlace({ address, length }: EngineRequest): boolean {
  return address !== 0 || length === 0;
}

function bytesOf(vectors: readonly Vector[]): number {
  return vectors.reduce((bytes, { byteLength }) => bytes + byteLength, 0);
}

/** How many bytes are transferred at once. */
function pieceOf(request: EngineRequest): number {
  return Math.min(
    request.length - request.transferred,
    isInPlace(request) ? NBYTES_MAX : BOUNCE_BYTES_MAX,
  );
}
