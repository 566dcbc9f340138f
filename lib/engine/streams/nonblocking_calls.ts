/**
 * Reads and writes of a descriptor without offsets that do not wait, as far as the
 * system can do that.
 *
 * @module
 */
import { iovecOf } from "../../../ffi/iovec.ts";
import { KeptMemory } from "../../../ffi/memory.ts";
import { runtime } from "../../../ffi/current.ts";
import { gather, scatter } from "../../checks/buffers.ts";
import { offsetAfter } from "../../checks/offset.ts";
import { EAGAIN, ENOSYS, platform } from "../../system/constants.ts";
import { hasPosition } from "../../system/descriptor.ts";
import { librt } from "../../system/librt.ts";
import { isOpenFor } from "../../system/open_flags.ts";
import { reopenDescriptor } from "../../system/reopen.ts";
import type { EngineRequest } from "../engine.ts";
import { isReady } from "./readiness.ts";
import {
  CALL_BYTES_MAX,
  eventsOf,
  PIPE_BUF,
  type StreamCalls,
} from "./stream_calls.ts";

const { constants, errno: errnos } = platform;

/** Of a terminal, which says nothing. */
const TERMINAL_READY_BYTES_MAX = 1;

/** For what has no offsets. */
const NO_OFFSET = -1;
/** As long as the name of a terminal may be. */
const NAME_BYTES = 64;

const terminalName = new KeptMemory(NAME_BYTES);

/** The way from and to memory that may move; used during one call only. */
const bounce = new KeptMemory(CALL_BYTES_MAX);

/** What one call is to transfer. */
interface Piece {
  readonly isWrite: boolean;
  readonly address: number;
  readonly byteLength: number;
  readonly offset: number | bigint;
}

/** See the module's documentation. */
export class NonblockingCalls implements StreamCalls {
  readonly #fd: number;
  readonly #flags: number;
  /** Whether it has offsets after all: some devices have. */
  readonly #hasOffsets: boolean;
  /**
   * `MSG_DONTWAIT` is for one call only, and for sockets; so is `RWF_NOWAIT`, which
   * FIFOs, terminals and older kernels do not know. The descriptor's own
   * `O_NONBLOCK` is not for us to set: whoever has the other end of standard input
   * shares it. Opened a second time, it has one that is not shared. Where that is
   * not possible either, a call that is made when the descriptor is ready does not
   * wait, unless somebody else was faster. Of a descriptor that has `O_NONBLOCK`
   * already it never does, however much it is to write.
   */
  #way: "socket" | "nowait" | "opened" | "ready" = "socket";
  #openedFd = -1;

  constructor(fd: number, flags: number) {
    this.#fd = fd;
    this.#flags = flags;
    this.#hasOffsets = hasPosition(fd);
  }

  transfer(request: EngineRequest, wanted: number): number {
    const { address, length, transferred, view, isWrite } = request;
    if (address !== 0 || length === 0) {
      return this.#transfer(pieceOf(request, address + transferred, wanted));
    }
    const memory = bounce.get();
    if (memory === null) return -errnos.ENOMEM;
    const { bytes } = memory;
    if (isWrite) gather(bytes, 0, view!, transferred, wanted);
    const result = this.#transfer(pieceOf(request, memory.address, wanted));
    if (!isWrite && result > 0) {
      scatter(view!, transferred, bytes.subarray(0, result));
    }
    return result;
  }

