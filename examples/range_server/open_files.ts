/**
 * A part of the tool `range_server.ts`: the files that stay open from one answer to the next.
 *
 * @module
 */

import { type BigIntStats, fstatSync } from "node:fs";
import * as fs from "node:fs/promises";
import { clearInterval, setInterval } from "node:timers";
import { LRUCache } from "lru-cache";
import { AioFile } from "../../mod.ts";

/** For so long a file is kept that nobody asks for: its blocks are not free meanwhile. */
const IDLE_MS = 10_000;

/** A file that is open for as long as an answer needs it. */
export interface Lease {
  file: AioFile;
  stats: BigIntStats;
  /** The answer is done; it may say so more than once. */
  release(): void;
}

/** An open file that answers share: closed when it is neither kept nor in use. */
class SharedFile {
  readonly #opened: Promise<Omit<Lease, "release">>;
  #users = 0;
  #isKept = true;

  constructor(path: string) {
    this.#opened = AioFile.open(path).then((file) => {
      // Of what is open; another file may have that name by now.
      return { file, stats: fstatSync(file.fd, { bigint: true }) };
    });
  }

  async lease(): Promise<Lease> {
    this.#users++;
    let release = () => {
      release = () => {};
      this.#users--;
      this.#closeIfUnused();
    };
    try {
      return { ...await this.#opened, release: () => release() };
    } catch (error) {
      release();
      throw error;
    }
  }

  /** No other answer gets it. */
  retire(): void {
    this.#isKept = false;
    this.#closeIfUnused();
  }

  #closeIfUnused(): void {
    if (this.#isKept || this.#users > 0) return;
    // One that could not be opened has told so already.
    this.#opened.then(({ file }) => file.close()).catch(() => {});
  }
}

/**
 * Opens files, and keeps those open that were asked for last. What is in use stays open in
 * any case.
 */
export class OpenFiles implements Disposable {
  readonly #max: number;
  readonly #idle_ms: number;
  readonly #kept: LRUCache<string, SharedFile>;
  #expiry: ReturnType<typeof setInterval> | null = null;

  /**
   * @param max How many it keeps.
   * @param idle_ms For how long it keeps what nobody asks for; up to twice that.
   */
  constructor(max: number, idle_ms = IDLE_MS) {
    this.#max = max;
    this.#idle_ms = idle_ms;
    this.#kept = new LRUCache({
      max: Math.max(1, max),
      ttl: idle_ms,
      ttlResolution: 0,
      updateAgeOnGet: true,
      dispose: (shared) => shared.retire(),
    });
  }

  /** What a name leads to, if that is open already and has not changed since. */
  async find(name: string): Promise<Lease | null> {
    const shared = this.#kept.get(name);
    if (shared === undefined) return null;
    const lease = await shared.lease().catch(() => null);
    const stats = await fs.stat(name, { bigint: true }).catch(() => null);
    if (lease !== null && stats !== null && isSame(lease.stats, stats)) {
      return lease;
    }
    lease?.release();
    this.#forget(name, shared);
    return null;
  }

  /** Opens what a name leads to, which is a path without symbolic links. */
  async open(name: string, path: string): Promise<Lease> {
    // What others have put here was opened after this answer has looked for it.
    const shared = this.#kept.get(name) ?? new SharedFile(path);
    const lease = shared.lease();
    this.#keep(name, shared);
    try {
      return await lease;
    } catch (error) {
      this.#forget(name, shared);
      throw error;
    }
  }

  #keep(name: string, shared: SharedFile): void {
    if (this.#max === 0) return shared.retire();
    this.#kept.set(name, shared);
    this.#expiry ??= setInterval(() => this.#kept.purgeStale(), this.#idle_ms)
      .unref();
  }

  /** Not what others may have put in its place. */
  #forget(name: string, shared: SharedFile): void {
    if (this.#kept.peek(name) === shared) this.#kept.delete(name);
  }

  /** Closes what is kept, as soon as it is not in use. */
  [Symbol.dispose](): void {
    this.#kept.clear();
    if (this.#expiry !== null) clearInterval(this.#expiry);
  }
}

/** Whether nothing has happened to a file between two looks at it. */
function isSame(one: BigIntStats, other: BigIntStats): boolean {
  return one.ino === other.ino && one.dev === other.dev &&
    one.size === other.size && one.mtimeNs === other.mtimeNs &&
    one.ctimeNs === other.ctimeNs;
}
