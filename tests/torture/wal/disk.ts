/**
 * What may be on a disk when the power fails. What was synchronized is there. Of the
 * rest, each sector is as it was at some moment since, or was never written, the size
 * is that of some moment, and of the changes to names the first few were made.
 *
 * @module
 */
import type { RandomGenerator } from "pure-rand/types/RandomGenerator";
import { uniformInt } from "pure-rand/distribution/uniformInt";
import { dirname } from "node:path";
import type { Call, Event } from "./trace.ts";

const SECTOR_BYTES = 512;

type Change = Call & { name: "write" | "truncate" };
type Naming = Call & { name: "create" | "rename" | "unlink" };

/** How the moments of sectors and sizes are chosen. */
export const MODES = ["synced", "all", "torn", "mixed", "stale"] as const;

/** See {@linkcode MODES}. */
export type Mode = typeof MODES[number];

interface Pending<T> {
  call: T;
  hasEnded: boolean;
}

class Inode {
  /** What is on disk for sure. */
  synced = new Uint8Array(0);
  /** What came since, in order. */
  readonly pending: Pending<Change>[] = [];
  /** As programs see it. */
  size = 0;

  /** What is on disk at this moment, perhaps. */
  content(mode: Mode, random: RandomGenerator): Uint8Array<ArrayBuffer> {
    const changes = this.pending.map(({ call }) => call);
    const sizes = [this.synced.length];
    for (const change of changes) {
      sizes.push(sizeAfter(change, sizes[sizes.length - 1]));
    }
    const pick = picker(mode, changes.length, random);
    const sectors = Math.ceil(Math.max(...sizes) / SECTOR_BYTES);
    const moments = Array.from({ length: sectors }, pick);
    const content = new Uint8Array(Math.max(...sizes));
    content.set(this.synced);
    changes.forEach((change, index) =>
      apply(change, content, (sector) => moments[sector] > index)
    );
    if (mode === "stale") {
      moments.forEach((moment, sector) => {
        const start = sector * SECTOR_BYTES;
        if (sizes[moment] > start) return;
        content.fill(uniformInt(random, 0, 255), start, start + SECTOR_BYTES);
      });
    }
    return content.slice(0, sizes[pick()]);
  }

  /** What had ended by the time that a synchronization began is on disk now. */
  commit(covered: ReadonlySet<Change>): void {
    for (const { call } of this.pending) {
      if (!covered.has(call)) continue;
      const size = sizeAfter(call, this.synced.length);
      const content = new Uint8Array(Math.max(size, this.synced.length));
      content.set(this.synced);
      apply(call, content, () => true);
      this.synced = content.slice(0, size);
    }
    const left = this.pending.filter(({ call }) => !covered.has(call));
    this.pending.splice(0, this.pending.length, ...left);
  }
}

function sizeAfter(change: Change, size: number): number {
  if (change.name === "truncate") return change.length;
  return Math.max(size, change.offset + change.data.length);
}

/** Chooses a moment: how many of `count` changes were made by then. */
function picker(
  mode: Mode,
  count: number,
  random: RandomGenerator,
): () => number {
  const last = uniformInt(random, Math.min(1, count), count);
  switch (mode) {
    case "synced":
      return () => 0;
    case "all":
      return () => count;
    case "torn":
      return () => Math.max(0, last - uniformInt(random, 0, 1));
    case "mixed":
    case "stale":
      return () => uniformInt(random, 0, count);
  }
}

function apply(
  change: Change,
  content: Uint8Array,
  isMade: (sector: number) => boolean,
): void {
  const begin = change.name === "write" ? change.offset : change.length;
  const end = change.name === "write"
    ? change.offset + change.data.length
    : content.length;
  for (let at = begin; at < end;) {
    const sector = Math.floor(at / SECTOR_BYTES);
    const next = Math.min(end, (sector + 1) * SECTOR_BYTES);
    if (isMade(sector)) {
      if (change.name === "truncate") content.fill(0, at, next);
      else content.set(change.data.subarray(at - begin, next - begin), at);
    }
    at = next;
  }
}

