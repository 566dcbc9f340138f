// Times a run in the same way in every runtime. Plain JavaScript, because Node
// and Bun load this file as it is.
import { readFileSync } from "node:fs";
import process from "node:process";

const RING_LENGTH = 1 << 20;
const TIMER_MS = 10;
const MEMORY_INTERVAL_MS = 100;

/** Counts completions and keeps the latest latencies in a preallocated ring. */
export class Measurement {
  constructor(task) {
    this.task = task;
    this.count = 0;
    this.bytes = 0;
    // Filled now, so that its pages do not count as growth later.
    this.latencies_ms = new Float64Array(RING_LENGTH).fill(1);
    this.delays_ms = [];
    this.memory = [];
    this.start_ms = performance.now();
    this.begin_ms = this.start_ms + task.rampSeconds * 1000;
    this.end_ms = task.operations
      ? Infinity
      : this.begin_ms + task.seconds * 1000;
    this.first = null;
    this.probe = this.#watchEventLoop();
    if (task.operations) this.sampler = this.#watchMemory();
  }

  /** Notes a completion and returns its time, which is the next one's start. */
  complete(since_ms, bytes = this.task.blockBytes) {
    const now_ms = performance.now();
    if (now_ms < this.begin_ms || now_ms >= this.end_ms) return now_ms;
    this.first ??= usage();
    this.bytes += bytes;
    this.latencies_ms[this.count++ & (RING_LENGTH - 1)] = now_ms - since_ms;
    if (this.count === this.task.operations) this.end_ms = now_ms;
    return now_ms;
  }

  /** There is nothing left to do: what was measured ends now. */
  end() {
    this.end_ms = Math.min(this.end_ms, performance.now());
    if (this.end_ms <= this.begin_ms) {
      throw new Error("The whole file was read before the measurement began");
    }
  }

  /** The result as one object; call it once all work has come to its end. */
  report(extra = {}) {
    const last = usage(), first = this.first ?? last;
    const { count } = this;
    clearInterval(this.probe);
    clearInterval(this.sampler);
    const seconds = (this.end_ms - this.begin_ms) / 1000;
    const latencies_us = this.latencies_ms
      .subarray(0, Math.min(count, RING_LENGTH)).sort().map((ms) => ms * 1000);
    const cpu_user_us = last.cpu.user - first.cpu.user;
    const cpu_system_us = last.cpu.system - first.cpu.system;
    return {
      iops: Math.round(count / seconds),
      mbps: Math.round(this.bytes / seconds / 1e5) / 10,
      p50_us: quantile(latencies_us, 0.5),
      p99_us: quantile(latencies_us, 0.99),
      loop_delay_p99_ms: quantile(this.delays_ms.sort((a, b) => a - b), 0.99),
      rss_start: first.rss,
      rss_end: last.rss,
      cpu_user_us,
      cpu_system_us,
      cores: (cpu_user_us + cpu_system_us) / 1000 / (last.at_ms - first.at_ms),
      disk_share: this.task.cold
        ? (last.disk_bytes - first.disk_bytes) / this.bytes
        : undefined,
      ...this.#growth(),
      ...extra,
    };
  }

  // How much later than asked a timer fires. Timers have a granularity of one
  // millisecond, and that is part of the figure.
  #watchEventLoop() {
    const { timer_ms = TIMER_MS } = this.task;
    let previous_ms = performance.now();
    return setInterval(() => {
      const now_ms = performance.now();
      if (now_ms >= this.begin_ms && now_ms < this.end_ms) {
        this.delays_ms.push(Math.max(0, now_ms - previous_ms - timer_ms));
      }
      previous_ms = now_ms;
    }, timer_ms);
  }

  #watchMemory() {
    return setInterval(() => {
      const { rss, heapUsed } = process.memoryUsage();
      this.memory.push({ count: this.count, rss, heapUsed });
    }, MEMORY_INTERVAL_MS);
  }

  // Medians of each tenth of the run, because the garbage collector makes a saw
  // of single samples. The first half is warm-up.
  #growth() {
    const { memory, task } = this;
    if (!task.operations) return {};
    const tenths = (field) =>
      Array.from({ length: 10 }, (_, tenth) =>
        quantile(
          memory.filter(({ count }) =>
            Math.floor(10 * count / task.operations) === tenth
          ).map((sample) => sample[field]).sort((a, b) => a - b),
          0.5,
        ));
    const rss_by_tenth = tenths("rss"), heap_by_tenth = tenths("heapUsed");
    return {
      rss_growth_percent: 100 * (rss_by_tenth[9] / rss_by_tenth[5] - 1),
      heap_growth_percent: 100 * (heap_by_tenth[9] / heap_by_tenth[5] - 1),
      rss_by_tenth,
      heap_by_tenth,
    };
  }
}

