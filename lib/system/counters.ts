/** Counts the requests of the file level, for `metrics()`. */
import { isCancellation } from "./error.ts";

class Counters {
  submitted = 0;
  completed = 0;
  failed = 0;
  canceled = 0;
  /** Reads that the page cache answered. */
  cacheHits = 0;
  /** Reads that it was asked for, and did not have. */
  cacheMisses = 0;
  /** How many descriptors are open for files, each of them a lane. */
  descriptors = 0;
  /** How many requests the system has at this moment. */
  inFlight = 0;

  /**
   * A request was settled.
   *
   * @param isCancelWanted Whether somebody tried to cancel it.
   */
  settled(error: Error | null, isCancelWanted: boolean): void {
    if (error === null) this.completed++;
    else if (isCancelWanted && isCancellation(error)) this.canceled++;
    else this.failed++;
  }
}

/** The counters of this isolate. */
export const counters: Counters = new Counters();
