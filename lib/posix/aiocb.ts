/**
 * `Aiocb`, the control block of a request.
 *
 * @module
 */
import {
  type BlockLife,
  ControlBlockRequest,
} from "./control_block_request.ts";
import { assertObject, int32, nonNegative } from "../checks/arguments.ts";
import { assertBytes, byteLengthOf, nameOf } from "../checks/bytes.ts";
import { signedOffset } from "../checks/offset.ts";
import { EINPROGRESS } from "../system/constants.ts";
import { isPinned } from "../system/pinned.ts";
import type { Sigevent } from "./sigevent.ts";

/**
 * The fields an {@linkcode Aiocb} can be made with.
 *
 * @example What to do with a buffer
 * ```ts
 * import {
 *   Aiocb,
 *   type AiocbFields,
 *   allocatePinned,
 *   LIO_WRITE,
 * } from "@posix/aio";
 *
 * const fields: AiocbFields = {
 *   aio_fildes: 1,
 *   aio_offset: 8192,
 *   aio_buf: allocatePinned(4096),
 *   aio_lio_opcode: LIO_WRITE,
 * };
 * using block = new Aiocb(fields);
 * console.log(block.aio_nbytes); // 4096, as many as the buffer has
 * ```
 */
export interface AiocbFields {
  /** See {@linkcode Aiocb.prototype.aio_fildes | Aiocb.aio_fildes}. */
  aio_fildes?: number | undefined;
  /** See {@linkcode Aiocb.prototype.aio_offset | Aiocb.aio_offset}. */
  aio_offset?: number | bigint | undefined;
  /** See {@linkcode Aiocb.prototype.aio_buf | Aiocb.aio_buf}. */
  aio_buf?: Uint8Array | null | undefined;
  /** See {@linkcode Aiocb.prototype.aio_nbytes | Aiocb.aio_nbytes}. */
  aio_nbytes?: number | undefined;
  /** See {@linkcode Aiocb.prototype.aio_lio_opcode | Aiocb.aio_lio_opcode}. */
  aio_lio_opcode?: number | undefined;
  /** See {@linkcode Aiocb.prototype.aio_reqprio | Aiocb.aio_reqprio}. */
  aio_reqprio?: number | undefined;
  /** See {@linkcode Aiocb.prototype.aio_sigevent | Aiocb.aio_sigevent}. */
  aio_sigevent?: Sigevent | undefined;
}

const FIELD_NAMES = [
  "aio_fildes",
  "aio_offset",
  "aio_buf",
  "aio_nbytes",
  "aio_lio_opcode",
  "aio_reqprio",
  "aio_sigevent",
] as const;

/** A block that is collected gives its native memory back when that is safe. */
const collected = new FinalizationRegistry<BlockLife>((life) => life.drop());

let getRequest: (block: Aiocb) => ControlBlockRequest;

/**
 * The asynchronous I/O control block, `struct aiocb`: what to do, and the state
 * of it. A small state machine: idle, in progress once submitted, done, and idle
 * again after {@linkcode aio_return}.
 *
 * The native block lies in memory of its own that outlives this object. While a
 * request is in flight, the library holds the native block and the buffer,
 * whatever becomes of this object.
 *
 * As in C, a request is for the number of a descriptor: close it only when its
 * requests are done. A worker that is terminated, or a file of `deno test` that
 * ends, closes its descriptors whatever is queued for them. And a request that
 * waits for a pipe or a terminal holds one of the C library's threads, of which
 * there are 20 or 32 unless {@linkcode aio_init} or {@linkcode configure} says
 * otherwise.
 *
 * POSIX, `<aio.h>`: "The aiocb structure shall include at least the following
 * members: aio_fildes, aio_offset, aio_buf, aio_nbytes, aio_reqprio,
 * aio_sigevent, aio_lio_opcode."
 * @see https://pubs.opengroup.org/onlinepubs/9799919799/basedefs/aio.h.html
 *
 * @example Reading the beginning of a file
 * ```ts
 * import {
 *   aio_read,
 *   aio_return,
 *   aio_suspend,
 *   Aiocb,
 *   allocatePinned,
 * } from "@posix/aio";
 * import { closeSync, openSync } from "node:fs";
 *
 * const fd = openSync("deno.json", "r");
 * using block = new Aiocb({ aio_fildes: fd, aio_buf: allocatePinned(4096) });
 * aio_read(block);
 * await aio_suspend([block]);
 * console.log(aio_return(block), "bytes");
 * closeSync(fd);
 * ```
 */
export class Aiocb implements Disposable {
  readonly #request: ControlBlockRequest;

