/**
 * Opens pipes, `pipe(2)`.
 *
 * @module
 */
import { librt } from "./librt.ts";
import { KeptMemory } from "./memory.ts";

const INT_BYTES = 4;

const ends = new KeptMemory(2 * INT_BYTES);

/** The descriptors of a pipe; programs that are started do not get them. */
export interface PipeEnds {
  readonly readFd: number;
  readonly writeFd: number;
}

/** @returns `null` if the process may have no more descriptors. */
export function openPipe(): PipeEnds | null {
  const { pipe, fcntl, platform } = librt();
  const { F_SETFD, FD_CLOEXEC } = platform.constants;
  const memory = ends.get();
  if (memory === null || pipe(memory.pointer) !== 0) return null;
  const readFd = memory.view.getInt32(0, true);
  const writeFd = memory.view.getInt32(INT_BYTES, true);
  for (const fd of [readFd, writeFd]) fcntl(fd, F_SETFD, FD_CLOEXEC);
  return { readFd, writeFd };
}
