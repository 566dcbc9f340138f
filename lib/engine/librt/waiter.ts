/**
 * How completions are found. One waiter an isolate: it looks at the head of
 * every lane and at every control block somebody waits for, first by polling
 * from the event loop, then in `aio_suspend` on a thread beside it. What nobody
 * waits for it looks at now and then.
 *
 * @module
 */
import {
  clearTimeout,
  setImmediate,
  setTimeout,
} from "../../../ffi/event_loop.ts";
import type { ControlBlock } from "../../../ffi/control_block.ts";
import {
  releaseSuspendList,
  SUSPEND_LIST_MAX,
  type SuspendList,
  takeSuspendList,
} from "../../../ffi/suspend_list.ts";
import { assert } from "../../checks/assert.ts";
import { EINPROGRESS } from "../../system/constants.ts";
import { librt } from "../../system/librt.ts";
import type { Notify } from "../engine.ts";
import { settings } from "../../system/settings.ts";
import { Polling } from "../polling.ts";
import { submissions } from "./submission_list.ts";
import { waitingCallsMax } from "../../system/threads.ts";
import { giveMemoryBack } from "../../system/worker_memory.ts";

/** Something whose completion can be waited for. */
export interface Waitable {
  /** The control block that is done next, or `null` if there is none. */
  readonly head: ControlBlock | null;
  /**
   * How that is to be noticed; asked only while there is a head. `"endless"` is
   * `"auto"` for what may take any time, as with pipes.
   */
  readonly headNotify: Notify | "endless";
  /** Hands over what is done. Returns how many requests that were. */
  harvest(): number;
  /** Its place among those waited for, or -1. Kept by the waiter. */
  position: number;
}

/** Requests that nobody waits for. */
export interface Unattended {
  /** Looks which of them are done. */
  check(): void;
}

/** How many `aio_suspend` calls, a thread each, are out at once at most. */
const SUSPENDS_MAX = 4;
/**
 * A call that waits cannot learn of new heads, so they get a call of their
 * own. Every call ends by itself after a while: then one takes over from many.
 */
const SUSPEND_MS_MIN = 20;
const SUSPEND_MS_MAX = 640;
/** How often heads that no call names are looked at. */
const UNNAMED_MS = 5;
/**
 * The more heads there are, the sooner one of them is done, and the longer
 * `aio_suspend` holds the lock that glibc's threads need: it walks through lists
 * of them. So polling lasts longer for every so many heads, to some bound.
 */
const HEADS_PER_POLL = 4;
const POLLS_MAX = 10;
/** With `"thread"`: how often to look whether a notification was lost. */
const LOST_NOTIFICATION_MS = 100;
/** With `"poll"`: after how long without a completion turns are spaced out. */
const BUSY_POLL_MS = 10;
const SPACED_POLL_MS = 1;

/** How often to look at what nobody waits for: less and less often. */
const UNATTENDED_MS_MIN = 1;
const UNATTENDED_MS_MAX = 100;

/** What the engine counts of waiting. */
export const waits = { suspends: 0, polls: 0 };

/** See the module's documentation. */
class Waiter {
  readonly #waitables: Waitable[] = [];
  readonly #unattended = new Set<Unattended>();
  #unattendedTimer: ReturnType<typeof setTimeout> | null = null;
  #unattended_ms = UNATTENDED_MS_MIN;
  /** The calls that are out: what each names, and when it is back. */
  readonly #calls = new Map<ControlBlock[], Promise<void>>();
  #timeout_ms = SUSPEND_MS_MIN;
  #turnIsDue = false;
  readonly #polling = new Polling();
  /** When it looks anyway, by the time that it waits for that. */
  readonly #timers = new Map<number, ReturnType<typeof setTimeout>>();