  static {
    getRequest = (block) => {
      if (typeof block !== "object" || block === null || !(#request in block)) {
        throw new TypeError(
          `The control block must be an Aiocb, but is ${nameOf(block)}`,
        );
      }
      return block.#request;
    };
  }

  /**
   * Makes an idle control block.
   *
   * @param fields Values of fields; the others have their defaults.
   * @throws {TypeError} If a field has the wrong type, or the buffer is not
   * pinned.
   * @throws {RangeError} If a number does not fit into its field.
   * @throws {AioError} `ENOSYS` where the system has no asynchronous I/O.
   *
   * @example Setting fields afterwards
   * ```ts
   * import { Aiocb, allocatePinned } from "@posix/aio";
   *
   * using block = new Aiocb({ aio_fildes: 0 });
   * block.aio_buf = allocatePinned(512);
   * block.aio_offset = 512;
   * ```
   */
  constructor(fields: AiocbFields = {}) {
    assertObject(fields, "fields");
    this.#request = new ControlBlockRequest();
    collected.register(this, this.#request.life, this.#request);
    for (const name of FIELD_NAMES) {
      const value = fields[name];
      if (value !== undefined) Reflect.set(this, name, value);
    }
  }

  /** The file descriptor; -1 until it is set. */
  get aio_fildes(): number {
    return getRequest(this).fildes;
  }
  set aio_fildes(value: number) {
    changing(this, "aio_fildes").fildes = int32(value, "aio_fildes");
  }

  /** The offset in bytes at which the transfer begins. */
  get aio_offset(): number | bigint {
    return getRequest(this).offset;
  }
  set aio_offset(value: number | bigint) {
    // The system answers negative ones with EINVAL, as in C.
    changing(this, "aio_offset").offset = signedOffset(value, "aio_offset");
  }

  /** The buffer: pinned memory, see {@linkcode allocatePinned}. */
  get aio_buf(): Uint8Array | null {
    return getRequest(this).buffer;
  }
  set aio_buf(value: Uint8Array | null) {
    changing(this, "aio_buf").buffer = pinnedOrNull(value);
  }

  /**
   * How many bytes to transfer; as many as the buffer has unless it is set. At
   * most 2 GiB less a page are transferred at once, as Linux does it.
   */
  get aio_nbytes(): number {
    return getRequest(this).nbytes;
  }
  set aio_nbytes(value: number) {
    const nbytes = nonNegative(value, "aio_nbytes");
    changing(this, "aio_nbytes").explicitNbytes = nbytes;
  }

  /**
   * What {@linkcode lio_listio} does: {@linkcode LIO_READ},
   * {@linkcode LIO_WRITE} or {@linkcode LIO_NOP}.
   */
  get aio_lio_opcode(): number {
    return getRequest(this).lioOpcode;
  }
  set aio_lio_opcode(value: number) {
    changing(this, "aio_lio_opcode").lioOpcode = int32(value, "aio_lio_opcode");
  }

  /**
   * By how much to lower the priority: 0 to
   * {@linkcode Limits.AIO_PRIO_DELTA_MAX | AIO_PRIO_DELTA_MAX}.
   */
  get aio_reqprio(): number {
    return getRequest(this).reqprio;
  }
  set aio_reqprio(value: number) {
    changing(this, "aio_reqprio").reqprio = int32(value, "aio_reqprio");
  }

  /** How completion is announced; {@linkcode SIGEV_NONE} unless it is set. */
  get aio_sigevent(): Sigevent {
    const request = getRequest(this);
    const { sigevent } = request;
    // Its members are fields, too, and none can be changed in progress.
    return request.check() === EINPROGRESS
      ? Object.freeze({ ...sigevent })
      : sigevent;
  }
  set aio_sigevent(value: Sigevent) {
    assertObject(value, "aio_sigevent");
    changing(this, "aio_sigevent").sigevent = { ...value };
  }

  /**
   * The address of the native `struct aiocb`; 0 once this is disposed of. It
   * stays the same while a request is in progress and until its outcome is
   * retrieved; the next request may have another one, if an
   * {@linkcode aio_suspend} still names this one.
   *
   * @example
   * ```ts
   * import { Aiocb } from "@posix/aio";
   *
   * using block = new Aiocb();
   * console.log(`0x${block.address.toString(16)}`);
   * ```
   */
  get address(): bigint {
    return BigInt(getRequest(this).address);
  }

  /**
   * Gives the native block back: at once, or, if a request is in flight, when
   * that is done. The object cannot be submitted any more.
   *
   * @example
   * ```ts
   * import { Aiocb } from "@posix/aio";
   *
   * let address: bigint;
   * {
   *   using block = new Aiocb();
   *   address = block.address;
   * } // given back here
   * console.log(address !== 0n); // true
   * ```
   */
  [Symbol.dispose](): void {
    const request = getRequest(this);
    collected.unregister(request);
    request.life.drop();
  }
}

/**
 * The request of a block that may be changed. Asks the system: what announces that
 * the request is done is faster than the library.
 */
function changing(block: Aiocb, field: string): ControlBlockRequest {
  const request = getRequest(block);
  if (request.check() !== EINPROGRESS) return request;
  throw new TypeError(
    `${field} cannot be changed while the request of descriptor ` +
      `${request.fildes} is in progress`,
  );
}

/**
 * What stands behind a control block.
 *
 * @throws {TypeError} If `block` is not an {@linkcode Aiocb}.
 */
export function requestOf(block: Aiocb): ControlBlockRequest {
  return getRequest(block);
}

/**
 * What stands behind the control blocks of a list, without its `null` entries.
 *
 * @throws {TypeError} If `list` is no array, or has something else in it.
 */
export function requestsOf(list: (Aiocb | null)[]): ControlBlockRequest[] {
  if (!Array.isArray(list)) {
    throw new TypeError(
      `The list must be an array of control blocks, but is ${nameOf(list)}`,
    );
  }
  const requests: ControlBlockRequest[] = [];
  for (const cb of list) if (cb !== null) requests.push(requestOf(cb));
  return requests;
}

function pinnedOrNull(value: Uint8Array | null): Uint8Array | null {
  if (value === null) return null;
  assertBytes(value, "aio_buf");
  if (!isPinned(value)) {
    throw new TypeError(
      `aio_buf has ${byteLengthOf(value)} bytes that the runtime may move: ` +
        "memory from allocatePinned() or a SharedArrayBuffer is needed",
    );
  }
  return value;
}
