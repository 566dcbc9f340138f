// Synchronizations of a file that is open several times, on a disk that loses some of
// what is written and tells of it once: random programs beside a model of the disk.

import { assert, assertEquals } from "@std/assert";
import type { PromisedRequest } from "../../lib/file/promised_request.ts";
import { FileQueue } from "../../lib/requests/file_queue.ts";
import type { Request } from "../../lib/requests/request.ts";
import { EIO } from "../../lib/system/constants.ts";
import {
  FakeEngine,
  FILE,
  type Made,
  microtasks,
  submit,
} from "../helpers/fake_engine.ts";
import { delay, randomNumbers, test } from "../helpers/mod.ts";

const PROGRAMS = 300;
const STEPS = 120;
const DESCRIPTORS = 3;

/** Where the bytes of a write are. */
type Place = "nowhere" | "cache" | "disk" | "lost";

interface Write {
  readonly queue: FileQueue;
  /** In which step it was submitted. */
  readonly begin: number;
  place: Place;
  /** In which step it got there. */
  placed: number;
  state: string;
}

interface Sync {
  readonly begin: number;
  state: string;
  /** When it was settled, among all that were. */
  end: number;
  /** In which step that was. */
  endStep: number;
}

/** What to do in a step, and how it ends, is a number below so many. */
type Random = (below: number) => number;

/**
 * The page cache of a file, and its disk. Linux tells each open descriptor of an error
 * once, and one that is opened later only if nobody was told; some file systems tell
 * only the one that wrote.
 */
class Disk {
  readonly #random: Random;
  readonly #tellsWriter: boolean;
  /** Whether nothing more is lost until all were told of what is. */
  readonly #isCalm: boolean;
  /** One write of so many is lost. */
  readonly #losesOneOf: number;
  readonly #open = new Set<FileQueue>();
  readonly #untold = new Set<FileQueue>();
  /** Whether nobody was told of the last error. */
  #isUnseen = false;

  constructor(random: Random, isCalm: boolean) {
    this.#random = random;
    this.#isCalm = isCalm;
    this.#tellsWriter = random(3) === 0;
    this.#losesOneOf = 4 + random(20);
  }

