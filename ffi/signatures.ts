/**
 * The C functions that the library calls, in words that each runtime translates
 * into its own. A further function is one entry here.
 *
 * @module
 */

/** What a parameter is in C. */
export type ParameterType =
  | "int"
  | "uint"
  /** 64 bits, signed. */
  | "long"
  /** `off_t`, 64 bits, signed. */
  | "offset"
  | "size"
  | "pointer"
  /** A pointer that may be null. */
  | "nullable";

/**
 * What a result is in C. It should be an `int` wherever that holds all values: 64
 * bits cost a BigInt on Deno. An address that may be -1 is a `long`.
 */
export type ResultType = "int" | "long" | "offset" | "pointer" | "void";

/** What a function takes and returns, and how it is called. */
export interface Signature {
  readonly parameters: readonly ParameterType[];
  readonly result: ResultType;
  /** Its name in C, where that is another one. */
  readonly symbol?: string;
  /** Whether not every C library has it. */
  readonly optional?: true;
  /**
   * Whether it is called on a thread beside the event loop. What a worker of Bun
   * calls needs an entry in `node/bun.ts` as well.
   */
  readonly nonblocking?: true;
  /**
   * How many parameters stand before the variable arguments, which go another way
   * than others on ARM64 macOS.
   */
  readonly fixed?: number;
  /** Whether it is called for every request: Bun then calls it by itself. */
  readonly hot?: true;
}

