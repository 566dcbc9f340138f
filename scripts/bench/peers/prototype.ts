// A throw-away engine that shows which speed the design reaches: random reads
// through glibc's aio_read, promises on top, one loop that harvests. It cuts
// every corner a library must not cut (no errors, no cancel, no short reads, no
// priorities); its use is to be measured beside the real engine.
//
//   deno run -A prototype.ts '{"path": …}'     (a Task of workloads.ts)
import { drive, finish } from "../measure.mjs";
import type { Task } from "../workloads.ts";

const task: Task = JSON.parse(Deno.args[0]);
const { direct, depth: DEPTH, blockBytes: BLOCK } = task;
const LANES = task.lanes!;
const POLL_MS = 0.1;
const EINPROGRESS = 115, O_DIRECT = 0o40000, SIGEV_NONE = 1;

const { symbols: c } = Deno.dlopen("librt.so.1", {
  aio_read: { parameters: ["buffer"], result: "i32" },
  aio_error: { parameters: ["buffer"], result: "i32" },
  aio_return: { parameters: ["buffer"], result: "i32" },
  aio_suspend: {
    parameters: ["buffer", "i32", "pointer"],
    result: "i32",
    nonblocking: true,
  },
  aio_init: { parameters: ["buffer"], result: "void" },
  open: { parameters: ["buffer", "i32", "i32"], result: "i32" },
});
const tuning = new Int32Array(8);
tuning[0] = LANES; // aio_threads
tuning[1] = Math.max(64, DEPTH); // aio_num
tuning[6] = 1; // aio_idle_time
c.aio_init(tuning);

// One descriptor a lane: glibc serves the requests of one descriptor one by one.
const name = new TextEncoder().encode(task.path + "\0");
const fds = Array.from(
  { length: LANES },
  () => c.open(name, direct ? O_DIRECT : 0, 0),
);

// Control blocks and buffers in one place that never moves.
const SLOTS = Math.max(DEPTH, 64), STRIDE = 192;
const memory = new WebAssembly.Memory({
  initial: Math.ceil(SLOTS * (BLOCK + STRIDE) / 65536) + 2,
});
const view = new DataView(memory.buffer);
const base = BigInt(
  Deno.UnsafePointer.value(
    Deno.UnsafePointer.of(new Uint8Array(memory.buffer)),
  ),
);
const blockAt = (slot: number) => SLOTS * BLOCK + slot * STRIDE;
const blocks = Array.from(
  { length: SLOTS },
  (_, slot) => new Uint8Array(memory.buffer, blockAt(slot), 168),
);
for (let slot = 0; slot < SLOTS; slot++) {
  view.setBigUint64(blockAt(slot) + 16, base + BigInt(slot * BLOCK), true);
  view.setInt32(blockAt(slot) + 44, SIGEV_NONE, true);
}
const free = Array.from({ length: SLOTS }, (_, slot) => slot);

interface Request {
  slot: number;
  resolve: (bytes: number) => void;
  next: Request | null;
}
const head: (Request | null)[] = Array(LANES).fill(null);
const tail: (Request | null)[] = Array(LANES).fill(null);
const laneDepth = new Int32Array(LANES);
const heads = new BigUint64Array(LANES);
let inFlight = 0, running = false;

function readAt(_slot: number, offset: number): Promise<number> {
  return new Promise((resolve) => {
    let lane = 0;
    for (let l = 1; l < LANES; l++) {
      if (laneDepth[l] < laneDepth[lane]) lane = l;
    }
    const slot = free.pop()!, at = blockAt(slot);
    view.setInt32(at, fds[lane], true);
    view.setUint32(at + 24, BLOCK, true);
    view.setUint32(at + 128, offset >>> 0, true);
    view.setUint32(at + 132, Math.floor(offset / 2 ** 32), true);
    c.aio_read(blocks[slot]);
    const request: Request = { slot, resolve, next: null };
    if (tail[lane]) tail[lane]!.next = request;
    else head[lane] = request;
    tail[lane] = request;
    laneDepth[lane]++;
    inFlight++;
    if (!running) {
      running = true;
      loop();
    }
  });
}

// A lane is served in order, so only its head needs a look.
function harvest(): number {
  let done = 0;
  for (let lane = 0; lane < LANES; lane++) {
    let request = head[lane];
    while (request && c.aio_error(blocks[request.slot]) !== EINPROGRESS) {
      const bytes = c.aio_return(blocks[request.slot]);
      free.push(request.slot);
      laneDepth[lane]--;
      done++;
      const next: Request | null = request.next;
      head[lane] = next;
      if (!next) tail[lane] = null;
      request.resolve(bytes);
      request = next;
    }
  }
  inFlight -= done;
  return done;
}

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

async function loop() {
  while (inFlight > 0) {
    let done = 0;
    const since_ms = performance.now();
    do {
      await turn(); // the event loop stays free
      done = harvest();
    } while (done === 0 && performance.now() - since_ms < POLL_MS);
    if (done === 0 && inFlight > 0) {
      let n = 0;
      for (let lane = 0; lane < LANES; lane++) {
        if (head[lane]) heads[n++] = base + BigInt(blockAt(head[lane]!.slot));
      }
      await c.aio_suspend(heads, n, null);
      done = harvest();
    }
    if (done > 0) await null;
  }
  running = false;
}

const measurement = await drive(task, readAt);
finish("prototype", measurement.report());
