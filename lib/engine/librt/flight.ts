/** A request while glibc has it: its control block, and how its end is announced. */
import type { BounceBuffer } from "../../../ffi/bounce_buffer.ts";
import {
  type ControlBlock,
  takeControlBlock,
} from "../../../ffi/control_block.ts";
import type { Linked } from "../../collections/linked_list.ts";
import { LIO_READ, LIO_WRITE, SIGEV_THREAD } from "../../system/constants.ts";
import type { EngineRequest, Notify } from "../engine.ts";
import { Transfer } from "../transfer.ts";
import { canNotifyByThread, hasRoomForCallback } from "./callbacks.ts";
import { Notification } from "./notification.ts";
import type { Queued } from "./serial_queues.ts";

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
  /** Takes a flight back from the system. Returns whether that had not begun it. */
  takeBack(flight: Flight): boolean;
  /** The request of a flight that was taken back waits again. */
  putBack(flight: Flight): void;
}

/** See the module's documentation. */
export class Flight extends Transfer implements Linked<Flight>, Queued {
  readonly lane: FlightLane;
  readonly block: ControlBlock;
  readonly notify: Notify;
  /**
   * Whether the system has it: its lane takes it a little before that, and until
   * then its control block has the status of an earlier request.
   */
  isSubmitted = false;
  order = 0;
  list: object | null = null;
  previous: Flight | null = null;
  next: Flight | null = null;
  /** With `"thread"`: what the system is going to call. */
  #notification: Notification | null = null;

  constructor(
    request: EngineRequest,
    lane: FlightLane,
    bounce: BounceBuffer | null,
    notified: () => void,
  ) {
    const block = takeControlBlock();
    super(request, bounce);
    this.lane = lane;
    this.block = block;
    block.packTransfer(
      lane.fd,
      request.isWrite ? LIO_WRITE : LIO_READ,
      this.address,
      this.byteLength,
      this.offset,
    );
    this.notify = noticeOf(request);
    if (this.notify === "thread") this.#announceTo(notified);
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

  takeBack(): boolean {
    return this.lane.takeBack(this);
  }

  putBack(): void {
    this.lane.putBack(this);
  }

  /** The system never had it. */
  refused(): void {
    this.#notification?.forget();
    this.#notification = null;
    this.end();
  }

  /** Also where it was taken back from the system, which announces that. */
  override end(): void {
    super.end();
    this.block.release();
    this.#notification?.due();
  }
}

/** How the completion is noticed, as far as the system can do what is wanted. */
function noticeOf({ notify }: EngineRequest): Notify {
  if (notify !== "thread") return notify;
  if (!canNotifyByThread()) return "suspend";
  return hasRoomForCallback(NOTIFICATIONS_MAX) ? notify : "auto";
}
