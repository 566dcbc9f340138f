/** A request while the system has it: its control block, and the memory it uses. */
import {
  BOUNCE_BYTES_MAX,
  type BounceBuffer,
  releaseBounceBuffer,
  takeBounceBuffer,
} from "../../../ffi/bounce_buffer.ts";
import {
  type ControlBlock,
  takeControlBlock,
} from "../../../ffi/control_block.ts";
import { NBYTES_MAX } from "../../../ffi/layout.ts";
import { copyBytes, sliceOf } from "../../checks/bytes.ts";
import { offsetAfter } from "../../checks/offset.ts";
import type { Linked } from "../../collections/linked_list.ts";
import { LIO_READ, LIO_WRITE, SIGEV_THREAD } from "../../system/constants.ts";
import type { EngineRequest, Notify } from "../engine.ts";
import { canNotifyByThread, hasRoomForCallback } from "./callbacks.ts";
import { Notification } from "./notification.ts";

/**
 * How many notifications are due at once. Each one costs the system a thread, and
 * all of those compete with the event loop for the processors: reads at depth 32
 * are twice as fast with one as with four. Other requests are noticed as with
 * `"auto"`, so that the loop is awake while threads compete.
 */
const NOTIFICATIONS_MAX = 1;

/** What a flight has to know of its lane. */
export interface FlightLane {
  readonly fd: number;
  /** Makes a call of its own for a flight, or has its request wait again. */
  callAlone(flight: Flight): void;
  /** The system has no resources for a flight: its request waits again. */
  refused(flight: Flight): void;
}

/** See the module's documentation. */
export class Flight implements Linked<Flight> {
  readonly request: EngineRequest;
  readonly lane: FlightLane;
  readonly block: ControlBlock;
  readonly notify: Notify;
  /**
   * Whether the system has it: its lane takes it a little before that, and until
   * then its control block tells of an earlier request.
   */
  isSubmitted = false;
  list: object | null = null;
  previous: Flight | null = null;
  next: Flight | null = null;
  /** Native memory in the place of a buffer that may move. */
  readonly #bounce: BounceBuffer | null;
  /** With `"thread"`: what the system is going to call. */
  #notification: Notification | null = null;

  constructor(
    request: EngineRequest,
    lane: FlightLane,
    bounce: BounceBuffer | null,
    notified: () => void,
  ) {
    this.request = request;
    this.lane = lane;
    this.#bounce = bounce;
    this.block = takeControlBlock();
    this.#pack();
    this.notify = noticeOf(request);
    if (this.notify === "thread") this.#announceTo(notified);
    request.entry = this;
  }

  /** Whether the system transfers to or from where the bytes are wanted. */
  get isInPlace(): boolean {
    return this.#bounce === null;
  }

  #pack(): void {
    const { request } = this;
    const { transferred, isSync, isWrite } = request;
    const from = this.#bounce?.address ?? request.address + transferred;
    const piece = pieceOf(request);
    if (isWrite) this.#fillBounce(piece);
    this.block.packTransfer(
      this.lane.fd,
      isWrite ? LIO_WRITE : LIO_READ,
      isSync ? 0 : from,
      piece,
      offsetAfter(request.offset, transferred),
    );
  }

  #announceTo(fn: () => void): void {
    this.#notification = new Notification({
      notify: SIGEV_THREAD,
      signo: 0,
      value: 0,
      fn,
    });
    this.block.packSigevent(this.#notification.native);
  }

  #fillBounce(piece: number): void {
    if (this.#bounce === null) return;
    const { view, transferred } = this.request;
    const next = sliceOf(view!, transferred, transferred + piece);
    copyBytes(this.#bounce.bytes, next, 0);
  }

  /** The system is done with it: takes note of what was transferred. */
  landed(bytes: number): void {
    const { request } = this;
    const hasArrived = request.isWrite || !request.isViewLost;
    if (bytes > 0 && !request.isSync && hasArrived) {
      if (!request.isWrite) this.#emptyBounce(bytes);
      request.transferred += bytes;
    }
    this.#end();
  }

  #emptyBounce(bytes: number): void {
    if (this.#bounce === null) return;
    const source = this.#bounce.bytes;
    copyBytes(
      this.request.view!,
      bytes === source.byteLength ? source : source.subarray(0, bytes),
      this.request.transferred,
    );
  }

  /** It was taken back from the system, which announces that. */
  takenBack(): void {
    this.#end();
  }

  /** The system never had it. */
  refused(): void {
    this.#notification?.forget();
    this.#notification = null;
    this.#end();
  }

  #end(): void {
    this.request.entry = null;
    this.block.release();
    if (this.#bounce !== null) releaseBounceBuffer(this.#bounce);
    this.#notification?.due();
  }
}

/**
 * Takes what a request needs.
 *
 * @param notified What the system calls when it is done, with `"thread"`.
 * @returns `null` if there is no memory until another request is done.
 * @throws {OutOfMemoryError} If there is none at all.
 */
export function takeFlight(
  request: EngineRequest,
  lane: FlightLane,
  notified: () => void,
): Flight | null {
  if (isInPlace(request)) return new Flight(request, lane, null, notified);
  const bounce = takeBounceBuffer(pieceOf(request));
  if (bounce === null) return null;
  try {
    return new Flight(request, lane, bounce, notified);
  } catch (error) {
    releaseBounceBuffer(bounce);
    throw error;
  }
}

function isInPlace({ address, length }: EngineRequest): boolean {
  return address !== 0 || length === 0;
}

/** How the completion is noticed, as far as the system can do what is wanted. */
function noticeOf({ notify }: EngineRequest): Notify {
  if (notify !== "thread") return notify;
  if (!canNotifyByThread()) return "suspend";
  return hasRoomForCallback(NOTIFICATIONS_MAX) ? notify : "auto";
}

/** How many bytes are transferred at once. */
function pieceOf(request: EngineRequest): number {
  return Math.min(
    request.length - request.transferred,
    isInPlace(request) ? NBYTES_MAX : BOUNCE_BYTES_MAX,
  );
}
