/** Reads into memory of their own, as far as the file goes. */
import { runtime } from "../../ffi/current.ts";
import { isAborted, reasonOf } from "../checks/abort_signal.ts";
import { offsetAfter } from "../checks/offset.ts";
import type { OpenFile } from "../requests/open_file.ts";
import { ECANCELED } from "../system/constants.ts";
import { AioError, isCancellation } from "../system/error.ts";
import { fileName } from "../system/hints.ts";
import type { IoOptions } from "./options.ts";
import { transfer } from "./transfers.ts";

/** So much is allocated without a look at how much the file has. */
export const UNASKED_BYTES_MAX = 1024 * 1024;
/** What is read at a time behind the size that the system told. */
const PIECE_BYTES = 64 * 1024;
/** A multiple of what direct transfers need. */
export const DIRECT_BYTES = 4096;

/**
 * Reads as far as the file goes, however long that is.
 *
 * @param file The file.
 * @param offset Where in it, which was checked.
 * @param length How many bytes at most; may be `Infinity`.
 * @param options Which were checked.
 * @param isToEnd Whether to wait for all that a pipe is going to have.
 */
export async function readLong(
  file: OpenFile,
  offset: number | bigint,
  length: number,
  options: IoOptions,
  isToEnd = false,
): Promise<Uint8Array<ArrayBuffer>> {
  let isCanceled = false;
  const listener = { aborted: () => isCanceled = true };
  // Between two requests as well: then there is none that can be canceled.
  file.cancelListeners.add(listener);
  try {
    const assertWanted = () => {
      if (isCanceled) throw canceled(file, offset, length);
    };
    return await readPieces(
      file,
      offset,
      length,
      options,
      isToEnd || file.isSeekable,
      assertWanted,
    );
  } finally {
    file.cancelListeners.delete(listener);
  }
}

function canceled(
  { named }: OpenFile,
  offset: number | bigint,
  length: number,
): AioError {
  const what = `Cannot read ${length} bytes at offset ${offset} of ` +
    `${fileName(named)}, because the request was canceled`;
  const particulars = { errno: ECANCELED, syscall: "aio_read", offset };
  return new AioError(what, { ...particulars, ...named });
}

async function readPieces(
  file: OpenFile,
  offset: number | bigint,
  length: number,
  options: IoOptions,
  isWhole: boolean,
  assertWanted: () => void,
): Promise<Uint8Array<ArrayBuffer>> {
  const { isSeekable, isDirect } = file.traits;
  // Nobody knows how much a pipe has: what is there, but at most so much.
  let left = isWhole ? length : Math.min(length, UNASKED_BYTES_MAX);
  let wanted = isWhole ? PIECE_BYTES : left;
  if (isSeekable) wanted = await file.size() - Number(offset);
  if (wanted <= 0) wanted = PIECE_BYTES;
  if (isDirect) wanted = roundedUp(wanted, DIRECT_BYTES);
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  const queue = file.queueWithin("read");
  for (let at = offset; left > 0; wanted = PIECE_BYTES) {
    const piece = runtime.allocateUnsafe(Math.min(wanted, left));
    let bytes: number;
    try {
      assertWanted();
      bytes = await transfer(queue, "read", piece, at, options);
    } catch (error) {
      // What a pipe gave is nowhere else any more.
      const hasMore = isSeekable || pieces.length === 0;
      if (hasMore || !isCanceled(error, options)) throw error;
      break;
    }
    if (bytes > 0) pieces.push(upTo(piece, bytes));
    // What a pipe does not have yet may come.
    if (isWhole && !isSeekable ? bytes === 0 : bytes < piece.byteLength) break;
    // The file may have become longer, and those of /proc do not tell.
    at = offsetAfter(at, bytes);
    left -= bytes;
  }
  return joined(pieces);
}

function isCanceled(error: unknown, { signal }: IoOptions): boolean {
  return isCancellation(error) ||
    signal !== undefined && isAborted(signal) && error === reasonOf(signal);
}

/** The next multiple: what a direct transfer has to be. */
export function roundedUp(length: number, multiple: number): number {
  return Math.ceil(length / multiple) * multiple;
}

/** A copy if it is short: nobody is to see what the memory had before. */
export function upTo(
  bytes: Uint8Array<ArrayBuffer>,
  end: number,
): Uint8Array<ArrayBuffer> {
  return end === bytes.byteLength ? bytes : bytes.slice(0, end);
}

/** The bytes of all, one behind the other. */
function joined(
  pieces: Uint8Array<ArrayBuffer>[],
): Uint8Array<ArrayBuffer> {
  if (pieces.length === 1) return pieces[0];
  const length = pieces.reduce((sum, { byteLength }) => sum + byteLength, 0);
  const all = runtime.allocateUnsafe(length);
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.byteLength;
  }
  return all;
}
