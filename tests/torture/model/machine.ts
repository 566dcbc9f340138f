/**
 * Runs a program with the library and beside it the model, and asserts at the end
 * of each round that the one can be explained by the other.
 *
 * @module
 */
import { setImmediate as turn } from "node:timers/promises";
import { configure, metrics } from "../../../mod.ts";
import {
  type Action,
  type Program,
  type Round,
  SIGNALS,
  type Step,
} from "./program.ts";
import { ModelQueue } from "./queue.ts";
import * as requests from "./requests.ts";
import { readStream, writeStream } from "./streams.ts";
import { type Places, World } from "./world.ts";

/** How long what failed may take to end. */
const ABANDON_MS = 2_000;

/** See the module's documentation. */
export class Machine {
  readonly #rounds: Round[];
  readonly #world: World;
  readonly #queue: ModelQueue;
  readonly #patience_ms: number;
  readonly #before = metrics();

  /**
   * @param program What to do.
   * @param places Where to do it.
   * @param patience_ms How long a part of it may take until it is said to hang.
   */
  constructor(program: Program, places: Places, patience_ms: number) {
    const { maxInFlight, pollMicroseconds, pageCache, lanes, notify } = program;
    configure({ maxInFlight, pollMicroseconds, pageCache });
    if (lanes !== null) configure({ lanes });
    this.#rounds = program.rounds;
    this.#world = new World(program, places);
    this.#queue = new ModelQueue(this.#world, notify);
    this.#patience_ms = patience_ms;
  }

  /** Runs the program. */
  async run(): Promise<void> {
    const { files, handles } = this.#world;
    try {
      await this.#inTime(Promise.all(handles.map((handle) => handle.open())));
      for (const round of this.#rounds) {
        await this.#inTime(this.#round(round));
        for (const file of files) file.endRound();
      }
      await this.#inTime(this.#queue.close());
      await this.#inTime(Promise.all(handles.map(({ file }) => file.close())));
      this.#assertMetrics();
      for (const { path } of files) assertNotOpen(path);
    } catch (error) {
      await this.#abandon();
      throw error;
    } finally {
      for (const { path } of files) Deno.removeSync(path);
    }
  }

  async #round({ modes, threads }: Round): Promise<void> {
    const world = this.#world;
    world.files.forEach((file, index) => file.mode = modes[index]);
    world.jobs = [];
    const controllers = Array.from(
      { length: SIGNALS },
      () => new AbortController(),
    );
    await Promise.all(
      threads.map((steps, thread) =>
        this.#thread(steps, { world, thread, controllers })
      ),
    );
    const closed = world.handles.filter(({ closing }) => closing !== null);
    await Promise.all(closed.map(({ closing }) => closing));
    await Promise.all(closed.map((handle) => handle.open()));
  }

  async #thread(steps: Step[], context: requests.Context): Promise<void> {
    const running: Promise<void>[] = [];
    for (const { action, isAwaited } of steps) {
      const step = this.#perform(action, context);
      step.catch(() => {}); // Looked at with all others, below.
      running.push(step);
      if (isAwaited) await step;
    }
    await Promise.all(running);
  }

  async #perform(action: Action, context: requests.Context): Promise<void> {
    const world = this.#world;
    switch (action.type) {
      case "read":
      case "write":
        return await requests.transfer(action, context);
      case "append":
        return await requests.append(action, context);
      case "sync":
      case "syncData":
        return await requests.sync(action, context);
      case "batch":
        return await requests.batch(action, context);
      case "truncate":
        return await requests.truncate(action, context);
      case "size":
        return await requests.size(action, context);
      case "cancel":
        return await requests.cancel(action, context);
      case "close":
        return await requests.close(action, context);
      case "abort":
        return requests.abort(action, context);
      case "submit":
        return await this.#queue.submit(
          action.transfers,
          context.thread,
          action.isSingle,
        );
      case "queuedSync":
        return await this.#queue.sync(action);
      case "queueCancel":
        return this.#queue.cancel(action.isAll);
      case "readable":
        return await readStream(action, world);
      case "writable":
        return await writeStream(action, world);
      case "turn":
        for (let index = 0; index < action.turns; index++) await turn();
    }
  }

  /** Waits, but neither for ever nor once a completion was found to be wrong. */
  async #inTime(promise: Promise<unknown>): Promise<void> {
    const { pumping } = this.#queue;
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(() => {
      const unsettled = this.#world.jobs.filter(({ isSettled }) => !isSettled);
      const names = unsettled.map(({ name }) => name).join(", ");
      late.reject(new Error(`It hangs. Not settled: ${names || "no request"}`));
    }, this.#patience_ms);
    try {
      await Promise.race([promise, late.promise, pumping.then(() => promise)]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Leaves as little as possible to the program that runs next. */
  async #abandon(): Promise<void> {
    const files = this.#world.handles
      .flatMap(({ file }) => file === undefined ? [] : file);
    await Promise.allSettled(files.map((file) => file.cancel()));
    const closing = files.map((file) => file.close());
    let timer;
    const late = new Promise((resolve) => {
      timer = setTimeout(resolve, ABANDON_MS);
    });
    await Promise.race([Promise.allSettled(closing), late]);
    clearTimeout(timer);
  }

  #assertMetrics(): void {
    const { tally, isInexact, toldCanceled } = this.#world;
    const before = this.#before;
    const after = metrics();
    const { inFlight, queued } = after;
    const counted = {
      submitted: after.submitted - before.submitted,
      completed: after.completed - before.completed,
      failed: after.failed - before.failed,
      canceled: after.canceled - before.canceled,
    };
    const { submitted, completed, failed, canceled } = counted;
    const isRight = inFlight === 0 && queued === 0 &&
      submitted === completed + failed + canceled &&
      toldCanceled <= canceled &&
      (isInexact || JSON.stringify(counted) === JSON.stringify(tally));
    if (isRight) return;
    throw new Error(
      `metrics() counts ${JSON.stringify({ inFlight, queued, ...counted })}, ` +
        `the model ${JSON.stringify(tally)}; cancel() told of ${toldCanceled}`,
    );
  }
}

/** Neither the file nor a duplicate of its descriptor is open. */
function assertNotOpen(path: string): void {
  if (Deno.build.os !== "linux") return;
  for (const { name } of Deno.readDirSync("/proc/self/fd")) {
    let target;
    try {
      target = Deno.readLinkSync(`/proc/self/fd/${name}`);
    } catch {
      continue; // The descriptor that lists the others.
    }
    if (target === path) throw new Error(`Descriptor ${name} was left open`);
  }
}