  /** Waits for `waitable` until it has no head any more. */
  add(waitable: Waitable): void {
    if (waitable.position >= 0) return;
    waitable.position = this.#waitables.length;
    this.#waitables.push(waitable);
    if (this.#turnIsDue) return;
    this.#polling.begin();
    this.#nextTurn();
  }

  /** Ends waiting for `waitable`. */
  remove(waitable: Waitable): void {
    const { position } = waitable;
    if (position < 0) return;
    waitable.position = -1;
    assert(
      this.#waitables[position] === waitable,
      "the waiter knows its waitables by their position",
    );
    const last = this.#waitables.pop()!;
    if (last !== waitable) {
      this.#waitables[position] = last;
      last.position = position;
    } else if (position === 0) this.#stopTimers();
  }

  /** Looks at requests now and then, and soon at first, until they are done. */
  keepLooking(requests: Unattended): void {
    this.#unattended.add(requests);
    this.#unattended_ms = UNATTENDED_MS_MIN;
    this.#lookLater();
  }

  /** Those requests are done. */
  stopLooking(requests: Unattended): void {
    this.#unattended.delete(requests);
    if (this.#unattended.size > 0 || this.#unattendedTimer === null) return;
    clearTimeout(this.#unattendedTimer);
    this.#unattendedTimer = null;
  }

  /** As long as the timer is there, the process stays alive. */
  #lookLater(): void {
    this.#unattendedTimer ??= setTimeout(
      this.#lookAtUnattended,
      this.#unattended_ms,
    );
  }

  readonly #lookAtUnattended = (): void => {
    this.#unattendedTimer = null;
    for (const requests of this.#unattended) requests.check();
    if (this.#unattended.size === 0) return;
    this.#unattended_ms = Math.min(this.#unattended_ms * 2, UNATTENDED_MS_MAX);
    this.#lookLater();
  };

  /**
   * Looks in the next turn of the event loop. Notifications by `SIGEV_THREAD` come
   * one by one, and new requests made for each would bring more of them before
   * anything else had its turn.
   */
  readonly lookSoon = (): void => {
    if (!this.#turnIsDue) this.#nextTurn();
  };

  /**
   * Resolves when no call is out, if all that they name is done: then they are about
   * to come back. A turn may have found that before, and whoever heard of it may think
   * that there is nothing left of the library's, as Deno's sanitizers do.
   */
  async whenBack(): Promise<void> {
    for (const blocks of this.#calls.keys()) {
      if (!blocks.every(isDone)) return;
    }
    await Promise.all(this.#calls.values());
  }

  #nextTurn(): void {
    this.#turnIsDue = true;
    setImmediate(this.#turn);
  }

  readonly #turn = (): void => {
    this.#turnIsDue = false;
    waits.polls++;
    this.#look();
  };

  /** Hands over what is done, and decides how to wait for the rest. */
  #look(): void {
    submissions.flush();
    submissions.hold();
    let done = 0;
    try {
      done = this.#harvest();
    } finally {
      submissions.release();
    }
    // Handing over and submitting change what there is to wait for.
    this.#removeDone();
    if (this.#waitables.length === 0) return void giveMemoryBack();
    this.#polling.looked(done > 0);
    if (done > 0) this.#timeout_ms = SUSPEND_MS_MIN;
    if (!this.#turnIsDue) this.#wait();
  }

  /** Decides, for each head, what is going to notice its completion. */
  #wait(): void {
    const isPolling = this.#polling.pays(this.#pollMicroseconds());
    let isTurnWanted = false;
    let isPollWanted = false;
    let isThreadAwaited = false;
    const unnamed: ControlBlock[] = [];
    for (const { head, headNotify } of this.#waitables) {
      if (headNotify === "thread") {
        isThreadAwaited = true;
        continue;
      }
      if (headNotify === "poll") isPollWanted = true;
      else if (headNotify !== "suspend" && isPolling) isTurnWanted = true;
      else if (head!.holds === 0) unnamed.push(head!);
    }
    if (unnamed.length > 0) this.#suspendOn(unnamed);
    if (
      isTurnWanted || isPollWanted && this.#polling.waited_ms < BUSY_POLL_MS
    ) {
      this.#nextTurn();
    } else if (isPollWanted) this.#lookAfter(SPACED_POLL_MS);
    // glibc drops a notification for which it can make no thread.
    else if (isThreadAwaited) this.#lookAfter(LOST_NOTIFICATION_MS);
  }

  /** How long to poll before a thread waits. */
  #pollMicroseconds(): number {
    const { pollMicroseconds } = settings;
    if (this.#waitables.length <= HEADS_PER_POLL) return pollMicroseconds;
    let heads = 0;
    for (const { headNotify } of this.#waitables) {
      if (headNotify !== "endless") heads++;
    }
    const polls = Math.min(heads / HEADS_PER_POLL, POLLS_MAX);
    return pollMicroseconds * Math.max(1, polls);
  }

  #harvest(): number {
    let done = 0;
    // Backwards, because removal moves the last one to the free place.
    for (let at = this.#waitables.length - 1; at >= 0; at--) {
      const waitable = this.#waitables[at];
      // What one hands over may end the waiting for others.
      if (waitable === undefined) continue;
      done += waitable.harvest();
    }
    return done;
  }

  #removeDone(): void {
    for (let at = this.#waitables.length - 1; at >= 0; at--) {
      if (this.#waitables[at].head === null) this.remove(this.#waitables[at]);
    }
  }

  /** Looks after a time, if there is something to look at. */
  #lookAfter(delay_ms: number): void {
    if (this.#timers.has(delay_ms)) return;
    const look = () => {
      this.#timers.delete(delay_ms);
      this.#look();
    };
    this.#timers.set(delay_ms, setTimeout(look, delay_ms));
  }

  #stopTimers(): void {
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
  }

  /** Has threads wait for heads that no call names yet. */
  #suspendOn(heads: ControlBlock[]): void {
    let named = 0;
    const most = waitingCallsMax(SUSPENDS_MAX);
    while (named < heads.length && this.#calls.size < most) {
      this.#startCall(heads.slice(named, named + SUSPEND_LIST_MAX));
      named += SUSPEND_LIST_MAX;
    }
    if (named < heads.length) this.#lookAfter(UNNAMED_MS);
  }

  #startCall(blocks: ControlBlock[]): void {
    const list = takeSuspendList();
    if (list === null) return this.#lookAfter(UNNAMED_MS);
    for (const block of blocks) block.hold();
    list.pack(blocks, this.#timeout_ms);
    this.#timeout_ms = Math.min(this.#timeout_ms * 2, SUSPEND_MS_MAX);
    waits.suspends++;
    this.#calls.set(blocks, this.#call(blocks, list));
  }

  async #call(blocks: ControlBlock[], list: SuspendList): Promise<void> {
    await librt().aio_suspend(list.pointer, blocks.length, list.timeout);
    const wasOut = this.#calls.delete(blocks);
    assert(wasOut, "an aio_suspend call ends that is not out");
    for (const block of blocks) block.unhold();
    releaseSuspendList(list);
    this.#look();
  }
}

/** Whether `aio_suspend` does not wait for it. */
function isDone({ status, pointer }: ControlBlock): boolean {
  return (status ?? librt().aio_error(pointer)) !== EINPROGRESS;
}

/** The waiter of this isolate. */
export const waiter: Waiter = new Waiter();
