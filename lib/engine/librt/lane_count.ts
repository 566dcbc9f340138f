/** How many lanes serve a file best while its requests wait for a device. */
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

/** How many lanes to use for so many requests. */
export function lanesFor(requests: number): number {
  if (requests <= LANES_SINGLE_MAX) return requests;
  if (requests >= threads() * REQUESTS_PER_THREAD) {
    return Math.max(1, Math.floor(threads() * LANES_PER_THREAD));
  }
  const lanes = Math.ceil(requests / REQUESTS_PER_THREAD);
  return Math.max(lanes, LANES_SINGLE_MAX);
}
