/**
 * Uses a file in one of several ways, and prints how many descriptors of it and
 * how many lanes there were at each step.
 */
import { readFileSync } from "node:fs";
import {
  AioFile,
  allocatePinned,
  configure,
  metrics,
  type OpenOptions,
} from "../../mod.ts";
import {
  closeSync,
  delay,
  descriptorsOf,
  Fifo,
  openSync,
  pattern,
  timeLimit,
} from "../helpers/mod.ts";

const [task, path, count] = Deno.args;
const BLOCK_BYTES = 4096;
const BLOCKS = 64;
const PATIENCE_MS = timeLimit(5_000);
const contents = pattern(BLOCKS * BLOCK_BYTES);

/** Opens a file, `count` times. */
function open(count: number, options?: OpenOptions): Promise<AioFile[]> {
  return Promise.all(
    Array.from({ length: count }, () => AioFile.open(path, options)),
  );
}

/** Reads blocks of each file, all at once. Returns how many were wrong. */
async function wrongReads(files: AioFile[], reads: number): Promise<number> {
  const right = await Promise.all(
    files.flatMap((file, index) =>
      Array.from({ length: reads }, async (_, read) => {
        const block = allocatePinned(BLOCK_BYTES);
        const at = (index + read) % BLOCKS * BLOCK_BYTES;
        await file.readAt(block, at);
        mostLanes = Math.max(mostLanes, metrics().lanes);
        return block.every((byte, index) => byte === contents[at + index]);
      })
    ),
  );
  return right.filter((isRight) => !isRight).length;
}

let mostLanes = 0;

/** Waits until only `count` lanes are left. Returns how many there are then. */
async function lanesWhenIdle(count: number): Promise<number> {
  const deadline = performance.now() + PATIENCE_MS;
  while (metrics().lanes > count && performance.now() < deadline) {
    await delay(50);
  }
  return metrics().lanes;
}

async function manyFiles(): Promise<unknown> {
  configure({ lanes: 8 });
  const files = await open(Number(count));
  const opened = descriptorsOf(path).length;
  const reading = wrongReads(files, 8);
  const during = descriptorsOf(path).length;
  const duringLanes = metrics().lanes;
  const wrong = await reading;
  const idleLanes = await lanesWhenIdle(files.length);
  const idle = descriptorsOf(path).length;
  const wrongAgain = await wrongReads(files, 2);
  await Promise.all(files.map((file) => file.close()));
  const closed = descriptorsOf(path).length;
  return {
    opened,
    during,
    duringLanes,
    wrong,
    idle,
    idleLanes,
    wrongAgain,
    closed,
    closedLanes: metrics().lanes,
  };
}

/** Reads while no descriptor is left, and when there are some again. */
async function noDescriptors(): Promise<unknown> {
  // Deno needs two for signals, at some time, and panics without.
  Deno.addSignalListener("SIGUSR2", () => {});
  configure({ lanes: 8 });
  const files = await open(2);
  const others: number[] = [];
  try {
    for (;;) others.push(openSync("/dev/null", "r"));
  } catch {
    // There are no more.
  }
  const wrong = await wrongReads(files, 100);
  const lanes = mostLanes;
  others.forEach(closeSync);
  const wrongAgain = await wrongReads(files, 100);
  return { wrong, lanes, wrongAgain, lanesAgain: mostLanes };
}

/** Starts another process while lanes are open. */
async function otherProcess(): Promise<unknown> {
  configure({ lanes: 8 });
  const files = await open(3);
  const wrong = await wrongReads(files, 100);
  const own = descriptorsOf(path);
  const O_CLOEXEC = 0o2000000;
  const inheritable = own.filter((fd) => {
    const info = readFileSync(`/proc/self/fdinfo/${fd}`, "utf8");
    const [, flags] = info.match(/^flags:\s*([0-7]+)$/m)!;
    return (parseInt(flags, 8) & O_CLOEXEC) === 0;
  });
  const command = new Deno.Command("ls", { args: ["-l", "/proc/self/fd"] });
  const listed = new TextDecoder().decode((await command.output()).stdout);
  const inherited = listed.split("\n").filter((line) => line.endsWith(path));
  return { wrong, own: own.length, inheritable, inherited };
}

/** How many lanes a file has at most, by how it was opened. */
/** The most lanes at any time of a file, or of a FIFO, while it is used. */
async function most(
  options: OpenOptions | null,
  use: (file: AioFile) => Promise<unknown>,
): Promise<number> {
  await using stack = new AsyncDisposableStack();
  mostLanes = 0;
  const file = options === null
    ? stack.use(new Fifo()).file
    : (await open(1, options))[0];
  const calls = use(file);
  mostLanes = Math.max(mostLanes, metrics().lanes);
  await calls;
  await file.close();
  return mostLanes;
}

const read = (file: AioFile) => wrongReads([file], 128);

async function direct(): Promise<unknown> {
  return { lanes: await most({ direct: true }, read) };
}

async function kinds(): Promise<unknown> {
  const append = (file: AioFile) =>
    Promise.all(
      Array.from({ length: 128 }, () => file.append(new Uint8Array(9))),
    );
  configure({ lanes: 3 });
  const three = await most({}, read);
  const appending = await most({ append: true }, append);
  const fifo = await most(null, append);
  configure({ lanes: 1 });
  const one = await most({}, read);
  return { three, one, appending, fifo };
}

Deno.writeFileSync(path, contents);
/** Each synchronizes by a descriptor of its own, as far as there are some. */
async function synchronous(): Promise<unknown> {
  const mode: OpenOptions = { write: true, synchronous: "data" };
  const files = await open(Number(count), mode);
  for (const file of files) {
    await file.truncate(1);
    await file.sync();
  }
  const used = descriptorsOf(path).length;
  await Promise.all(files.map((file) => file.close()));
  return { used, closed: descriptorsOf(path).length };
}

const tasks = {
  manyFiles,
  noDescriptors,
  otherProcess,
  direct,
  kinds,
  synchronous,
};
console.log(JSON.stringify(await tasks[task as keyof typeof tasks]()));