/** All signatures, by the name under which the library calls the function. */
export const SIGNATURES = {
  // int *__errno_location(void), whatever a system calls it.
  errno_location: { parameters: [], result: "pointer" },

  aio_read: { parameters: ["pointer"], result: "int", hot: true },
  aio_write: { parameters: ["pointer"], result: "int", hot: true },
  // int aio_fsync(int op, struct aiocb *block)
  aio_fsync: { parameters: ["int", "pointer"], result: "int" },
  aio_error: { parameters: ["pointer"], result: "int", hot: true },
  // ssize_t aio_return(struct aiocb *block), of NBYTES_MAX at most.
  aio_return: { parameters: ["pointer"], result: "int", hot: true },
  // int aio_cancel(int fd, struct aiocb *block)
  aio_cancel: { parameters: ["int", "nullable"], result: "int" },
  // int aio_suspend(struct aiocb *list[], int count, struct timespec *timeout)
  aio_suspend: {
    parameters: ["pointer", "int", "nullable"],
    result: "int",
    nonblocking: true,
  },
  // int lio_listio(int mode, struct aiocb *list[], int count, struct sigevent *)
  lio_listio: {
    parameters: ["int", "pointer", "int", "nullable"],
    result: "int",
    hot: true,
  },
  // Of glibc. void aio_init(struct aioinit *tuning)
  aio_init: { parameters: ["pointer"], result: "void", optional: true },

  sysconf: { parameters: ["int"], result: "int" },
  getpid: { parameters: [], result: "int" },
  // What the C library has to tell threads apart: syscall(SYS_gettid) on Linux.
  this_thread: { parameters: ["long"], result: "int" },

  // int poll(struct pollfd *list, nfds_t count, int timeout_ms)
  poll: { parameters: ["pointer", "size", "int"], result: "int" },
  poll_nonblocking: {
    symbol: "poll",
    parameters: ["pointer", "size", "int"],
    result: "int",
    nonblocking: true,
  },

  // int open(char *path, int flags, ...), with a mode.
  open: { parameters: ["pointer", "int", "uint"], fixed: 2, result: "int" },
  close: { parameters: ["int"], result: "int" },
  // int pipe(int ends[2])
  pipe: { parameters: ["pointer"], result: "int" },
  // ssize_t read(int fd, void *buffer, size_t byteLength), of a MiB at most.
  read: { parameters: ["int", "pointer", "size"], result: "int" },
  write: { parameters: ["int", "pointer", "size"], result: "int" },
  // ssize_t recv(int fd, void *buffer, size_t byteLength, int flags), of a MiB at most.
  recv: { parameters: ["int", "pointer", "size", "int"], result: "int" },
  send: { parameters: ["int", "pointer", "size", "int"], result: "int" },
  // int fcntl(int fd, int command, ...), with an int.
  fcntl: { parameters: ["int", "int", "int"], fixed: 2, result: "int" },
  // The same with a struct flock.
  fcntl_flock: {
    symbol: "fcntl",
    parameters: ["int", "int", "pointer"],
    fixed: 2,
    result: "int",
  },
  isatty: { parameters: ["int"], result: "int" },
  // int sigaction(int signal, struct sigaction *wanted, struct sigaction *before)
  sigaction: { parameters: ["int", "nullable", "pointer"], result: "int" },
  // void (*signal(int signal, void (*handler)(int)))(int), with SIG_IGN for one.
  signal: { parameters: ["int", "long"], result: "long" },
  // void *dlsym(void *library, const char *name), with RTLD_DEFAULT for one.
  dlsym: { parameters: ["long", "pointer"], result: "long", optional: true },
  // Of Linux. int ptsname_r(int fd, char *name, size_t byteLength)
  ptsname_r: {
    parameters: ["int", "pointer", "size"],
    result: "int",
    optional: true,
  },
  // off_t lseek(int fd, off_t offset, int whence)
  lseek: { parameters: ["int", "offset", "int"], result: "offset" },
  ftruncate: { parameters: ["int", "offset"], result: "int" },
  ftruncate_nonblocking: {
    symbol: "ftruncate",
    parameters: ["int", "offset"],
    result: "int",
    nonblocking: true,
  },
  // Of Linux. ssize_t preadv2(int fd, struct iovec *, int count, off_t, int flags),
  // of a MiB at most.
  preadv2: {
    parameters: ["int", "pointer", "int", "offset", "int"],
    result: "int",
    optional: true,
    hot: true,
  },
  pwritev2: {
    parameters: ["int", "pointer", "int", "offset", "int"],
    result: "int",
    optional: true,
  },
  // Of Linux. int fallocate(int fd, int mode, off_t offset, off_t byteLength)
  fallocate: {
    parameters: ["int", "int", "offset", "offset"],
    result: "int",
    optional: true,
  },
  fallocate_nonblocking: {
    symbol: "fallocate",
    parameters: ["int", "int", "offset", "offset"],
    result: "int",
    optional: true,
    nonblocking: true,
  },
  // Of Linux and FreeBSD. ssize_t copy_file_range(int source, off_t *from, int target,
  // off_t *to, size_t byteLength, uint flags), of a GiB at most.
  copy_file_range: {
    parameters: ["int", "pointer", "int", "pointer", "size", "uint"],
    result: "int",
    optional: true,
    nonblocking: true,
  },
  // These return the error number. Not on macOS. int posix_fallocate(int fd, off_t
  // offset, off_t byteLength), int posix_fadvise(…, int advice)
  posix_fallocate: {
    parameters: ["int", "offset", "offset"],
    result: "int",
    optional: true,
    nonblocking: true,
  },
  posix_fadvise: {
    parameters: ["int", "offset", "offset", "int"],
    result: "int",
    optional: true,
    nonblocking: true,
  },
  // Of Linux. int statx(int fd, char *path, int flags, uint mask, struct statx *)
  statx: {
    parameters: ["int", "pointer", "int", "uint", "pointer"],
    result: "int",
    optional: true,
  },
  statx_nonblocking: {
    symbol: "statx",
    parameters: ["int", "pointer", "int", "uint", "pointer"],
    result: "int",
    optional: true,
    nonblocking: true,
  },
  // syscall(SYS_getdents64, int fd, void *entries, size_t byteLength): of Linux,
  // and to be called there only.
  getdents: {
    symbol: "syscall",
    parameters: ["long", "int", "pointer", "size"],
    result: "int",
  },

  // Of Linux, which has no functions for them: syscall(SYS_io_uring_setup, uint
  // entries, struct io_uring_params *), and syscall(SYS_io_uring_enter, int ring,
  // uint submit, uint complete, uint flags, void *arg, size_t argBytes), the last of
  // which goes on the stack: all of its 64 bits count.
  io_uring_setup: {
    symbol: "syscall",
    parameters: ["int", "uint", "pointer"],
    result: "int",
  },
  io_uring_enter: {
    symbol: "syscall",
    parameters: ["int", "int", "uint", "uint", "uint", "nullable", "size"],
    result: "int",
    hot: true,
  },
  // syscall(SYS_io_uring_register, int ring, uint what, void *arg, uint count)
  io_uring_register: {
    symbol: "syscall",
    parameters: ["int", "int", "uint", "pointer", "uint"],
    result: "int",
  },
  // int eventfd(uint count, int flags)
  eventfd: { parameters: ["uint", "int"], result: "int", optional: true },
  io_uring_wait: {
    symbol: "syscall",
    parameters: ["int", "int", "uint", "uint", "uint", "nullable", "size"],
    result: "int",
    nonblocking: true,
  },
  // void *mmap(void *, size_t byteLength, int protection, int flags, int fd, off_t)
  mmap: {
    parameters: ["nullable", "size", "int", "int", "int", "offset"],
    result: "long",
  },
  munmap: { parameters: ["long", "size"], result: "int" },
  madvise: { parameters: ["long", "size", "int"], result: "int" },

  // void *aligned_alloc(size_t alignment, size_t byteLength)
  aligned_alloc: { parameters: ["size", "size"], result: "pointer" },
  free: { parameters: ["pointer"], result: "void" },
} as const satisfies Record<string, Signature>;

/** A function of the table. */
export type FunctionName = keyof typeof SIGNATURES;

/** The table, row by row. */
export const SIGNATURE_ROWS = Object.entries(SIGNATURES) as [
  FunctionName,
  Signature,
][];
