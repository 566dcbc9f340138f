/**
 * Copies within the system: `copy_file_range`, and where a file has data, by `lseek`.
 *
 * @module
 */
import { runtime } from "../../ffi/current.ts";
import { OffsetPair } from "../../ffi/offset_pair.ts";
import type { NativeFunctions } from "../../ffi/runtime.ts";
import { ENOSYS, platform } from "./constants.ts";
import { librt, reasonAgainst } from "./librt.ts";
import { resultOnThread } from "./slow_calls.ts";

const { constants, errno: { ENOMEM, ENXIO } } = platform;

/** A call that failed is made once more on this thread, for no more than this. */
const AGAIN_BYTES_MAX = 64 * 1024;

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
 * @returns How many, 0 at the end of the file; or a negative error number.
 */
export async function copyRange(
  source: Place,
  target: Place,
  length: number,
): Promise<number> {
  if (reasonAgainst() !== null) return -ENOSYS;
  const { copy_file_range, copy_file_range_nonblocking } = librt();
  if (copy_file_range === null || copy_file_range_nonblocking === null) {
    return -ENOSYS;
  }
  const pair = OffsetPair.allocate();
  if (pair === null) return -ENOMEM;
  const packed = (byteLength: number): CopyArguments => {
    pair.pack(source.offset, target.offset);
    return [source.fd, pair.first, target.fd, pair.second, byteLength, 0];
  };
  const result = await resultOnThread(
    target.fd,
    () => copy_file_range_nonblocking(...packed(length)),
    () => copy_file_range(...packed(Math.min(length, AGAIN_BYTES_MAX))),
  );
  pair[Symbol.dispose]();
  return result;
}

type CopyArguments = Parameters<
  NonNullable<NativeFunctions["copy_file_range"]>
>;

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
