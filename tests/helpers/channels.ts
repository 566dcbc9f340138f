/**
 * Descriptors without offsets, as the system makes them: pipes, sockets,
 * terminals and others that the runtime has no way to open.
 *
 * @module
 */
import { assert } from "@std/assert";
import { closeSync, constants, encode, makeFifo, openSync } from "./mod.ts";

const { symbols: libc } = Deno.dlopen("libc.so.6", {
  pipe: { parameters: ["buffer"], result: "i32" },
  socketpair: { parameters: ["i32", "i32", "i32", "buffer"], result: "i32" },
  posix_openpt: { parameters: ["i32"], result: "i32" },
  grantpt: { parameters: ["i32"], result: "i32" },
  unlockpt: { parameters: ["i32"], result: "i32" },
  ptsname: { parameters: ["i32"], result: "pointer" },
  inotify_init1: { parameters: ["i32"], result: "i32" },
  inotify_add_watch: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  fcntl: { parameters: ["i32", "i32", "i32"], result: "i32" },
  open: { parameters: ["buffer", "i32"], result: "i32" },
  close: { parameters: ["i32"], result: "i32" },
  read: { parameters: ["i32", "buffer", "usize"], result: "isize" },
  write: { parameters: ["i32", "buffer", "usize"], result: "isize" },
});

const AF_UNIX = 1;
export const SOCK_STREAM = 1;
export const SOCK_SEQPACKET = 5;
const O_NOCTTY = 0o400;
const IN_CREATE = 0x100;
const F_SETFL = 4;
const F_SETPIPE_SZ = 1031;

/** What is written to the one can be read from the other. */
export interface Channel {
  readonly reader: number;
  readonly writer: number;
}

/** Both ends of an anonymous pipe. */
export function openPipe(): Channel {
  const ends = new Int32Array(2);
  assert(libc.pipe(ends) === 0);
  return { reader: ends[0], writer: ends[1] };
}

/**
 * Has a pipe hold so many bytes.
 *
 * @returns Whether the process may do that.
 */
export function growPipe({ writer }: Channel, byteLength: number): boolean {
  return libc.fcntl(writer, F_SETPIPE_SZ, byteLength) >= byteLength;
}

/** Two sockets that are connected: each has both directions. */
export function openSockets(type: number = SOCK_STREAM): [number, number] {
  const ends = new Int32Array(2);
  assert(libc.socketpair(AF_UNIX, type, 0, ends) === 0);
  return [ends[0], ends[1]];
}

/** Has an open file wait no longer, or again, for all who share it. */
export function setNonblocking(fd: number, isNonblocking: boolean): void {
  const flags = isNonblocking ? constants.O_NONBLOCK : 0;
  assert(libc.fcntl(fd, F_SETFL, flags) === 0);
}

/** Both ends of a FIFO that blocks, each open for one direction. */
export function openFifo(path: string): Channel {
  makeFifo(path);
  const both = openSync(path, constants.O_RDWR); // Or opening would wait.
  const reader = openSync(path, constants.O_RDONLY);
  const writer = openSync(path, constants.O_WRONLY);
  closeSync(both);
  return { reader, writer };
}

/** A pseudo-terminal: the master, and the terminal itself. */
export function openTerminal(): { master: number; terminal: number } {
  const master = libc.posix_openpt(constants.O_RDWR | O_NOCTTY);
  assert(master >= 0 && libc.grantpt(master) === 0);
  assert(libc.unlockpt(master) === 0);
  const name = Deno.UnsafePointerView.getCString(libc.ptsname(master)!);
  const flags = constants.O_RDWR | O_NOCTTY;
  const terminal = libc.open(encode(`${name}\0`), flags);
  assert(terminal >= 0);
  return { master, terminal };
}

/** Tells of files that are made in a directory; it is only for reading. */
export function openWatch(directory: string): number {
  const fd = libc.inotify_init1(0);
  const path = encode(`${directory}\0`);
  assert(fd >= 0 && libc.inotify_add_watch(fd, path, IN_CREATE) >= 0);
  return fd;
}

/** Writes to a descriptor that the runtime does not know. */
export function write(fd: number, bytes: Uint8Array<ArrayBuffer>): number {
  return Number(libc.write(fd, bytes, BigInt(bytes.length)));
}

/** Reads from a descriptor that the runtime does not know. */
export function read(fd: number, into: Uint8Array<ArrayBuffer>): number {
  return Number(libc.read(fd, into, BigInt(into.length)));
}

/** Closes a descriptor that the runtime does not know. */
export function close(fd: number): void {
  libc.close(fd);
}
