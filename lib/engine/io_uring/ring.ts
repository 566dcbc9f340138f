/**
 * A ring of the kernel's with what is in flight in it: hands entries over, finds
 * their completions, and cancels.
 *
 * @module
 */
import { coalesced, onceQuiet, setTimeout } from "../../../ffi/event_loop.ts";
import {
  type Entry,
  IOSQE_ASYNC,
  IOSQE_IO_LINK,
  OPCODE,
  type Rings,
} from "../../../ffi/io_uring.ts";
import { assert } from "../../checks/assert.ts";
import { ECANCELED } from "../../system/constants.ts";

/** When the kernel had no memory for more, how long until another try. */
const RETRY_MS = 1;

/**
 * Behind the place of an entry stands which one it is of those that had the place,
 * so that an entry which cancels another one cannot meet a later one.
 */
const TURNS_MAX = 2 ** 20;
const TWO_TO_32 = 2 ** 32;

/** An entry, and who hears of its completion. */
export interface RingEntry extends Entry {
  /** By what the kernel knows it while it is in flight, or -1. Kept by the ring. */
  key: number;
  /** What came of it, once that is known: bytes, or a negative error number. */
  result: number | null;
  /** With which submission it went. Kept by the ring. */
  submission: number;
  /** Whether it was not done as soon as it was submitted. Kept by the ring. */
  hasWaited: boolean;
  /**
   * How much of a look it takes to hand its completion over: 1 is all.
   *
   * @param waitedMax How many of those that have waited one look hands over.
   */
  shareOf(waitedMax: number): number;
  /**
   * It is done: called from the event loop, never while it is handed over. `null`
   * for what nobody needs to hear of.
   */
  readonly completed: ((result: number) => void) | null;
}

/** What an entry asks for: what is not given is no file, and no bytes. */
type Asked = Partial<Entry> & Pick<Entry, "opcode">;

/**
 * Makes an entry that transfers nothing.
 *
 * @param asked What is asked for.
 * @param share How much of a look it takes to hand its completion over.
 * @param completed Called with its result, if somebody needs to hear of it.
 */
export function newEntry(
  asked: Asked,
  share = 0,
  completed: RingEntry["completed"] = null,
): RingEntry {
  return {
    address: 0,
    entryFlags: 0,
    fd: -1,
    length: 0,
    offset: 0,
    operationFlags: 0,
    ...asked,
    key: -1,
    result: null,
    submission: 0,
    hasWaited: false,
    shareOf: () => share,
    completed,
  };
}

/** See the module's documentation. */
export class Ring {
  readonly #rings: Rings;
  readonly #inFlight: (RingEntry | null)[] = [];
  readonly #freePlaces: number[] = [];
  /** Entries that the ring of submissions has no room for. */
  #overflow: RingEntry[] = [];
  /** Those that are done, but were not told. */
  #done: RingEntry[] = [];
  #count = 0;
  #turn = 0;
  /** The number of the next submission. */
  #submission = 0;
  #hasThread = false;
  /** Called when there may be something else to wait for. */
  readonly #changed: () => void;

  /**
   * @param rings The kernel's.
   * @param changed Called when there may be something else to wait for.
   */
  constructor(rings: Rings, changed: () => void) {
    this.#rings = rings;
    this.#changed = changed;
  }

  /** How many entries are not told of. */
  get count(): number {
    return this.#count + this.#done.length;
  }

  /** Whether some are done already. */
  get hasDone(): boolean {
    return this.#done.length > 0;
  }

  /**
   * Whether the kernel is known to have a thread for what waits, of which it keeps
   * the last one. Where it can start none, it ends what it has not begun with
   * `ECANCELED`.
   */
  get hasThread(): boolean {
    return this.#hasThread;
  }

