/*
 * A page to learn from: prints the bytes, the newlines and the CRC-32 of each
 * block of a file, and of the whole file; reads ahead with several requests in
 * flight.
 *
 *   deno run --allow-ffi --allow-read ported_from_c.ts FILE
 *   deno run ported_from_c.ts --help
 *
 * ported_from_c.c is the same program in C, statement by statement. Comments
 * stand where the two must differ.
 */
import { closeSync as close, constants, openSync as open } from "node:fs";
import process from "node:process";
import {
  aio_cancel,
  aio_error,
  aio_read,
  aio_return,
  aio_suspend,
  Aiocb,
  allocatePinned,
  EINPROGRESS,
  SIGEV_NONE,
} from "../mod.ts";

const { O_RDONLY } = constants;

const DEPTH = 8;
const BLOCK_BYTES = 65536;

const blocks: Aiocb[] = [];
const buffers: Uint8Array[] = [];
const crc_table = new Uint32Array(256);

function make_crc_table(): void {
  for (let n = 0; n < 256; n++) {
    let crc = n;
    for (let bit = 0; bit < 8; bit++) {
      // Numbers are signed until >>> makes them unsigned.
      crc = crc & 1 ? 0xedb88320 ^ (crc >>> 1) : crc >>> 1;
    }
    crc_table[n] = crc;
  }
}

function update_crc(crc: number, bytes: Uint8Array, length: number): number {
  crc = ~crc;
  for (let i = 0; i < length; i++) {
    crc = crc_table[(crc ^ bytes[i]) & 0xff] ^ (crc >>> 8);
  }
  return ~crc >>> 0;
}

function count_newlines(bytes: Uint8Array, length: number): number {
  let newlines = 0;
  for (let i = 0; i < length; i++) {
    if (bytes[i] === 0x0a) newlines++;
  }
  return newlines;
}

function print_line(
  name: string,
  bytes: number,
  newlines: number,
  crc: number,
): void {
  const columns = [
    name.padStart(12),
    String(bytes).padStart(12),
    String(newlines).padStart(10),
    " " + crc.toString(16).padStart(8, "0"),
  ];
  console.log(columns.join(" "));
}

function print_usage(stream: NodeJS.WriteStream): void {
  stream.write(
    "usage: ported_from_c FILE\n" +
      "Prints the bytes, the newlines and the CRC-32 of each block " +
      "of FILE and of all.\n",
  );
}

function fail(what: string, path: string, error: number): number {
  console.error(
    `ported_from_c: cannot ${what} ${path}: ${strerror(error)}`,
  );
  return 1;
}

// There is none in TypeScript: this is the C library's.
function strerror(error: number): string {
  const libc = Deno.build.os === "darwin" ? "libSystem.dylib" : "libc.so.6";
  const { symbols } = Deno.dlopen(libc, {
    strerror: { parameters: ["i32"], result: "pointer" },
  });
  return Deno.UnsafePointerView.getCString(symbols.strerror(error)!);
}

// Where C returns -1 and leaves errno, an error is thrown that carries it;
// that of node:fs is negative.
function errno_of(error: unknown): number {
  const { errno } = error as { errno?: number };
  if (errno === undefined) throw error;
  return Math.abs(errno);
}

async function wait_for(cb: Aiocb): Promise<number> {
  const list = [cb];
  let error = aio_error(cb);
  while (error === EINPROGRESS) {
    // Awaited: a thread cannot be suspended without its event loop.
    await aio_suspend(list);
    error = aio_error(cb);
  }
  return error;
}

async function stop(fd: number, first: number, count: number): Promise<void> {
  aio_cancel(fd);
  for (let i = 0; i < count; i++) {
    const cb = blocks[(first + i) % DEPTH];
    await wait_for(cb);
    try {
      aio_return(cb);
    } catch {
      // It failed or was canceled, for which C returns -1.
    }
  }
}

async function main(argc: number, argv: string[]): Promise<number> {
  if (argc !== 2) {
    print_usage(process.stderr);
    return 2;
  }
  if (argv[1] === "--help") {
    print_usage(process.stdout);
    return 0;
  }
  const path = argv[1];
  let fd;
  try {
    fd = open(path, O_RDONLY);
  } catch (error) {
    return fail("open", path, errno_of(error));
  }
  make_crc_table();

  let next_offset = 0;
  for (let i = 0; i < DEPTH; i++) {
    const cb = blocks[i] = new Aiocb();
    cb.aio_fildes = fd;
    // Ordinary memory may move while the system writes to it: this does not.
    cb.aio_buf = buffers[i] = allocatePinned(BLOCK_BYTES);
    cb.aio_nbytes = BLOCK_BYTES;
    cb.aio_offset = next_offset;
    cb.aio_sigevent = { sigev_notify: SIGEV_NONE };
    try {
      aio_read(cb);
    } catch (error) {
      await stop(fd, 0, i);
      return fail("read", path, errno_of(error));
    }
    next_offset += BLOCK_BYTES;
  }

  let bytes = 0;
  let newlines = 0;
  let crc = 0;
  for (let i = 0;; i = (i + 1) % DEPTH) {
    const cb = blocks[i];
    const error = await wait_for(cb);
    if (error !== 0) {
      await stop(fd, i, DEPTH);
      return fail("read", path, error);
    }
    const nread = aio_return(cb);
    if (nread > 0) {
      const name = `${bytes}`;
      const found = count_newlines(buffers[i], nread);
      print_line(name, nread, found, update_crc(0, buffers[i], nread));
      bytes += nread;
      newlines += found;
      crc = update_crc(crc, buffers[i], nread);
    }
    if (nread < BLOCK_BYTES) {
      await stop(fd, i + 1, DEPTH - 1);
      break;
    }
    cb.aio_offset = next_offset;
    try {
      aio_read(cb);
    } catch (error) {
      await stop(fd, i + 1, DEPTH - 1);
      return fail("read", path, errno_of(error));
    }
    next_offset += BLOCK_BYTES;
  }
  print_line("total", bytes, newlines, crc);
  close(fd);
  return 0;
}

const argv = process.argv.slice(1);
process.exit(await main(argv.length, argv));
