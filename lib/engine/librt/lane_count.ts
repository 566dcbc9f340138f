/** How many lanes serve a file best while its requests wait for a device. */
import { threads } from "../../system/threads.ts";

/** Up to so many requests, each one gets a lane of its own. */
const LANES_SINGLE_MAX = 4;
/**
 * A thread of glibc that is done with a request should find the next one on its lane:
 * then it neither sleeps nor has to be woken. So there are twice as many requests as
 * lanes.
 */
const REQUESTS_PER_LANE = 2;
/**
 * More threads than that at once hold each other up: glibc has one lock for all. They
 * help only where each of them has more to do.
 */
const LANES_MANY = 16;
const REQUESTS_PER_LANE_OF_MANY = 4;

/** How many lanes to use for so many requests. */
export function lanesFor(requests: number): number {
  if (requests <= LANES_SINGLE_MAX) return requests;
  const few = Math.ceil(requests / REQUESTS_PER_LANE);
  const many = Math.ceil(requests / REQUESTS_PER_LANE_OF_MANY);
  const lanes = Math.max(Math.min(few, LANES_MANY), many, LANES_SINGLE_MAX);
  return Math.min(lanes, threads());
}
