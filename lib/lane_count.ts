import { deviceBytesRead } from "./device_reads.ts";

/**
 * Lanes of a file whose requests wait for a device, which serves many at a time.
 */
const LANES_DEVICE = 16;
/**
 * Lanes of a file whose requests the page cache answers. One thread of glibc
 * that stays awake is faster than several that have to be woken.
 */
const LANES_CACHED = 1;
/** From this size on, copying is what takes the time, and may take two cores. */
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
  /** How many lanes to use. */
  wanted: number;

  readonly #isDevice: boolean;
  #requests = 0;
  #bytes = 0;
  #readBytes = 0;
  #begin_ms = 0;
  #deviceBytesBefore = 0;

  /** @param isDevice Whether every request goes to the device. */
  constructor(isDevice: boolean) {
    this.#isDevice = isDevice;
    this.wanted = isDevice ? LANES_DEVICE : LANES_CACHED;
  }

  /**
   * Takes note of a transfer.
   *
   * @param bytes How many bytes were transferred.
   * @param isRead Whether they were read.
   */
  observe(bytes: number, isRead: boolean): void {
    if (this.#isDevice) return;
    this.#bytes += bytes;
    if (isRead) this.#readBytes += bytes;
    if (++this.#requests >= WINDOW_REQUESTS) this.#decide();
  }

  #decide(): void {
    const now_ms = performance.now();
    if (now_ms - this.#begin_ms < WINDOW_MS) return;
    const deviceBytes = deviceBytesRead() ?? 0;
    const isFirst = this.#begin_ms === 0;
    const share = (deviceBytes - this.#deviceBytesBefore) / this.#readBytes;
    const isLarge = this.#bytes >= LARGE_BYTES * this.#requests;
    this.#begin_ms = now_ms;
    this.#deviceBytesBefore = deviceBytes;
    this.#requests = this.#bytes = this.#readBytes = 0;
    if (isFirst) return;
    if (share > DEVICE_SHARE_MIN) this.wanted = LANES_DEVICE;
    else if (this.wanted !== LANES_DEVICE || !(share > CACHED_SHARE_MAX)) {
      this.wanted = isLarge ? LANES_CACHED_LARGE : LANES_CACHED;
    }
  }
}