/**
 * Keeps `task.depth` operations in flight until the run is over.
 * `operate(slot, offset)` resolves with the number of bytes transferred.
 */
export async function drive(task, operate) {
  const nextOffset = offsets(task);
  const measurement = new Measurement(task);
  await Promise.all(Array.from({ length: task.depth }, async (_, slot) => {
    let now_ms = performance.now();
    while (now_ms < measurement.end_ms) {
      const offset = nextOffset();
      if (offset === undefined) return measurement.end();
      const bytes = await operate(slot, offset);
      if (bytes !== task.blockBytes) throw new Error(`Short: ${bytes} bytes`);
      now_ms = measurement.complete(now_ms);
    }
  }));
  return measurement;
}

/**
 * Reads one stream after another until the run is over; each chunk is an
 * operation. `makeStream()` makes one of the whole file, or a promise of it.
 */
export async function driveStreams(task, makeStream) {
  const measurement = new Measurement(task);
  let now_ms = performance.now();
  while (now_ms < measurement.end_ms) {
    let bytes = 0;
    for await (const chunk of await makeStream()) {
      bytes += chunk.length;
      now_ms = measurement.complete(now_ms, chunk.length);
      if (now_ms >= measurement.end_ms) return measurement;
    }
    if (bytes !== task.fileBytes) throw new Error(`Short: ${bytes} bytes`);
  }
  return measurement;
}

/**
 * A function that returns the offset of the next block, or `undefined`.
 *
 * @param {{ order: string, fileBytes: number, blockBytes: number, cold?: string }} work
 */
export function offsets({ order, fileBytes, blockBytes, cold }) {
  if (cold) return onceEach(fileBytes, blockBytes);
  const blocks = Math.floor(fileBytes / blockBytes);
  let next = 0;
  return order === "random"
    ? () => Math.floor(Math.random() * blocks) * blockBytes
    : () => (next++ % blocks) * blockBytes;
}

// Every second block, at random. No block twice, because it would be cached, and none
// beside another or at the beginning of the file or of a chunk, where others may be
// cached before it: the kernel would take that for reading in order, and read ahead.
function onceEach(fileBytes, blockBytes) {
  const stride = 2 * blockBytes;
  const left = Uint32Array.from(
    { length: Math.floor(fileBytes / stride) },
    (_, i) => i,
  );
  let count = left.length;
  return () => {
    if (count === 0) return undefined;
    const i = Math.floor(Math.random() * count);
    const chosen = left[i];
    left[i] = left[--count];
    return chosen * stride + blockBytes;
  };
}

/** One page-aligned buffer for each operation in flight, as O_DIRECT wants it. */
export function alignedBuffers(task, memory = pagesFor(task)) {
  const { depth, blockBytes } = task;
  return Array.from(
    { length: depth },
    (_, slot) => new Uint8Array(memory, slot * blockBytes, blockBytes),
  );
}

/** Memory for these buffers; `options` of WebAssembly.Memory can have it shared. */
export function pagesFor({ depth, blockBytes }, options = {}) {
  const initial = Math.ceil(depth * blockBytes / 65536);
  return new WebAssembly.Memory({ initial, ...options }).buffer;
}

/** Prints the result and ends the process, whatever is still open. */
export function finish(what, result) {
  process.stdout.write(JSON.stringify({ what, ...result }) + "\n", () => {
    process.exit(0);
  });
}

function usage() {
  return {
    at_ms: performance.now(),
    cpu: process.cpuUsage(),
    rss: process.memoryUsage().rss,
    disk_bytes: diskBytes(),
  };
}

// What this process had the system read from disks, where the system tells.
function diskBytes() {
  try {
    const text = readFileSync("/proc/self/io", "utf8");
    return Number(/^read_bytes: (\d+)$/m.exec(text)[1]);
  } catch {
    return NaN;
  }
}

function quantile(sorted, q) {
  const value = sorted[Math.floor((sorted.length - 1) * q)];
  return value === undefined ? undefined : Math.round(value * 100) / 100;
}
