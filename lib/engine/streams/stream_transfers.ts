/**
 * Transfers of a descriptor without offsets: a pipe, a FIFO, a socket, a terminal.
 *
 * They may have to wait for ever, so the system never has one that waits: a
 * thread would be lost to all others, and what runs could not be canceled. The
 * library waits until the descriptor is ready, and then transfers by calls that
 * do not wait. The two directions do not wait for each other, and in each of them
 * requests are served in order.
 *
 * @module
 */
import { setImmediate } from "../../../ffi/event_loop.ts";
import { writeAddress, writeSize } from "../../../ffi/layout.ts";
import { KeptMemory } from "../../../ffi/memory.ts";
import { runtime } from "../../../ffi/current.ts";
import { copyBytes, sliceOf } from "../../checks/bytes.ts";
import {
  EAGAIN,
  EINTR,
  EIO,
  ENOSYS,
  platform,
} from "../../system/constants.ts";
import { hasPosition, reopenDescriptor } from "../../system/descriptor.ts";
import { librt } from "../../system/error.ts";
import { offsetAfter } from "../../checks/offset.ts";
import { isReady, POLLIN, POLLOUT, readiness } from "./readiness.ts";
import type { Request } from "../../requests/request.ts";
import { RequestList } from "../../collections/request_list.ts";
import { giveMemoryBack } from "../../system/worker_memory.ts";

const { constants, errno: errnos } = platform;

/**
 * What one call transfers at most. No message of a socket is longer unless told
 * otherwise (`net.core.wmem_default`): none is cut.
 */
const CALL_BYTES_MAX = 256 * 1024;
/** What one direction transfers before the event loop gets its turn. */
const TURN_BYTES_MAX = 1024 * 1024;
const TURN_CALLS_MAX = 256;

/**
 * So much fits into a pipe that `poll(2)` says can be written to (`PIPE_BUF`).
 * POSIX: "The value of {PIPE_BUF} shall be at least 512."
 */
const READY_BYTES_MAX = platform.os === "linux" ? 4096 : 512;
/** Of a terminal that says nothing. */
const TERMINAL_READY_BYTES_MAX = 1;

const IOVEC_BYTES = 16;
const IOVEC_LENGTH_AT = 8;
/** For what has no offsets. */
const NO_OFFSET = -1;
/** As long as the name of a terminal may be. */
const NAME_BYTES = 64;

/** The way from and to memory that may move; used during one call only. */
const bounce = new KeptMemory(CALL_BYTES_MAX);
const vector = new KeptMemory(IOVEC_BYTES);
const terminalName = new KeptMemory(NAME_BYTES);

/** See the module's documentation. */
export class StreamTransfers {
  readonly #reads: Direction;
  readonly #writes: Direction;
  readonly #calls: NonblockingCalls;

  /**
   * @param fd The descriptor.
   * @param flags The flags it was opened with.
   */
  constructor(fd: number, flags: number) {
    this.#calls = new NonblockingCalls(fd, flags);
    this.#reads = new Direction(fd, false, this.#calls);
    this.#writes = new Direction(fd, true, this.#calls);
  }

  /** A read or a write enters. */
  submit(request: Request): void {
    this.#directionOf(request).submit(request);
  }

  /**
   * Takes a request out. One that has read bytes already is done with these;
   * every other one can be canceled.
   *
   * @returns Whether it was there, and is to be canceled.
   */
  remove(request: Request): boolean {
    return this.#directionOf(request).remove(request);
  }

  /** All requests, those of a direction in their order. */
  requests(): Request[] {
    return [this.#reads, this.#writes].flatMap(({ requests }) =>
      requests.toArray()
    );
  }

  /** Nothing waits: resolves when no call is out that names the descriptor. */
  whenForgotten(): Promise<void> {
    return readiness.whenForgotten();
  }

  /** Closes what was opened for the calls. Nothing waits. */
  close(): void {
    this.#calls.close();
    giveMemoryBack();
  }

  #directionOf(request: Request): Direction {
    return request.isWrite ? this.#writes : this.#reads;
  }
}

/** The requests of one direction. */
class Direction {
  readonly fd: number;
  readonly events: number;
  readonly requests = new RequestList();
  readonly #isWrite: boolean;
  readonly #calls: NonblockingCalls;
  #isTurnDue = false;
  #isWaiting = false;

  constructor(fd: number, isWrite: boolean, calls: NonblockingCalls) {
    this.fd = fd;
    this.events = isWrite ? POLLOUT : POLLIN;
    this.#isWrite = isWrite;
    this.#calls = calls;
  }

  submit(request: Request): void {
    this.requests.add(request);
    // Not at once: what is always ready must leave other things their turn.
    this.#serveSoon();
  }