  #transfer(piece: Piece): number {
    if (this.#way === "socket") {
      const result = this.#callSocket(piece);
      if (result !== -errnos.ENOTSOCK) return result;
      this.#way = "nowait";
    }
    if (this.#way === "nowait") {
      const { RWF_NOWAIT } = constants;
      const result = RWF_NOWAIT === 0
        ? -ENOSYS
        : this.#vectored(this.#fd, piece, RWF_NOWAIT);
      const isMissing = result === -errnos.EOPNOTSUPP || result === -ENOSYS;
      if (!isMissing) return result;
      this.#openSecond();
    }
    if (this.#way === "opened") {
      return this.#call(this.#openedFd, piece);
    }
    const { isWrite } = piece;
    // What it is not open for fails at once, but never becomes ready.
    const mayWait = isOpenFor(this.#flags, isWrite);
    if (mayWait && !isReady(this.#fd, eventsOf(isWrite))) return -EAGAIN;
    const byteLength = isWrite
      ? Math.min(piece.byteLength, this.#readyBytes)
      : piece.byteLength;
    return this.#call(this.#fd, { ...piece, byteLength });
  }

  close(): void {
    if (this.#openedFd >= 0) librt().close(this.#openedFd);
    this.#openedFd = -1;
    if (this.#way === "opened") this.#way = "nowait";
  }

  #openSecond(): void {
    const { O_NONBLOCK, O_NOCTTY } = constants;
    const flags = this.#flags | O_NONBLOCK | O_NOCTTY;
    this.#openedFd = isSameWhenOpened(this.#fd)
      ? reopenDescriptor(this.#fd, flags)
      : -1;
    this.#way = this.#openedFd < 0 ? "ready" : "opened";
  }

  /** So much may be written, without waiting, if `poll(2)` says that it can be. */
  get #readyBytes(): number {
    const { fcntl, isatty } = librt();
    const { F_GETFL, O_NONBLOCK } = constants;
    // Asked each time: whoever shares the flag may take it away.
    const flags = fcntl(this.#fd, F_GETFL, 0);
    if (flags !== -1 && (flags & O_NONBLOCK) !== 0) return CALL_BYTES_MAX;
    return isatty(this.#fd) === 1 ? TERMINAL_READY_BYTES_MAX : PIPE_BUF;
  }

  #call(fd: number, piece: Piece): number {
    if (this.#hasOffsets && librt().preadv2 !== null) {
      return this.#vectored(fd, piece, 0);
    }
    const { read, write } = librt();
    const memory = runtime.pointerTo(piece.address);
    return outcome(
      (piece.isWrite ? write : read)(fd, memory, piece.byteLength),
    );
  }

  #callSocket(piece: Piece): number {
    const { isWrite, address, byteLength } = piece;
    // To receive nothing takes a message all the same, and to read nothing none.
    if (!isWrite && byteLength === 0) return this.#call(this.#fd, piece);
    const { recv, send } = librt();
    const memory = runtime.pointerTo(address);
    const { MSG_DONTWAIT } = constants;
    return outcome(
      (isWrite ? send : recv)(this.#fd, memory, byteLength, MSG_DONTWAIT),
    );
  }

  #vectored(
    fd: number,
    { isWrite, address, byteLength, offset }: Piece,
    flags: number,
  ): number {
    const { preadv2, pwritev2 } = librt();
    const call = isWrite ? pwritev2 : preadv2;
    const iovec = iovecOf(address, byteLength);
    if (call === null || iovec === null) return -ENOSYS;
    const at = this.#hasOffsets ? offset : NO_OFFSET;
    return outcome(call(fd, iovec, 1, at, flags));
  }
}

function pieceOf(
  { isWrite, offset, transferred }: EngineRequest,
  address: number,
  byteLength: number,
): Piece {
  return {
    isWrite,
    address,
    byteLength,
    offset: offsetAfter(offset, transferred),
  };
}

/**
 * Whether a descriptor that is opened a second time leads to the same pipe or
 * terminal. Other devices may keep something of their own for each time that they
 * are opened, and the master of a pseudo-terminal makes a new terminal.
 */
function isSameWhenOpened(fd: number): boolean {
  const { fcntl, isatty, ptsname_r } = librt();
  const { F_GETPIPE_SZ } = constants;
  if (F_GETPIPE_SZ !== 0 && fcntl(fd, F_GETPIPE_SZ, 0) !== -1) return true;
  const name = terminalName.get();
  if (isatty(fd) !== 1 || ptsname_r === null || name === null) return false;
  return ptsname_r(fd, name.pointer, NAME_BYTES) !== 0;
}

/** What a call returned, or its negative error number. */
function outcome(result: number): number {
  return result === -1 ? -runtime.errno() : result;
}
