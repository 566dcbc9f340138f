/** How many lanes serve a file best. */
import { clock_ms as systemClock_ms } from "../../../ffi/event_loop.ts";
import { deviceBytesRead } from "./device_reads.ts";
import { threads } from "../../system/threads.ts";

/** Up to so many requests, each one gets a lane of its own. */
const LANES_SINGLE_MAX = 4;
/**
 * A thread of glibc that is done with a request should find another one to
 * serve: it then neither sleeps nor has to be woken. So there are twice as many
 * requests as lanes, or as threads.
 */
const REQUESTS_PER_THREAD = 2;
/**
 * With so many requests that all threads are busy, there are more lanes than
 * threads, so that a thread that is done finds another lane to serve.
 */
const LANES_PER_THREAD = 1.5;
/**
 * Lanes of a file whose requests the page cache answers. One thread of glibc
 * that stays awake is faster than several that have to be woken.
 */
const LANES_CACHED = 1;
/**
 * From this size on, copying is what takes the time, and may take two cores. Only
 * for reads: the system does not let two threads write to a file at once. And only
 * for reads in place: otherwise this thread copies too, and is the second one.
 */
const LARGE_BYTES = 64 * 1024;
const LANES_CACHED_LARGE = 2;

/** How much is looked at before the number changes. */
const WINDOW_REQUESTS = 64;
const WINDOW_MS = 1;
/** What share of the bytes read must come from the device, to begin and to end. */
const DEVICE_SHARE_MIN = 1 / 8;
const CACHED_SHARE_MAX = 1 / 64;

/**
 * Tells how many lanes serve a file best: as many as a device can make use of
 * while requests wait for one, few while the page cache answers. The system says
 * which it is, by counting what it reads from devices.
 */
export class LaneCount {
  readonly #isAlwaysDevice: boolean;
  readonly #clock_ms: () => number;
  #isDevice: boolean;
  #hasLargeReads = false;
  #requests = 0;
  #readBytes = 0;
  #inPlaceBytes = 0;
  #begin_ms = 0;
  #deviceBytesBefore = 0;

  /**
   * @param isDevice Whether every request goes to the device.
   * @param clock_ms What tells the time.
   */
  constructor(isDevice: boolean, clock_ms: () => number = systemClock_ms) {
    this.#isAlwaysDevice = isDevice;
    this.#clock_ms = clock_ms;
    this.#isDevice = isDevice;
  }

  /** Whether requests wait for a device. */
  get isDevice(): boolean {
    return this.#isDevice;
  }

  /** How many lanes to use for so many requests. */
  wanted(outstanding: number): number {
    if (!this.#isDevice) {
      return this.#hasLargeReads ? LANES_CACHED_LARGE : LANES_CACHED;
    }
    if (outstanding <= LANES_SINGLE_MAX) return outstanding;
    if (outstanding >= threads() * REQUESTS_PER_THREAD) {
      return Math.max(1, Math.floor(threads() * LANES_PER_THREAD));
    }
    const lanes = Math.ceil(outstanding / REQUESTS_PER_THREAD);
    return Math.max(lanes, LANES_SINGLE_MAX);
  }

  /**
   * Takes note of a transfer.
   *
   * @param bytes How many bytes were transferred.
   * @param isRead Whether they were read.
   * @param isInPlace Whether the system transferred them to or from where they
   * are wanted.
   */
  observe(bytes: number, isRead: boolean, isInPlace: boolean): void {
    if (this.#isAlwaysDevice) return;
    if (isRead) {
      this.#readBytes += bytes;
      if (isInPlace) this.#inPlaceBytes += bytes;
    }
    // Asking for the time costs as much as a good deal of a request.
    if (++this.#requests % WINDOW_REQUESTS === 0) this.#decide();
  }

  #decide(): void {
    const now_ms = this.#clock_ms();
    if (now_ms - this.#begin_ms < WINDOW_MS) return;
    const deviceBytes = deviceBytesRead() ?? 0;
    const isFirst = this.#begin_ms === 0;
    const share = this.#readBytes === 0
      ? 0
      : (deviceBytes - this.#deviceBytesBefore) / this.#readBytes;
    this.#hasLargeReads = this.#inPlaceBytes >= LARGE_BYTES * this.#requests;
    this.#begin_ms = now_ms;
    this.#deviceBytesBefore = deviceBytes;
    this.#requests = this.#readBytes = this.#inPlaceBytes = 0;
    if (isFirst) return;
    if (share > DEVICE_SHARE_MIN) this.#isDevice = true;
    else if (share < CACHED_SHARE_MAX) this.#isDevice = false;
  }
}
