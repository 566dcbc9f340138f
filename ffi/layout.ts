/**
 * Where the fields of the C structures lie, as data, and how to write them.
 *
 * Everything is little-endian: so are all the platforms with a table. Nothing
 * here allocates, because requests are written on the hot path: a 64-bit value
 * given as a number goes out as two 32-bit halves, never through a BigInt.
 *
 * @module
 */

/** Offsets of `struct sigevent`, in bytes from its own start. */
export interface SigeventLayout {
  /** Bytes the structure takes. */
  readonly size: number;
  /** `sigev_value`, a union of an `int` and a pointer. */
  readonly value: number;
  /** `sigev_signo`, an `int`. */
  readonly signo: number;
  /** `sigev_notify`, an `int`. */
  readonly notify: number;
  /** `sigev_notify_function`, a pointer. */
  readonly function: number;
}

/** Offsets of `struct aiocb`, in bytes from its start. */
export interface AiocbLayout {
  /** Bytes the structure takes, members internal to the system included. */
  readonly size: number;
  /** `aio_fildes`, an `int`. */
  readonly fildes: number;
  /** `aio_lio_opcode`, an `int`. */
  readonly lio_opcode: number;
  /** `aio_reqprio`, an `int`. */
  readonly reqprio: number;
  /** `aio_buf`, a pointer. */
  readonly buf: number;
  /** `aio_nbytes`, a `size_t`. */
  readonly nbytes: number;
  /** `aio_sigevent`, whose own fields {@linkcode sigeventLayout} places. */
  readonly sigevent: number;
  /** `aio_offset`, a signed 64-bit `off_t`. */
  readonly offset: number;
  /**
   * The status, an `int` that the C library keeps for itself; `null` where it
   * lies elsewhere. A hint only: what `aio_error` says is what holds.
   */
  readonly status: number | null;
  /** The layout of `aio_sigevent`. */
  readonly sigeventLayout: SigeventLayout;
}

/** Offsets of `struct timespec`: every system here is LP64 with a 64-bit `time_t`. */
export const TIMESPEC = { size: 16, tv_sec: 0, tv_nsec: 8 };

/** Offsets of glibc's `struct aioinit`; the fields are of type `int`. */
export interface AioInitLayout {
  /** Bytes the structure takes, unused members included. */
  readonly size: number;
  /** `aio_threads`, the most threads that serve requests. */
  readonly aio_threads: number;
  /** `aio_num`, how many requests are expected at once. */
  readonly aio_num: number;
  /** `aio_idle_time`, seconds after which an idle thread ends. */
  readonly aio_idle_time: number;
}

/** What {@linkcode packAioInit} writes. */
export interface AioInitValues {
  /** The most threads that serve requests. */
  readonly aio_threads: number;
  /** How many requests are expected at once. */
  readonly aio_num: number;
  /** Seconds after which an idle thread ends. */
  readonly aio_idle_time: number;
}

/** What {@linkcode packSigevent} writes; the attributes are always null. */
export interface SigeventValues {
  /** `SIGEV_NONE`, `SIGEV_SIGNAL` or `SIGEV_THREAD`. */
  readonly notify: number;
  /** The signal, where one is sent. */
  readonly signo: number;
  /** `sival_int`, 32 bits. */
  readonly value: number;
  /** Address of the function, where one is called. */
  readonly function: number;
}

/** What {@linkcode packAiocb} writes. */
export interface AiocbValues {
  /** The file descriptor. */
  readonly fildes: number;
  /** `LIO_READ`, `LIO_WRITE` or `LIO_NOP`. */
  readonly lio_opcode: number;
  /** By how much the priority is lowered. */
  readonly reqprio: number;
  /** Address of the buffer. */
  readonly buf: number;
  /** Length of the transfer in bytes. */
  readonly nbytes: number;
  /** Position in the file in bytes. */
  readonly offset: number | bigint;
  /** How completion is notified. */
  readonly sigevent: SigeventValues;
}

/**
 * The most that one transfer asks for: what Linux does at once anyway. The result
 * of `aio_return` is bound as an `int`, and the BSDs would transfer more.
 */
export const NBYTES_MAX = 0x7fff_f000;

/** What the upper half of a 64-bit value counts. */
export const TWO_TO_32 = 2 ** 32;
const MS_PER_SECOND = 1e3;
const NS_PER_MS = 1e6;
const NS_PER_SECOND = 1e9;

/**
 * Writes a safe integer in 64 bits. A negative one comes out as its two's
 * complement: `setUint32` and `setInt32` take their argument modulo 2^32, and
 * rounding down makes the upper half of a negative value the right one.
 */
function writeInteger(view: DataView, at: number, value: number): void {
  view.setUint32(at, value, true);
  view.setInt32(at + 4, Math.floor(value / TWO_TO_32), true);
}

/**
 * Reads a `size_t`, or another unsigned integer of 64 bits.
 *
 * @param view The memory to read.
 * @param at Where in the view, in bytes.
 * @returns The value, below 2^53.
 */
export function readSize(view: DataView, at: number): number {
  return view.getUint32(at + 4, true) * TWO_TO_32 + view.getUint32(at, true);
}

/**
 * Writes an `off_t`.
 *
 * @param view The memory to write to.
 * @param at Where in the view, in bytes.
 * @param value The offset in bytes: a safe integer, or a bigint of 64 bits.
 */