  remove(request: Request): boolean {
    if (!this.requests.remove(request)) return false;
    if (this.requests.first === null) this.#rest();
    if (this.#isWrite || request.transferred === 0) return true;
    // What was read would be lost.
    request.finish();
    return false;
  }

  /** The descriptor is ready. */
  ready(): void {
    this.#isWaiting = false;
    this.#serve();
  }

  #serveSoon(): void {
    if (this.#isTurnDue || this.#isWaiting) return;
    this.#isTurnDue = true;
    setImmediate(this.#turn);
  }

  readonly #turn = (): void => {
    this.#isTurnDue = false;
    if (!this.#isWaiting) this.#serve();
  };

  #wait(): void {
    this.#isWaiting = true;
    readiness.wait(this);
  }

  #rest(): void {
    if (!this.#isWaiting) return;
    this.#isWaiting = false;
    readiness.forget(this);
  }

  /** Serves requests until one has to wait. */
  #serve(): void {
    let bytes = 0;
    for (let calls = 0; this.requests.first !== null; calls++) {
      if (calls === TURN_CALLS_MAX || bytes >= TURN_BYTES_MAX) {
        return this.#serveSoon();
      }
      const request = this.requests.first;
      const before = request.transferred;
      if (!this.#step(request)) return this.#wait();
      bytes += request.transferred - before;
    }
  }

  /** Makes one call for the first request. Returns `false` if that has to wait. */
  #step(request: Request): boolean {
    let result: number;
    try {
      result = this.#transfer(request);
    } catch (error) {
      this.requests.shift().settle(error as Error);
      return true;
    }
    const isBegun = request.transferred > 0;
    if (result === -EINTR) return true;
    if (result === -EAGAIN && (this.#isWrite || !isBegun)) return false;
    if (result > 0) request.transferred += result;
    if (this.#isComplete(request, result)) this.requests.shift().finish();
    else if (result < 0) this.requests.shift().fail(-result);
    else if (result === 0) this.requests.shift().fail(EIO);
    return true;
  }

  /** A read is satisfied with what is there; an error after it comes again. */
  #isComplete(request: Request, result: number): boolean {
    const { transferred, length, piece } = request;
    if (transferred === length && result >= 0) return true;
    if (this.#isWrite) return false;
    return result >= 0 ? result < piece : transferred > 0;
  }

  /** Transfers what one call can. Returns bytes, or a negative error number. */
  #transfer(request: Request): number {
    const { address, length, transferred, view } = request;
    request.piece = Math.min(length - transferred, CALL_BYTES_MAX);
    if (address !== 0 || length === 0) {
      return this.#call(request, address + transferred);
    }
    request.assertViewIsThere();
    const memory = bounce.get();
    if (memory === null) return -errnos.ENOMEM;
    const { bytes } = memory;
    const next = sliceOf(view!, transferred, transferred + request.piece);
    if (this.#isWrite) copyBytes(bytes, next, 0);
    const result = this.#call(request, memory.address);
    if (!this.#isWrite && result > 0) {
      copyBytes(next, bytes.subarray(0, result), 0);
    }
    return result;
  }

  #call(request: Request, address: number): number {
    const { offset, transferred, piece } = request;
    return this.#calls.transfer(this, {
      address,
      byteLength: piece,
      offset: offsetAfter(offset, transferred),
    });
  }
}

/** What one call is to transfer. */
interface Piece {
  readonly address: number;
  readonly byteLength: number;
  readonly offset: number | bigint;
}

/** What can be done without waiting, as far as the system can do that. */
class NonblockingCalls {
  readonly #fd: number;
  readonly #flags: number;
  /** Whether it has offsets after all: some devices have. */
  readonly #hasOffsets: boolean;
  /**
   * `RWF_NOWAIT` is for one call only. Kernels before 6.4, FIFOs and terminals do
   * not know it. The descriptor's own `O_NONBLOCK` is not for us to set: whoever
   * has the other end of standard input shares it. Opened a second time, it has
   * one that is not shared. Where that is not possible either, a call that is made
   * when the descriptor is ready does not wait, unless somebody else was faster.
   */
  #way: "nowait" | "opened" | "ready" = "nowait";
  #openedFd = -1;

  constructor(fd: number, flags: number) {
    this.#fd = fd;
    this.#flags = flags;
    this.#hasOffsets = hasPosition(fd);
    if (constants.RWF_NOWAIT === 0) this.#openSecond();
  }

  /** Reads or writes. Returns bytes, or a negative error number. */
  transfer(direction: Direction, piece: Piece): number {
    const isWrite = direction.events === POLLOUT;
    if (this.#way === "nowait") {
      const { RWF_NOWAIT } = constants;
      const result = this.#vectored(this.#fd, isWrite, piece, RWF_NOWAIT);
      const isMissing = result === -errnos.EOPNOTSUPP || result === -ENOSYS;
      if (!isMissing) return result;
      this.#openSecond();
    }
    if (this.#way === "opened") {
      return this.#call(this.#openedFd, isWrite, piece);
    }
    if (this.#isOpenFor(isWrite) && !isReady(direction)) return -EAGAIN;
    const byteLength = isWrite
      ? Math.min(piece.byteLength, this.#readyBytes)
      : piece.byteLength;
    return this.#call(this.#fd, isWrite, { ...piece, byteLength });
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

  /** What it is not open for fails at once, but never becomes ready. */
  #isOpenFor(isWrite: boolean): boolean {
    const { O_ACCMODE, O_RDONLY, O_WRONLY } = constants;
    return (this.#flags & O_ACCMODE) !== (isWrite ? O_RDONLY : O_WRONLY);
  }

  get #readyBytes(): number {
    return librt().isatty(this.#fd) === 1
      ? TERMINAL_READY_BYTES_MAX
      : READY_BYTES_MAX;
  }

  #call(fd: number, isWrite: boolean, piece: Piece): number {
    if (this.#hasOffsets && librt().preadv2 !== null) {
      return this.#vectored(fd, isWrite, piece, 0);
    }
    const { read, write } = librt();
    const memory = runtime.pointerTo(piece.address);
    return outcome((isWrite ? write : read)(fd, memory, piece.byteLength));
  }

  #vectored(
    fd: number,
    isWrite: boolean,
    { address, byteLength, offset }: Piece,
    flags: number,
  ): number {
    const { preadv2, pwritev2 } = librt();
    const call = isWrite ? pwritev2 : preadv2;
    const memory = vector.get();
    if (call === null || memory === null) return -ENOSYS;
    writeAddress(memory.view, 0, address);
    writeSize(memory.view, IOVEC_LENGTH_AT, byteLength);
    const at = this.#hasOffsets ? offset : NO_OFFSET;
    return outcome(call(fd, memory.pointer, 1, at, flags));
  }
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
