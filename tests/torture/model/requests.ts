/**
 * What a program does with an `AioFile`: each action begins at once, and
 * resolves when its outcome is known to the model.
 *
 * @module
 */
import { AioError } from "../../../mod.ts";
import type { Job, TransferJob } from "./job.ts";
import type { Handle } from "./model_file.ts";
import type { Action, Append, Target } from "./program.ts";
import { blocks, type World } from "./world.ts";

/** An action of one type. */
export type ActionOf<T extends Action["type"]> = Action & { type: T };

/** Where a step is. */
export interface Context {
  readonly world: World;
  /** The number of the thread. */
  readonly thread: number;
  readonly controllers: AbortController[];
}

/** Waits for the outcome of a request. */
async function follow(job: Job, outcome: Promise<number>): Promise<void> {
  let bytes;
  try {
    bytes = await outcome;
  } catch (error) {
    return job.fail(error);
  }
  job.succeed(bytes);
}

function signalOf(
  signal: number | null,
  { controllers }: Context,
): AbortSignal | undefined {
  return signal === null ? undefined : controllers[signal].signal;
}

/** `readAt()` and `writeAt()`. */
export async function transfer(
  action: ActionOf<"read" | "write">,
  context: Context,
): Promise<void> {
  const { world, thread } = context;
  const handle = world.handleOf(action);
  const signal = signalOf(action.signal, context);
  const job = world.fit(handle, action, thread, signal);
  if (job === null) return;
  const { offset } = job.wanted;
  const { view } = job.memory;
  const options = { signal, priority: action.priority };
  const settled = follow(
    job,
    action.type === "read"
      ? handle.file.readAt(view, offset, options)
      : handle.file.writeAt(view, offset, options),
  );
  if (action.type === "write") handle.unsettledWrites.add(job);
  job.memory.change();
  await settled;
}

/** Several `append()`, which keep their order. */
export async function append(
  action: ActionOf<"append">,
  context: Context,
): Promise<void> {
  const handle = context.world.handleOf(action);
  const isFitting = handle.model.mode === "append" || handle.refuses("append");
  if (!isFitting) return;
  await Promise.all(
    action.appends.map((append) => appendOne(handle, append, context)),
  );
}

function appendOne(
  handle: Handle,
  { length, memory, signal: number }: Append,
  context: Context,
): Promise<void> {
  const { world } = context;
  const signal = signalOf(number, context);
  const job = world.newTransfer(handle, {
    type: "append",
    offset: 0,
    length: world.appendLength(handle, length),
    memory,
  }, signal);
  const settled = follow(job, handle.file.append(job.memory.view, { signal }));
  handle.unsettledWrites.add(job);
  job.memory.change();
  return settled;
}

/** `sync()` and `syncData()`. */
export function sync(
  action: ActionOf<"sync" | "syncData">,
  context: Context,
): Promise<void> {
  const handle = context.world.handleOf(action);
  const signal = signalOf(action.signal, context);
  const job = context.world.newSync(handle, signal);
  return follow(job, handle.file[action.type]({ signal }).then(() => 0));
}

/** `batch()`. */
export async function batch(
  action: ActionOf<"batch">,
  { world, thread }: Context,
): Promise<void> {
  const handle = world.handleOf(action);
  const jobs: TransferJob[] = [];
  const requests = action.transfers.flatMap((transfer) => {
    const job = world.fit(handle, transfer, thread);
    if (job === null) return [];
    jobs.push(job);
    const { type, priority } = transfer;
    const { offset } = job.wanted;
    return [{ type, priority, offset, buffer: job.memory.view }];
  });
  const outcomes = handle.file.batch(requests);
  for (const { memory } of jobs) memory.change();
  let settled;
  try {
    settled = await outcomes;
  } catch (error) {
    for (const job of jobs) job.fail(error);
    return;
  }
  settled.forEach((outcome, index) => {
    if (outcome.status === "fulfilled") jobs[index].succeed(outcome.value);
    else jobs[index].fail(outcome.reason);
  });
}

/** `truncate()`, once a round at most. */
export async function truncate(
  action: ActionOf<"truncate">,
  { world }: Context,
): Promise<void> {
  const handle = world.handleOf(action);
  const { model } = handle;
  const isRefused = handle.closing !== null || handle.refuses("write");
  const isFitting = model.mode === "truncate" && model.truncation === null;
  if (!isRefused && !isFitting) return;
  const length = model.isDirect ? blocks(action.length) : action.length;
  const begun = world.clock.tick();
  if (!isRefused) model.truncation = { length, begun, settled: Infinity };
  await refusedIf(isRefused, handle.file.truncate(length));
  if (!isRefused) model.truncated(length, begun, world.clock.tick());
}

/** `size()`. */
export async function size(
  target: Target,
  { world }: Context,
): Promise<void> {
  const handle = world.handleOf(target);
  const isClosed = handle.closing !== null;
  const begun = world.clock.tick();
  const found = await refusedIf(isClosed, handle.file.size());
  if (found === null) return;
  const settled = world.clock.tick();
  const measurement = { name: "size()", begun, settled, offset: 0, found };
  handle.model.measured({ ...measurement, wanted: Infinity });
}

/** `cancel()`. */
export async function cancel(
  target: Target,
  { world }: Context,
): Promise<void> {
  const handle = world.handleOf(target);
  const isClosed = handle.closing !== null;
  handle.canceledAt = world.clock.tick();
  const canceled = await refusedIf(isClosed, handle.file.cancel());
  world.toldCanceled += canceled ?? 0;
}

/** `close()`. */
export function close(
  target: Target,
  { world }: Context,
): Promise<void> {
  const handle = world.handleOf(target);
  handle.closing = handle.file.close();
  return handle.closing;
}

/** Aborts requests. */
export function abort(
  { signal, isRenewed }: ActionOf<"abort">,
  { controllers }: Context,
): void {
  controllers[signal].abort(new Error(`the reason of signal ${signal}`));
  if (isRenewed) controllers[signal] = new AbortController();
}

/** The outcome of a call, or `null` if it is refused as it must be. */
async function refusedIf<T>(
  isRefused: boolean,
  call: Promise<T>,
): Promise<T | null> {
  let outcome;
  try {
    outcome = await call;
  } catch (error) {
    if (isRefused && error instanceof AioError) return null;
    throw error;
  }
  if (isRefused) throw new Error("A call succeeded that must be refused");
  return outcome;
}
