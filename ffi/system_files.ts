/**
 * Files of the system, such as those in `/proc`, read through the C library: no
 * permission of the runtime is for what the system says of this process.
 *
 * @module
 */
import { TextDecoder, TextEncoder } from "node:util";
import { librt } from "./librt.ts";
import { freeNative, type NativeMemory, tryAllocateNative } from "./memory.ts";

/** What has to be known of the system. */
export interface SystemFiles {
  /** The text of a file; `null` if it cannot be read. */
  read(path: string): string | null;
  /** The names in a directory; none if it cannot be read. */
  list(path: string): string[];
}

const CHUNK_BYTES = 65_536;

// `struct linux_dirent64`.
const LENGTH_AT = 16;
const NAME_AT = 19;

/** {@linkcode SystemFiles} of this system. */
export const systemFiles: SystemFiles = {
  read(path: string): string | null {
    const chunks = chunksOf(
      path,
      ({ pointer }, fd) => librt().read(fd, pointer, CHUNK_BYTES),
    );
    return chunks?.map((chunk) => new TextDecoder().decode(chunk)).join("") ??
      null;
  },

  list(path: string): string[] {
    const { getdents, platform } = librt();
    const { SYS_getdents64 } = platform.constants;
    const chunks = chunksOf(
      path,
      ({ pointer }, fd) => getdents(SYS_getdents64, fd, pointer, CHUNK_BYTES),
    );
    return (chunks ?? []).flatMap(namesOf);
  },
};

/** All that a call returns piece by piece, or `null` if it fails. */
function chunksOf(
  path: string,
  read: (memory: NativeMemory, fd: number) => number,
): Uint8Array[] | null {
  const memory = tryAllocateNative(CHUNK_BYTES);
  if (memory === null) return null;
  const fd = open(path, memory);
  const chunks: Uint8Array[] = [];
  let length = fd;
  while (fd >= 0) {
    length = read(memory, fd);
    if (length <= 0) break;
    chunks.push(memory.bytes.slice(0, length));
  }
  if (fd >= 0) librt().close(fd);
  freeNative(memory);
  return length < 0 ? null : chunks;
}

function open(path: string, { bytes, pointer }: NativeMemory): number {
  const { open, platform } = librt();
  const { O_RDONLY, O_CLOEXEC } = platform.constants;
  const { written } = new TextEncoder().encodeInto(path, bytes);
  bytes[written] = 0;
  return open(pointer, O_RDONLY | O_CLOEXEC, 0);
}

function namesOf(entries: Uint8Array): string[] {
  const view = new DataView(entries.buffer);
  const names: string[] = [];
  for (let at = 0; at < entries.length;) {
    const end = at + view.getUint16(at + LENGTH_AT, true);
    const name = entries.subarray(at + NAME_AT, end);
    names.push(new TextDecoder().decode(name.subarray(0, name.indexOf(0))));
    at = end;
  }
  return names;
}
