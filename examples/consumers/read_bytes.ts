/**
 * A module to take into a project: what is at a place of a file, in new memory.
 *
 * @module
 */
import type { AioFile, IoOptions } from "../../mod.ts";

/**
 * Reads into new memory.
 *
 * @param file The file.
 * @param offset Where in the file, in bytes.
 * @param length How many bytes.
 * @param options Cancellation and priority.
 * @returns The bytes: fewer than asked for only at the end of the file. They have
 * their memory for themselves.
 * @throws {AioError} If the system reports an error.
 */
export async function readBytes(
  file: AioFile,
  offset: number,
  length: number,
  options?: IoOptions,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(length);
  const read = await file.readAt(bytes, offset, options);
  return read === length ? bytes : bytes.slice(0, read);
}
