/**
 * What was written to a file, and what has to be durable of it.
 *
 * @module
 */
import { Buffer } from "node:buffer";

/** A write, of a place that no other one writes to. */
export interface Entry {
  readonly bytes: Uint8Array;
  /** In bytes; `null` for an append, which is found by what it says. */
  readonly offset: number | null;
  readonly isSlow: boolean;
  outcome: "in flight" | "resolved" | "rejected";
  /** Its writer knows that it may be lost: a synchronization said so. */
  isGivenUp: boolean;
  /** A violation was reported. */
  isReported: boolean;
}

/** What is to be known of a write. */
export interface WriteTraits {
  /** Whether it is durable when it resolves. */
  readonly isDurable: boolean;
  /** Whether parts of it are submitted some time after the call. */
  readonly isSlow?: boolean;
}

/** Bytes of a part of a file. */
export type Read = (offset: number, length: number) => Uint8Array;

/** Tells what is durable in a file at this moment. */
export interface Durable {
  /** What reads as the file is at this moment. */
  readonly now: () => Read;
  /** Where appends go, from the first one on. */
  readonly appended: { readonly offset: number; readonly length: number };
}

/** More than there are between an outcome and who awaits it, in one turn. */
const HOPS = 20;

/** See the module's documentation. */
export class Ledger {
  readonly #durable: Durable;
  readonly #entries: Entry[] = [];
  readonly #acknowledged = new Set<Entry>();
  /** What is wrong: something that was acknowledged is not durable. */
  readonly violations: string[] = [];
  readonly counts = { resolved: 0, rejected: 0, synced: 0, unsynced: 0 };

  constructor(durable: Durable) {
    this.#durable = durable;
  }

  /** Follows a write. */
  async write(
    bytes: Uint8Array,
    offset: number | null,
    { isDurable, isSlow = false }: WriteTraits,
    call: () => Promise<unknown>,
  ): Promise<void> {
    const entry: Entry = {
      bytes,
      offset,
      isSlow,
      outcome: "in flight",
      isGivenUp: false,
      isReported: false,
    };
    this.#entries.push(entry);
    try {
      await call();
      entry.outcome = "resolved";
      this.counts.resolved++;
      if (isDurable) this.#check([entry], "a write resolved");
    } catch (error) {
      const { code } = error as { code?: string };
      if (code === "EAGAIN") this.violations.push("EAGAIN reached a caller");
      entry.outcome = "rejected";
      this.counts.rejected++;
    }
  }

  /** Checks all that was ever acknowledged once more, by another reading. */
  recheck(what: string, read: Read): void {
    this.#check([...this.#acknowledged], what, read);
  }

  /** Follows a synchronization. Returns whether it resolved. */
  async sync(call: () => Promise<unknown>): Promise<boolean> {
    // What an earlier one failed for is lost for good.
    const submitted = this.#entries.filter(({ isGivenUp }) => !isGivenUp);
    const covered = submitted.filter(({ isSlow, outcome }) =>
      !isSlow || outcome === "resolved"
    );
    const settling = Promise.allSettled([call()]);
    // One that has failed already may not have come to its caller yet.
    for (let hop = 0; hop < HOPS; hop++) await null;
    const owed = covered.filter(({ isGivenUp }) => !isGivenUp);
    const [outcome] = await settling;
    if (outcome.status === "fulfilled") {
      this.counts.synced++;
      this.#check(owed, "a synchronization resolved");
      return true;
    }
    // What was canceled says nothing about the disk.
    if (outcome.reason.name === "AbortError") return false;
    for (const entry of submitted) entry.isGivenUp = true;
    this.counts.unsynced++;
    return false;
  }

  #check(
    covered: Entry[],
    what: string,
    read: Read = this.#durable.now(),
  ): void {
    const { appended } = this.#durable;
    let tail: Buffer | undefined;
    let last = -1;
    for (const entry of covered) {
      const { bytes, offset, outcome } = entry;
      if (outcome !== "resolved" || entry.isReported) continue;
      this.#acknowledged.add(entry);
      if (offset === null) {
        tail ??= Buffer.from(read(appended.offset, appended.length));
        const at = tail.indexOf(bytes);
        if (at < 0) this.#report(what, "an append is not durable", entry);
        else if (at < last) this.#report(what, "appends changed order", entry);
        else last = at;
      } else if (!isEqual(read(offset, bytes.length), bytes)) {
        this.#report(what, `the write at ${offset} is not durable`, entry);
      }
    }
  }

  #report(what: string, problem: string, entry: Entry): void {
    entry.isReported = true;
    this.#acknowledged.delete(entry);
    this.violations.push(`${what}: ${problem}, ${entry.bytes.length} bytes`);
  }
}

function isEqual(one: Uint8Array, other: Uint8Array): boolean {
  return Buffer.compare(one, other) === 0;
}

/** Bytes for an append, which say which one it is, from the first to the last. */
export function recordOf(id: number, length: number): Uint8Array {
  const text = `<${id}:`;
  return Buffer.from(`${text.padEnd(length - 1, `${id % 10}`)}>`);
}
