/**
 * Native memory outlives the isolate, so that requests which are in flight when a
 * worker is terminated do no harm. What they do not use would be left behind as
 * well, so an isolate that may end first, a worker above all, gives it back as
 * soon as nothing is in flight.
 *
 * @module
 */
import { freeUnused } from "../../ffi/unused_memory.ts";
import { mayEndFirst } from "../../ffi/isolate.ts";
import { counters } from "./counters.ts";
import { isServedByFs } from "./settings.ts";

/**
 * So many microtasks in a row are enough for a program to learn that requests are
 * done, through `Promise.all()` and functions of its own, and to make the next
 * ones: then these need the same memory. A turn of the event loop would be too
 * late: by then the worker may have said that it is done, and be terminated.
 */
const MICROTASKS = 10;

let isDue = false;

/** Gives memory back, unless more requests come at once. */
export async function giveMemoryBack(): Promise<void> {
  if (isServedByFs() || !mayEndFirst() || isDue) return;
  isDue = true;
  for (let count = 0; count < MICROTASKS; count++) await null;
  isDue = false;
  if (counters.inFlight === 0) freeUnused();
}
