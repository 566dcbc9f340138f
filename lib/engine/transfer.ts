/**
 * A transfer that an engine has: the part of a request that one native call
 * serves, and the memory that the system uses for it.
 */
import {
  BOUNCE_BYTES_MAX,
  type BounceBuffer,
} from "../../ffi/bounce_buffer.ts";
import { NBYTES_MAX } from "../../ffi/layout.ts";
import { copyBytes, sliceOf } from "../checks/bytes.ts";
import { offsetAfter } from "../checks/offset.ts";
import { bounces } from "../system/bounces.ts";
import type { EngineRequest } from "./engine.ts";

/** See the module's documentation. */
export class Transfer {
  readonly request: EngineRequest;
  /** The address of the memory; 0 for a synchronization. */
  readonly address: number;
  readonly byteLength: number;
  readonly offset: number | bigint;
  /** Memory in the place of a buffer that may move. */
  readonly #bounce: BounceBuffer | null;

  /** Takes the bytes of a write. */
  constructor(request: EngineRequest, bounce: BounceBuffer | null) {
    const { transferred } = request;
    this.request = request;
    this.#bounce = bounce;
    this.byteLength = pieceOf(request);
    this.address = request.isSync
      ? 0
      : bounce?.address ?? request.address + transferred;
    this.offset = offsetAfter(request.offset, transferred);
    if (bounce !== null && request.isWrite) this.#fill(bounce);
  }

  /** Whether the system transfers to or from where the bytes are wanted. */
  get isInPlace(): boolean {
    return this.#bounce === null;
  }

  #fill({ bytes }: BounceBuffer): void {
    const { view, transferred } = this.request;
    const next = sliceOf(view!, transferred, transferred + this.byteLength);
    copyBytes(bytes, next, 0);
  }

  /** The system is done with it: takes note of what was transferred. */
  landed(bytes: number): void {
    const { request } = this;
    const hasArrived = request.isWrite || !request.isViewLost;
    if (bytes > 0 && !request.isSync && hasArrived) {
      if (!request.isWrite) this.#empty(bytes);
      request.transferred += bytes;
    }
    this.end();
  }

  #empty(bytes: number): void {
    if (this.#bounce === null) return;
    const source = this.#bounce.bytes;
    copyBytes(
      this.request.view!,
      bytes === source.byteLength ? source : source.subarray(0, bytes),
      this.request.transferred,
    );
  }

  /** The system has it no more: gives its memory back. */
  end(): void {
    this.request.entry = null;
    this.#bounce?.pool.release(this.#bounce);
  }
}

/**
 * Takes the memory that a request needs.
 *
 * @param make Makes the transfer with it; `null` if it needs none.
 * @returns `null` if there is no memory until another request is done.
 * @throws {OutOfMemoryError} If there is none at all.
 */
export function takeTransfer<Made extends Transfer>(
  request: EngineRequest,
  make: (bounce: BounceBuffer | null) => Made,
): Made | null {
  if (isInPlace(request)) return request.entry = make(null);
  const bounce = bounces().take(pieceOf(request));
  if (bounce === null) return null;
  try {
    return request.entry = make(bounce);
  } catch (error) {
    bounce.pool.release(bounce);
    throw error;
  }
}

function isInPlace({ address, length }: EngineRequest): boolean {
  return address !== 0 || length === 0;
}

/** How many bytes are transferred at once. */
function pieceOf(request: EngineRequest): number {
  return Math.min(
    request.length - request.transferred,
    isInPlace(request) ? NBYTES_MAX : BOUNCE_BYTES_MAX,
  );
}