export function writeOffset(
  view: DataView,
  at: number,
  value: number | bigint,
): void {
  if (typeof value === "number") writeInteger(view, at, value);
  else view.setBigInt64(at, value, true);
}

/**
 * Writes a pointer.
 *
 * @param view The memory to write to.
 * @param at Where in the view, in bytes.
 * @param address The address, below 2^53 as all of user space is.
 */
export function writeAddress(
  view: DataView,
  at: number,
  address: number,
): void {
  writeInteger(view, at, address);
}

/**
 * Writes a `size_t`.
 *
 * @param view The memory to write to.
 * @param at Where in the view, in bytes.
 * @param bytes The size in bytes, a safe integer.
 */
export function writeSize(view: DataView, at: number, bytes: number): void {
  writeInteger(view, at, bytes);
}

/**
 * Writes a `struct timespec`, to the nearest nanosecond.
 *
 * @param view The memory to write to.
 * @param at Where in the view the structure starts, in bytes.
 * @param milliseconds The time: finite, not negative, fractions allowed.
 */
export function writeTimespec(
  view: DataView,
  at: number,
  milliseconds: number,
): void {
  let seconds = Math.floor(milliseconds / MS_PER_SECOND);
  let nanoseconds = Math.round(
    (milliseconds - seconds * MS_PER_SECOND) * NS_PER_MS,
  );
  // A full second of nanoseconds, as 999.9999999 ms rounds to, is EINVAL.
  if (nanoseconds === NS_PER_SECOND) {
    seconds++;
    nanoseconds = 0;
  }
  writeInteger(view, at + TIMESPEC.tv_sec, seconds);
  writeInteger(view, at + TIMESPEC.tv_nsec, nanoseconds);
}

/**
 * Reads a `struct timespec` that is not negative.
 *
 * @param view The memory to read.
 * @param at Where in the view the structure starts, in bytes.
 * @returns The time in milliseconds.
 */
export function readTimespec(view: DataView, at: number): number {
  const seconds = readSize(view, at + TIMESPEC.tv_sec);
  const nanoseconds = readSize(view, at + TIMESPEC.tv_nsec);
  return seconds * MS_PER_SECOND + nanoseconds / NS_PER_MS;
}

/**
 * Writes a whole `struct sigevent`, with zeros wherever no field is given.
 *
 * @param view The memory to write to.
 * @param at Where in the view the structure starts, in bytes.
 * @param layout Where its fields lie.
 * @param values The fields.
 */
export function packSigevent(
  view: DataView,
  at: number,
  layout: SigeventLayout,
  values: SigeventValues,
): void {
  clear(view, at, layout.size);
  view.setInt32(at + layout.notify, values.notify, true);
  view.setInt32(at + layout.signo, values.signo, true);
  view.setInt32(at + layout.value, values.value, true);
  writeInteger(view, at + layout.function, values.function);
}

/**
 * Writes `sigev_notify` of a `struct sigevent` and nothing else, at once: a thread
 * of the system may be reading the others.
 *
 * @param view The memory to write to.
 * @param at Where in the view the structure starts, in bytes.
 * @param layout Where its fields lie.
 * @param notify `SIGEV_NONE`, `SIGEV_SIGNAL` or `SIGEV_THREAD`.
 */
export function writeNotify(
  view: DataView,
  at: number,
  layout: SigeventLayout,
  notify: number,
): void {
  view.setInt32(at + layout.notify, notify, true);
}

/**
 * Writes a whole `struct aiocb`, with zeros wherever no field is given.
 *
 * The notification has to be given: zeros are `SIGEV_NONE` on macOS and the
 * BSDs, but `SIGEV_SIGNAL` on Linux.
 *
 * @param view The memory to write to.
 * @param at Where in the view the structure starts, in bytes.
 * @param layout Where its fields lie.
 * @param values The fields.
 */
export function packAiocb(
  view: DataView,
  at: number,
  layout: AiocbLayout,
  values: AiocbValues,
): void {
  clear(view, at, layout.size);
  view.setInt32(at + layout.fildes, values.fildes, true);
  view.setInt32(at + layout.lio_opcode, values.lio_opcode, true);
  view.setInt32(at + layout.reqprio, values.reqprio, true);
  writeAddress(view, at + layout.buf, values.buf);
  writeSize(view, at + layout.nbytes, values.nbytes);
  writeOffset(view, at + layout.offset, values.offset);
  packSigevent(
    view,
    at + layout.sigevent,
    layout.sigeventLayout,
    values.sigevent,
  );
}

/**
 * Writes what is used of a `struct aioinit`; the rest has to be zero.
 *
 * @param view The memory to write to.
 * @param at Where in the view the structure starts, in bytes.
 * @param layout Where its fields lie.
 * @param values The fields.
 */
export function packAioInit(
  view: DataView,
  at: number,
  layout: AioInitLayout,
  values: AioInitValues,
): void {
  view.setInt32(at + layout.aio_threads, values.aio_threads, true);
  view.setInt32(at + layout.aio_num, values.aio_num, true);
  view.setInt32(at + layout.aio_idle_time, values.aio_idle_time, true);
}

/** Writes zeros; structures with a 64-bit member take a multiple of 8 bytes. */
function clear(view: DataView, at: number, byteLength: number): void {
  for (let offset = 0; offset < byteLength; offset += 8) {
    view.setFloat64(at + offset, 0, true);
  }
}
