/**
 * What a file may contain, and a read may have found, after a round in which
 * requests ran at the same time.
 *
 * Requests that overlap in time have no order. So a read may have found, in each
 * byte, what any write put there that had not been overwritten, for certain,
 * before the read began. Where nothing overlaps, that is one value only.
 *
 * @module
 */
import { isSame } from "./contents.ts";

/** Something that takes time; times are counted, not measured. */
export interface Span {
  readonly begun: number;
  readonly settled: number;
}

/** A write, of any kind. */
export interface Write extends Span {
  readonly name: string;
  readonly offset: number;
  /** What is in the file because of it. */
  readonly bytes: Uint8Array;
  /** Whether it is there: `false` if only a part may be. */
  readonly isCertain: boolean;
}

/** What somebody saw of a file. */
export interface Sight extends Span {
  readonly name: string;
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/** Whether an earlier write is gone for certain: another one came after it. */
function isOverwritten(
  settled: number,
  by: Write[],
  seenFrom: number,
): boolean {
  return by.some((write) =>
    write.isCertain && settled < write.begun && write.settled < seenFrom
  );
}

/** What may be seen in a part of a file that the same writes cover. */
function possibleSources(
  base: Uint8Array,
  covering: Write[],
  seenFrom: number,
  from: number,
  to: number,
): { name: string; bytes: Uint8Array }[] {
  const sources = covering
    .filter(({ settled }) => !isOverwritten(settled, covering, seenFrom))
    .map(({ name, bytes, offset }) => ({
      name,
      bytes: bytes.subarray(from - offset, to - offset),
    }));
  if (isOverwritten(-1, covering, seenFrom)) return sources;
  // Behind the end there are zeros, once something is written further behind.
  const bytes = from < base.length
    ? base.subarray(from, to)
    : new Uint8Array(to - from);
  return [{ name: "what was there before", bytes }, ...sources];
}

/**
 * Asserts that what was seen can be explained.
 *
 * @param sight What was seen.
 * @param base What was there before all of the writes.
 * @param writes All writes that had an effect or may have had one.
 */
export function assertExplained(
  sight: Sight,
  base: Uint8Array,
  writes: Write[],
): void {
  const begin = sight.offset;
  const end = begin + sight.bytes.length;
  const concerned = writes.filter(({ offset, bytes, begun }) =>
    offset < end && offset + bytes.length > begin && begun < sight.settled
  );
  const edges = [
    begin,
    end,
    base.length,
    ...concerned.flatMap((
      { offset, bytes },
    ) => [offset, offset + bytes.length]),
  ].filter((edge) => edge >= begin && edge <= end)
    .sort((left, right) => left - right);
  for (let index = 0; index + 1 < edges.length; index++) {
    const [from, to] = [edges[index], edges[index + 1]];
    const covering = concerned.filter(({ offset, bytes }) =>
      offset <= from && offset + bytes.length >= to
    );
    assertPart(sight, base, covering, from, to);
  }
}

/** The same for a part that the same writes cover. */
function assertPart(
  sight: Sight,
  base: Uint8Array,
  covering: Write[],
  from: number,
  to: number,
): void {
  const seen = sight.bytes.subarray(from - sight.offset, to - sight.offset);
  const sources = possibleSources(base, covering, sight.begun, from, to);
  if (sources.some(({ bytes }) => isSame(seen, bytes))) return;
  for (let at = 0; at < seen.length; at++) {
    if (sources.some(({ bytes }) => bytes[at] === seen[at])) continue;
    const possible = sources.map(({ name, bytes }) => `${bytes[at]} (${name})`);
    throw new Error(
      `${sight.name} found ${seen[at]} at ${from + at}, where it could only ` +
        `find ${possible.join(" or ")}`,
    );
  }
}
