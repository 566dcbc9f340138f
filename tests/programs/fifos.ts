/**
 * Many FIFOs at once, which block their reader or writer unless asked not to.
 *
 * @module
 */
import { constants, makeFifo, openSync } from "../helpers/mod.ts";

const { O_NONBLOCK, O_RDWR } = constants;

/** A FIFO, open for both, or opening would wait for the other end. */
export interface OpenFifo {
  /** For the file under test. */
  readonly fd: number;
  /** Feeds and drains, and never blocks. */
  readonly control: number;
}

/**
 * Makes FIFOs in a directory of its own, which is left behind.
 *
 * @param count How many.
 * @param flags More flags for the descriptor under test, such as `O_NONBLOCK`.
 */
export function makeFifos(count: number, flags = 0): OpenFifo[] {
  const directory = Deno.makeTempDirSync();
  const args = Array.from({ length: count }, (_, at) => `${directory}/${at}`);
  if (count === 0) return [];
  makeFifo(...args);
  return args.map((path) => ({
    fd: openSync(path, O_RDWR | flags),
    control: openSync(path, O_RDWR | O_NONBLOCK),
  }));
}