  /** Opens the descriptor of a queue, unless it is open. */
  open(queue: FileQueue): void {
    if (this.#open.has(queue)) return;
    this.#open.add(queue);
    if (this.#isUnseen && !this.#tellsWriter) this.#untold.add(queue);
  }

  writeBack(write: Write, step: number): void {
    if (write.place !== "cache") return;
    write.placed = step;
    const mayBeLost = !this.#isCalm || this.#untold.size === 0;
    const isLost = mayBeLost && this.#random(this.#losesOneOf) === 0;
    write.place = isLost ? "lost" : "disk";
    if (!isLost) return;
    this.#isUnseen = true;
    const told = this.#tellsWriter ? [write.queue] : this.#open;
    for (const queue of told) this.#untold.add(queue);
  }

  /** Synchronizes by a descriptor. Returns what the system tells it. */
  sync(queue: FileQueue, writes: Write[], step: number): number {
    for (const write of writes) {
      const isAsked = !this.#tellsWriter || write.queue === queue;
      if (isAsked || this.#random(2) === 0) this.writeBack(write, step);
    }
    if (!this.#untold.delete(queue)) return 0;
    this.#isUnseen = false;
    return EIO;
  }
}

/** A program, and what came of all that it asked for. */
class Program {
  readonly #random: Random;
  readonly #engine: FakeEngine;
  readonly #queues: FileQueue[];
  readonly #disk: Disk;
  readonly #writes: Write[] = [];
  readonly #syncs: Sync[] = [];
  readonly #writeOf = new Map<Request, Write>();
  readonly #pending = new Map<PromisedRequest, FileQueue>();
  readonly #outcomes: Promise<void>[] = [];
  /** Whether the system refuses nothing, and loses one thing at a time. */
  readonly #isCalm: boolean;
  #step = 0;
  #settled = 0;
  /** What was acknowledged although it is lost, or failed although it is not. */
  readonly violations: string[] = [];

  constructor(random: Random, engine: FakeEngine) {
    const first = new FileQueue(FILE.knownFd, FILE);
    this.#random = random;
    this.#isCalm = random(2) === 0;
    this.#engine = engine;
    this.#queues = [first];
    while (this.#queues.length < DESCRIPTORS) {
      const fd = FILE.knownFd + this.#queues.length;
      this.#queues.push(new FileQueue(fd, FILE, first.commits));
    }
    this.#disk = new Disk(random, this.#isCalm);
    this.#disk.open(first);
  }

  /** How many synchronizations have ended in which way. */
  get ends(): { resolved: number; failed: number } {
    const count = (wanted: string) =>
      this.#syncs.filter(({ state }) => state === wanted).length;
    return { resolved: count("resolved"), failed: count("EIO") };
  }

  async run(): Promise<void> {
    for (this.#step = 1; this.#step <= STEPS; this.#step++) {
      this.#act();
      if (this.#random(2) === 0) await microtasks();
    }
    await this.#end();
    await Promise.all(this.#outcomes);
  }

  #act(): void {
    const what = this.#random(16);
    if (what < 4) this.#write();
    else if (what < 7) this.#sync();
    else if (what === 7) this.#cancel();
    else if (what === 8) this.#writeSomeBack();
    else this.#complete(1 + this.#random(3), this.#isCalm ? 10 : 12);
  }

  /** Serves all that is left. */
  async #end(): Promise<void> {
    while (this.#queues.some(({ outstanding }) => outstanding > 0)) {
      // What lacked memory is tried again before long.
      if (this.#engine.submitted.length === 0) await delay(1);
      this.#complete(1, 10);
      await microtasks();
    }
    await microtasks();
    assertEquals(this.#pending.size, 0, "all are settled");
  }

  #write(): void {
    const queue = this.#queues[this.#random(DESCRIPTORS)];
    this.#disk.open(queue);
    const write: Write = {
      queue,
      begin: this.#step,
      place: "nowhere",
      placed: this.#step,
      state: "pending",
    };
    this.#writes.push(write);
    const made = submit(queue, "write", "abc");
    this.#writeOf.set(made.request, write);
    this.#follow(made, queue, (state) => write.state = state);
  }

  #sync(): void {
    const [queue] = this.#queues;
    const sync: Sync = {
      begin: this.#step,
      state: "pending",
      end: 0,
      endStep: 0,
    };
    this.#syncs.push(sync);
    const operation = this.#random(2) === 0 ? "sync" : "syncData";
    this.#follow(submit(queue, operation), queue, (state) => {
      sync.state = state;
      sync.end = ++this.#settled;
      sync.endStep = this.#step;
      if (state === "resolved") this.#lookForLost(sync);
      if (state === "EIO" && this.#isCalm) this.#lookForReason(sync);
    });
  }

  #follow(
    { request, outcome }: Made,
    queue: FileQueue,
    settled: (state: string) => void,
  ): void {
    this.#pending.set(request, queue);
    const end = (state: string) => {
      this.#pending.delete(request);
      settled(state);
    };
    this.#outcomes.push(
      outcome.then(() => end("resolved"), ({ code }) => end(code)),
    );
  }

  #cancel(): void {
    if (this.#pending.size === 0) return;
    const pending = [...this.#pending];
    const [request, queue] = pending[this.#random(pending.length)];
    queue.cancel(request);
  }

  #writeSomeBack(): void {
    if (this.#writes.length === 0) return;
    const write = this.#writes[this.#random(this.#writes.length)];
    this.#disk.writeBack(write, this.#step);
  }

  /** @param ends How many ways a synchronization may end in. */
  #complete(count: number, ends: number): void {
    const { submitted } = this.#engine;
    for (; count > 0 && submitted.length > 0; count--) {
      const request = submitted[this.#random(submitted.length)];
      const queue = request.queue as FileQueue;
      if (request.isSync) this.#completeSync(request, queue, ends);
      else {
        this.#writeOf.get(request)!.place = "cache";
        this.#engine.complete(queue, 0, request.length, request);
      }
      queue.roomAgain();
    }
  }

  #completeSync(request: Request, queue: FileQueue, ends: number): void {
    const end = this.#random(ends);
    if (end === 11) return this.#engine.lackMemory(queue, request);
    if (end === 10) return this.#engine.refuse(request);
    const errno = this.#disk.sync(queue, this.#writes, this.#step);
    this.#engine.complete(queue, errno, 0, request);
  }

  /**
   * All that it covers is on the disk, or one that covers it as well was told before
   * that it is not.
   */
  #lookForLost(sync: Sync): void {
    for (const { begin, place, state } of this.#writes) {
      const isCovered = begin < sync.begin && state !== "ECANCELED";
      if (!isCovered || place === "disk") continue;
      const isTold = place === "lost" &&
        this.#syncs.some((other) =>
          other.state === "EIO" && other.begin > begin && other.end < sync.end
        );
      if (isTold) continue;
      this.violations.push(
        `The sync of step ${sync.begin} resolved, but the write of step ` +
          `${begin} is in the ${place}`,
      );
    }
  }

  /**
   * Something is lost, or may be for all that the library knows, because it was
   * written before somebody was told of a loss. And nobody was told of that before, or
   * nothing was written since.
   */
  #lookForReason(sync: Sync): void {
    const ended = this.#syncs.filter((other) =>
      other !== sync && ["EIO", "resolved"].includes(other.state)
    );
    const failed = ended.filter(({ state }) => state === "EIO");
    const isInDoubt = ({ begin, place, placed }: Write) =>
      (place === "lost" || failed.some(({ endStep }) => endStep >= begin)) &&
      !ended.some((other) =>
        other.begin > Math.max(begin, placed) &&
        other.endStep < sync.begin
      );
    const lastFailed = Math.max(...failed.map(({ endStep }) => endStep));
    const isRepeated = !this.#writes.some(({ begin }) =>
      begin > lastFailed && begin < sync.begin
    );
    if (isRepeated || this.#writes.some(isInDoubt)) return;
    this.violations.push(
      `The sync of step ${sync.begin} failed, but nothing of its own is lost`,
    );
  }
}

test("sync() resolves for nothing that a disk has lost and told of once, whichever descriptor wrote it", async () => {
  const random = randomNumbers();
  const ends = { resolved: 0, failed: 0 };
  for (let count = 0; count < PROGRAMS; count++) {
    using engine = new FakeEngine();
    const program = new Program(random, engine);
    await program.run();
    assertEquals(program.violations, [], `program ${count}`);
    ends.resolved += program.ends.resolved;
    ends.failed += program.ends.failed;
  }
  assert(
    ends.resolved > PROGRAMS && ends.failed > PROGRAMS,
    JSON.stringify(ends),
  );
});