  /** Has the kernel find out before it begins the entry that is added next. */
  askForThread(): void {
    if (this.#hasThread) return;
    const opcode = OPCODE.NOP;
    const entryFlags = IOSQE_ASYNC | IOSQE_IO_LINK;
    this.add(newEntry({ opcode, entryFlags }, 0, (result) => {
      if (result >= 0) this.#hasThread = true;
    }));
  }

  /** Puts an entry into the ring: it is handed over by {@linkcode flush}. */
  add(entry: RingEntry): void {
    assert(entry.key === -1, "an entry is in the ring once");
    const place = this.#freePlaces.pop() ?? this.#inFlight.length;
    this.#turn = (this.#turn + 1) % TURNS_MAX;
    entry.key = this.#turn * TWO_TO_32 + place;
    entry.result = null;
    entry.submission = this.#submission;
    this.#inFlight[place] = entry;
    this.#count++;
    if (this.#overflow.length === 0 && this.#rings.isFull) this.#submit();
    if (this.#overflow.length > 0 || this.#rings.isFull) {
      this.#overflow.push(entry);
    } else {
      this.#rings.add(entry, entry.key);
    }
  }

  /** Hands over what is in the ring in a few microtasks: what is made until then, too. */
  readonly flushSoon: () => void = onceQuiet(() => this.flush());

  /** Hands over what is in the ring. */
  flush(): void {
    if (this.#rings.pending === 0 && this.#overflow.length === 0) return;
    this.#submit();
    this.#changed();
  }

  #submit(): void {
    for (;;) {
      this.#refill();
      const before = this.#rings.pending;
      if (before === 0) break;
      const errno = this.#rings.submit();
      if (errno === 0 && this.#rings.pending < before) continue;
      // Out of memory, or of room for completions: later there is some.
      this.#retryLater();
      break;
    }
    // What is done already did not wait for a device.
    this.#reap();
    this.#submission++;
  }

  #refill(): void {
    if (this.#overflow.length === 0) return;
    let taken = 0;
    while (taken < this.#overflow.length && !this.#rings.isFull) {
      const entry = this.#overflow[taken++];
      this.#rings.add(entry, entry.key);
    }
    this.#overflow = this.#overflow.slice(taken);
  }

  readonly #retryLater = coalesced(
    (retry) => setTimeout(retry, RETRY_MS),
    () => this.flush(),
  );

  /** Finds what is done. */
  #reap(): void {
    this.#rings.harvest(this.#reaped);
  }

  readonly #reaped = (place: number, result: number): void => {
    const entry = this.#inFlight[place];
    assert(entry !== null, "what is done was in flight");
    assert(this.#count > 0, "what is done counted");
    this.#inFlight[place] = null;
    this.#freePlaces.push(place);
    this.#count--;
    entry.key = -1;
    entry.result = result;
    entry.hasWaited = entry.submission !== this.#submission;
    if (entry.completed !== null) this.#done.push(entry);
  };

  /**
   * Tells of what is done.
   *
   * @param isEnough Asked after each: whether the event loop is to have its turn.
   * @returns How many that were.
   */
  harvest(isEnough: (entry: RingEntry) => boolean): number {
    this.#reap();
    const done = this.#done;
    let told = 0;
    while (told < done.length) {
      const entry = done[told++];
      entry.completed!(entry.result!);
      if (isEnough(entry)) break;
    }
    // What one is told may have had others found, or one taken out.
    this.#done = this.#done.slice(told);
    return told;
  }

  /**
   * Has the kernel serve what does not wait.
   *
   * @returns What came of it; `null` if the kernel had no room for it at once.
   */
  ask(asked: Asked): number | null {
    const entry = newEntry(asked);
    this.add(entry);
    this.#submit();
    this.#rings.submitAndComplete();
    this.#reap();
    // Others were handed over, or found: there is nothing left for flush().
    if (this.count > 0) this.#changed();
    return entry.result;
  }

  /**
   * Closes a descriptor. A thread of the kernel's does if its file system may take long.
   *
   * @returns Why it failed, or 0; `null` if it is open still, because the kernel had no
   * thread for it.
   */
  close(fd: number): Promise<number | null> {
    return new Promise((resolve) => {
      this.askForThread();
      this.add(newEntry({ opcode: OPCODE.CLOSE, fd }, 0, (result) => {
        const isUnbegun = result === -ECANCELED && !this.hasThread;
        resolve(isUnbegun ? null : -result);
      }));
      this.flushSoon();
    });
  }

  /**
   * Cancels an entry, at once.
   *
   * @returns Whether that was possible: it is told nothing any more then. Not of what
   * is done already: a file system may have ended it with `ECANCELED` itself.
   */
  cancel(entry: RingEntry): boolean {
    if (entry.key === -1) return false;
    const answer = this.ask({
      opcode: OPCODE.ASYNC_CANCEL,
      address: entry.key,
    });
    const isCanceled = answer === 0 && entry.result === -ECANCELED &&
      this.#takeFromDone(entry);
    this.#changed();
    return isCanceled;
  }

  #takeFromDone(entry: RingEntry): boolean {
    const at = this.#done.indexOf(entry);
    if (at !== -1) this.#done.splice(at, 1);
    return at !== -1;
  }

  /** Waits on a thread beside the event loop until something is done. */
  wait(timeout_ms: number): Promise<void> {
    return this.#rings.wait(timeout_ms);
  }
}
