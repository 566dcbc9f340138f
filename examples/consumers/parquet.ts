/**
 * A module to take into a project: a Parquet file for hyparquet.
 *
 * hyparquet asks for the end of the file, then for the columns that are wanted, all of
 * them at once. So their reads are in flight together.
 *
 * @module
 */
import type { AsyncBuffer } from "hyparquet";
import type { AioFile } from "../../mod.ts";

/**
 * Makes what hyparquet reads from. Nothing is read before hyparquet asks for it.
 *
 * @param file The file, which stays open and is the caller's to close.
 * @returns The file as hyparquet wants it.
 * @throws {AioError} If the system reports an error.
 */
export async function parquetBuffer(file: AioFile): Promise<AsyncBuffer> {
  return {
    byteLength: await file.size(),
    slice: (start, end) => file.slice(start, end).arrayBuffer(),
  };
}