/** Files of one directory, as they are seen and as they are on disk. */
export class Disk {
  readonly #directory: string;
  readonly #log: string;
  /** The names that programs see, and those that are on disk for sure. */
  readonly #names = new Map<string, Inode>();
  #syncedNames = new Map<string, Inode>();
  readonly #pending: (Pending<Naming> & { inode: Inode })[] = [];
  /** What each synchronization that is running will have on disk. */
  readonly #covered = new Map<Call, ReadonlySet<Call>>();

  /** @param log The file to which writes at offset 0 are appends. */
  constructor(log: string) {
    this.#log = log;
    this.#directory = dirname(log);
  }

  /** How many changes there are that may be lost. */
  get unsynced(): number {
    let count = this.#pending.length;
    for (const inode of this.#names.values()) count += inode.pending.length;
    return count;
  }

  /** Takes what happened next. */
  add(event: Event): void {
    if ("begun" in event) this.#begin(event.begun);
    else this.#end(event.ended);
  }

  /** What is on disk, perhaps: the contents of files by their names. */
  state(mode: Mode, random: RandomGenerator): Map<string, Uint8Array> {
    const names = new Map(this.#syncedNames);
    const pick = picker(mode, this.#pending.length, random);
    for (const { call, inode } of this.#pending.slice(0, pick())) {
      rename(call, inode, names);
    }
    const contents = new Map<string, Uint8Array>();
    for (const [name, inode] of names) {
      contents.set(name, inode.content(mode, random));
    }
    return contents;
  }

  #begin(call: Call): void {
    switch (call.name) {
      case "write":
      case "truncate":
        return this.#change(call);
      case "sync":
        this.#covered.set(call, this.#endedOf(call.path));
        return;
      default: {
        const inode = call.name === "create"
          ? new Inode()
          : this.#inode(call.name === "rename" ? call.from : call.path);
        rename(call, inode, this.#names);
        this.#pending.push({ call, inode, hasEnded: false });
      }
    }
  }

  #change(call: Change): void {
    const inode = this.#inode(call.path);
    if (call.name === "write" && call.path === this.#log && call.offset === 0) {
      // Where it goes would not be known.
      const isAlone = inode.pending.every(({ hasEnded }) => hasEnded);
      if (!isAlone) throw new Error("Two appends run at the same time");
      call.offset = inode.size;
    }
    inode.size = sizeAfter(call, inode.size);
    inode.pending.push({ call, hasEnded: false });
  }

  #end(call: Call): void {
    if (call.name !== "sync") {
      for (const pending of this.#all()) {
        if (pending.call === call) pending.hasEnded = true;
      }
      return;
    }
    const covered = this.#covered.get(call)!;
    this.#covered.delete(call);
    if (call.path === this.#directory) {
      while (this.#pending.length > 0 && covered.has(this.#pending[0].call)) {
        const { call, inode } = this.#pending.shift()!;
        rename(call, inode, this.#syncedNames);
      }
    } else {
      this.#inode(call.path).commit(covered as ReadonlySet<Change>);
    }
  }

  /** What a synchronization that begins now covers. */
  #endedOf(path: string): ReadonlySet<Call> {
    const pending = path === this.#directory
      ? this.#pending
      : this.#inode(path).pending;
    return new Set(
      pending.filter(({ hasEnded }) => hasEnded).map(({ call }) => call),
    );
  }

  #all(): Pending<Call>[] {
    const ofFiles = [...this.#names.values()].flatMap(({ pending }) => pending);
    return [...this.#pending, ...ofFiles];
  }

  #inode(path: string): Inode {
    const inode = this.#names.get(path);
    if (inode === undefined) throw new Error(`${path} is not known`);
    return inode;
  }
}

function rename(call: Naming, inode: Inode, names: Map<string, Inode>): void {
  if (call.name === "rename") names.delete(call.from);
  if (call.name === "unlink") names.delete(call.path);
  else names.set(call.name === "rename" ? call.to : call.path, inode);
}
