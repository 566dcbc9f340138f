/** Has Deno's event loop look at a ring of the kernel's, without a thread. */
import process from "node:process";
import type { NativeFunctions, Pointer, Watch } from "./runtime.ts";

// The same numbers on every architecture that Deno has.
const SYS_IO_URING_REGISTER = 427;
const REGISTER_EVENTFD = 4;
const EFD_NONBLOCK = 0o4000;
const EFD_CLOEXEC = 0o2000000;

/** Node's handle of a pipe. Deno's reads whatever descriptor it is opened with. */
interface Pipe {
  onread: () => void;
  /** Takes a descriptor over, if it returns 0. */
  open(fd: number): number;
  readStart(): number;
  ref(): void;
  unref(): void;
}

interface Process {
  binding(name: "pipe_wrap"): {
    Pipe: new (type: number) => Pipe;
    constants: { SOCKET: number };
  };
}

/**
 * Has the kernel tell an `eventfd(2)` of each completion, and the event loop read
 * that: 3 to 6 us, where a call on a thread takes 40 to be there and back.
 *
 * @returns `null` where Deno or the system has no means for it.
 */
export function watchRing(
  native: NativeFunctions,
  ring: number,
  ready: () => void,
): Watch | null {
  const pipe = newPipe();
  if (pipe === null) return null;
  // It is readable from the start, so that the first look tells that this works.
  const fd = native.eventfd!(1, EFD_NONBLOCK | EFD_CLOEXEC);
  if (fd === -1) return null;
  if (!register(native, ring, fd) || pipe.open(fd) !== 0) {
    native.close(fd);
    return null;
  }
  let isOn = false;
  let isProven = false;
  pipe.onread = () => {
    isProven = true;
    if (isOn) ready();
  };
  pipe.readStart();
  pipe.unref();
  return {
    start(): boolean {
      if (!isOn) pipe.ref();
      isOn = true;
      return isProven;
    },
    stop(): void {
      // It reads on: an older Deno loses what comes between stopping and starting.
      if (isOn) pipe.unref();
      isOn = false;
    },
  };
}

/** It is not documented: another Deno may not have it. */
function newPipe(): Pipe | null {
  try {
    const { Pipe, constants } = (process as unknown as Process)
      .binding("pipe_wrap");
    return new Pipe(constants.SOCKET);
  } catch {
    return null;
  }
}

function register(native: NativeFunctions, ring: number, fd: number): boolean {
  const fds = Deno.UnsafePointer.of(new Int32Array([fd])) as unknown as Pointer;
  const { io_uring_register } = native;
  return io_uring_register(
    SYS_IO_URING_REGISTER,
    ring,
    REGISTER_EVENTFD,
    fds,
    1,
  ) === 0;
}
