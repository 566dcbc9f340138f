/**
 * Takes a record lock on a file, uses the file by lanes, leaves it idle, and
 * prints whether the process has the lock at each step.
 */
import {
  AioFile,
  allocatePinned,
  configure,
  metrics,
  type OpenOptions,
} from "../../mod.ts";
import { closeSync, delay, openSync } from "../helpers/mod.ts";

const [path, how] = Deno.args;
/** Longer than lanes that nobody uses stay open where they may be closed. */
const IDLE_MS = 2_500;
const F_SETLK = 6;
const F_WRLCK = 1;
const F_UNLCK = 2;
const FLOCK_BYTES = 32;

const libc = Deno.dlopen("libc.so.6", {
  fcntl: { parameters: ["i32", "i32", "buffer"], result: "i32" },
});
const { ino } = Deno.statSync(path);

/** The whole file. */
function setLock(fd: number, type: number): void {
  const flock = new Uint8Array(FLOCK_BYTES);
  new DataView(flock.buffer).setInt16(0, type, true);
  if (libc.symbols.fcntl(fd, F_SETLK, flock) !== 0) throw new Error("F_SETLK");
}

function isLocked(): boolean {
  return Deno.readTextFileSync("/proc/locks").split("\n")
    .some((line) => line.includes(`:${ino} `) && line.includes("POSIX"));
}

const options: OpenOptions = { read: true, write: true };
configure({ lanes: 4 });
const lockFd = openSync(path, "r+");
const file = how === "adopted for reading"
  ? AioFile.adopt(openSync(path, "r"))
  : how === "adopted"
  ? AioFile.adopt(openSync(path, "r+"))
  : await AioFile.open(path, options);
setLock(lockFd, F_WRLCK);

async function use(): Promise<void> {
  const reads = Array.from(
    { length: 32 },
    (_, at) => file.readAt(allocatePinned(512), at * 512),
  );
  await Promise.all(reads);
  await file.size();
  await file.stat();
  if (how === "adopted for reading") return;
  await file.writeAt(new Uint8Array(8), 0);
  await file.syncData();
  await file.append(new Uint8Array(8));
  await file.truncate(1 << 16);
}

const steps: Record<string, boolean | number> = { before: isLocked() };
await use();
steps.lanes = metrics().lanes;
steps.used = isLocked();
await delay(IDLE_MS);
steps.idle = isLocked();
await use();
steps.usedAgain = isLocked();
await file.close();
steps.closed = isLocked();
setLock(lockFd, F_UNLCK);
closeSync(lockFd);
libc.close();
console.log(JSON.stringify(steps));
