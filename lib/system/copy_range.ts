/**
 * Copies within the system: `copy_file_range`, and where a file has data, by `lseek`.
 *
 * @module
 */
import { runtime } from "../../ffi/current.ts";
import { OffsetPair } from "../../ffi/offset_pair.ts";
import { platform } from "./constants.ts";
import { librt, reasonAgainst } from "./librt.ts";
import { onThread } from "./slow_calls.ts";

const { constants, errno: { ENXIO } } = platform;

const SEEK_SET = 0;
const SEEK_CUR = 1;

/** One end of a copy. */
export interface Place {
  readonly fd: number;
  readonly offset: number | bigint;
}

/**
 * Copies bytes from one file to another, or shares them where the file system can.
 *
 * @returns How many; 0 at the end of the file, and where the system does not copy.
 */
export async function copyRange(
  source: Place,
  target: Place,
  length: number,
): Promise<number> {
  if (reasonAgainst() !== null) return 0;
  const { copy_file_range } = librt();
  const pair = copy_file_range === null ? null : OffsetPair.allocate();
  if (copy_file_range === null || pair === null) return 0;
  pair.pack(source.offset, target.offset);
  const bytes = await onThread(
    target.fd,
    () =>
      copy_file_range(source.fd, pair.first, target.fd, pair.second, length, 0),
  );
  pair[Symbol.dispose]();
  return Math.max(bytes, 0);
}

/** Bytes of a file that are no hole. */
export interface Data {
  readonly begin: number;
  /** `Infinity` where nobody knows. */
  readonly end: number;
}

/** Whether the system tells where a file has data. */
export function tellsHoles(): boolean {
  return constants.SEEK_DATA !== 0 && reasonAgainst() === null;
}

/**
 * Where the next data of a file are, if {@linkcode tellsHoles}. The position of the
 * descriptor is another one meanwhile, and then as it was.
 *
 * What lies beyond 2 ** 53 is only known to lie there.
 *
 * @returns `null` if there is nothing but a hole.
 */
export function nextData(fd: number, offset: number): Data | null {
  const { SEEK_DATA, SEEK_HOLE } = constants;
  const { lseek } = librt();
  const position = lseek(fd, 0, SEEK_CUR);
  const begin = lseek(fd, offset, SEEK_DATA);
  const errno = begin === -1 ? runtime.errno() : 0;
  const end = Number.isSafeInteger(begin) && begin >= 0
    ? lseek(fd, begin, SEEK_HOLE)
    : Infinity;
  if (position !== -1) lseek(fd, position, SEEK_SET);
  if (errno === ENXIO) return null;
  return begin >= offset && end > begin
    ? { begin, end }
    : { begin: offset, end: Infinity };
}
