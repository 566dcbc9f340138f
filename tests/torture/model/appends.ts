/**
 * In which order appends may have reached a file: those of one `AioFile` in the
 * order of the calls, those of different ones in any.
 *
 * @module
 */
import { isSame } from "./contents.ts";

/** Something that was appended, as far as it was. */
export interface Appended {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/**
 * Asserts that what was appended is there, once each, in a possible order.
 *
 * @param tail What is behind the former end of the file.
 * @param chains What has an order among itself.
 */
export function assertAppended(tail: Uint8Array, chains: Appended[][]): void {
  const filled = chains
    .map((chain) => chain.filter(({ bytes }) => bytes.length > 0));
  const length = filled.flat()
    .reduce((sum, { bytes }) => sum + bytes.length, 0);
  if (length !== tail.length) {
    throw new Error(
      `The file has ${tail.length} bytes more, where ${length} were appended`,
    );
  }
  if (!isMerged(tail, filled, filled.map(() => 0))) {
    const names = filled.map((chain) => chain.map(({ name }) => name).join());
    throw new Error(
      `What was appended is not there in a possible order: ${
        names.join(" | ")
      }`,
    );
  }
}

/** Whether the rest of every chain makes up the tail. */
function isMerged(
  tail: Uint8Array,
  chains: Appended[][],
  taken: number[],
): boolean {
  if (tail.length === 0) return true;
  return chains.some((chain, index) => {
    const next = chain[taken[index]];
    if (next === undefined) return false;
    const { length } = next.bytes;
    if (length > tail.length || !isSame(tail.subarray(0, length), next.bytes)) {
      return false;
    }
    return isMerged(
      tail.subarray(length),
      chains,
      taken.with(index, taken[index] + 1),
    );
  });
}
