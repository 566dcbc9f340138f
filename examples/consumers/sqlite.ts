/**
 * A module to take into a project: the files of SQLite, as a VFS for wa-sqlite.
 *
 * SQLite runs in WebAssembly, in the asynchronous build of wa-sqlite, and reads and
 * writes pages by this class. A statement that waits for the disk does not block the event
 * loop. It needs permission to read and write the directory of the database, too.
 *
 * Locks are those of SQLite's own code on Unix, so that other programs may have the
 * database open as well. Transactions are as durable as by its own VFS: the same files and
 * directories are synchronized.
 *
 * @module
 */
import { open, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
// It declares the types of the next one.
import type {} from "wa-sqlite";
import * as VFS from "wa-sqlite/src/VFS.js";
import { AioFile, type FileLock } from "../../mod.ts";

const JOURNALS = VFS.SQLITE_OPEN_MAIN_JOURNAL |
  VFS.SQLITE_OPEN_SUPER_JOURNAL | VFS.SQLITE_OPEN_WAL;

/** Which bytes SQLite's own code locks, even if the database is shorter. */
const PENDING = { offset: 0x4000_0000, length: 1 };
const RESERVED = { offset: 0x4000_0001, length: 1 };
const READERS = { offset: 0x4000_0002, length: 510 };

/** What a new {@linkcode AioVFS} is given. */
export interface AioVFSOptions {
  /**
   * Whether to lock. Without it nobody else may have the database open; it is for systems
   * that have no locks of open files, where a statement fails otherwise.
   *
   * @default {true}
   */
  locks?: boolean;
}

/** What `vfs_register()` of wa-sqlite takes. */
export class AioVFS extends VFS.Base {
  readonly name = "aio";
  /** The longest path, in bytes. */
  override readonly mxPathName = 4096;
  /** Why the last call failed: SQLite itself tells only "disk I/O error". */
  lastError: unknown;
  readonly #files = new Map<number, AioFile>();
  readonly #locks = new Map<number, DatabaseLock>();
  readonly #isLocking: boolean;
  /** The files that go when they are closed. */
  readonly #temporary = new Map<number, string>();

  constructor({ locks = true }: AioVFSOptions = {}) {
    super();
    this.#isLocking = locks;
  }

  override xOpen(
    name: string | null,
    id: number,
    flags: number,
    outFlags: DataView,
  ): number {
    return this.#run(VFS.SQLITE_CANTOPEN, async () => {
      const path = name ?? join(tmpdir(), `sqlite-${crypto.randomUUID()}`);
      const create = has(flags, VFS.SQLITE_OPEN_CREATE);
      const file = await AioFile.open(path, {
        read: true,
        write: has(flags, VFS.SQLITE_OPEN_READWRITE),
        create,
        createNew: has(flags, VFS.SQLITE_OPEN_EXCLUSIVE),
      }).catch((error) => {
        const isGone = has(flags, JOURNALS) && !create;
        return isGone ? absent(error) : Promise.reject(error);
      });
      // SQLite has just seen the journal: its writer is done meanwhile.
      if (file === null) return VFS.SQLITE_BUSY;
      this.#files.set(id, file);
      if (has(flags, VFS.SQLITE_OPEN_DELETEONCLOSE)) {
        this.#temporary.set(id, path);
      }
      // A journal whose name a loss of power takes away cannot undo anything.
      if (has(flags, JOURNALS)) await syncDirectory(path);
      outFlags.setInt32(0, flags, true);
    });
  }

  override xClose(id: number): number {
    return this.#run(VFS.SQLITE_IOERR_CLOSE, async () => {
      // None, if it could not be opened: SQLite closes it all the same.
      const file = this.#files.get(id), path = this.#temporary.get(id);
      this.#files.delete(id);
      this.#locks.delete(id);
      this.#temporary.delete(id);
      await file?.close();
      if (path !== undefined) await rm(path);
    });
  }

  // @ts-expect-error: wa-sqlite passes a Uint8Array, whatever its types say.
  override xRead(id: number, page: Uint8Array, offset: number): number {
    return this.#run(VFS.SQLITE_IOERR_READ, async () => {
      const bytes = await this.#file(id).readAt(page, offset);
      if (bytes === page.length) return;
      page.fill(0, bytes);
      return VFS.SQLITE_IOERR_SHORT_READ;
    });
  }

  // @ts-expect-error: wa-sqlite passes a Uint8Array, whatever its types say.
  override xWrite(id: number, page: Uint8Array, offset: number): number {
    return this.#run(VFS.SQLITE_IOERR_WRITE, async () => {
      await this.#file(id).writeAt(page, offset);
    });
  }

  override xTruncate(id: number, length: number): number {
    return this.#run(
      VFS.SQLITE_IOERR_TRUNCATE,
      () => this.#file(id).truncate(length),
    );
  }

  override xSync(id: number, flags: number): number {
    return this.#run(VFS.SQLITE_IOERR_FSYNC, () => {
      const file = this.#file(id);
      return has(flags, VFS.SQLITE_SYNC_DATAONLY)
        ? file.syncData()
        : file.sync();
    });
  }

  override xFileSize(id: number, size: DataView): number {
    return this.#run(VFS.SQLITE_IOERR_FSTAT, async () => {
      size.setBigInt64(0, BigInt(await this.#file(id).size()), true);
    });
  }

  override xLock(id: number, level: number): number {
    if (!this.#isLocking) return VFS.SQLITE_OK;
    return this.#run(VFS.SQLITE_IOERR_LOCK, async () => {
      if (!await this.#lock(id).raise(level)) return VFS.SQLITE_BUSY;
    });
  }

  override xUnlock(id: number, level: number): number {
    if (!this.#isLocking) return VFS.SQLITE_OK;
    return this.#run(
      VFS.SQLITE_IOERR_UNLOCK,
      () => this.#lock(id).lower(level),
    );
  }

  override xCheckReservedLock(id: number, isReserved: DataView): number {
    if (!this.#isLocking) return super.xCheckReservedLock(id, isReserved);
    return this.#run(VFS.SQLITE_IOERR_CHECKRESERVEDLOCK, async () => {
      isReserved.setInt32(0, await this.#lock(id).isReserved() ? 1 : 0, true);
    });
  }

  override xDelete(path: string, syncsDirectory: number): number {
    return this.#run(VFS.SQLITE_IOERR_DELETE, async () => {
      await rm(path);
      if (syncsDirectory) await syncDirectory(path);
    });
  }

  override xAccess(path: string, _flags: number, isThere: DataView): number {
    return this.#run(VFS.SQLITE_IOERR_ACCESS, async () => {
      const found = await stat(path).catch(absent);
      isThere.setInt32(0, found === null ? 0 : 1, true);
    });
  }

  /** Has SQLite wait for `work`, whose failure becomes an error code of SQLite. */
  #run(failure: number, work: () => Promise<number | void>): number {
    return this.handleAsync(async () => {
      try {
        return await work() ?? VFS.SQLITE_OK;
      } catch (error) {
        this.lastError = error;
        return failure;
      }
    });
  }

  #file(id: number): AioFile {
    const file = this.#files.get(id);
    if (file === undefined) throw new Error(`SQLite has no file ${id} open`);
    return file;
  }

  #lock(id: number): DatabaseLock {
    let lock = this.#locks.get(id);
    if (lock === undefined) {
      this.#locks.set(id, lock = new DatabaseLock(this.#file(id)));
    }
    return lock;
  }
}

/**
 * What one connection has locked. Its levels are SQLite's: many read (`SHARED`), beside
 * them one may prepare to write (`RESERVED`), and then it has to be alone (`EXCLUSIVE`).
 */
class DatabaseLock {
  readonly #file: AioFile;
  #readers: FileLock | null = null;
  #reserved: FileLock | null = null;
  /** Nobody begins to read while somebody waits until all others have read. */
  #pending: FileLock | null = null;

  constructor(file: AioFile) {
    this.#file = file;
  }

  /** Returns whether nobody else was in the way. */
  async raise(level: number): Promise<boolean> {
    switch (level) {
      case VFS.SQLITE_LOCK_SHARED:
        return this.#readers !== null || await this.#share();
      case VFS.SQLITE_LOCK_RESERVED:
        this.#reserved ??= await this.#file.tryLock(RESERVED);
        return this.#reserved !== null;
      default:
        return this.#readers?.shared === false || await this.#exclude();
    }
  }

  async #share(): Promise<boolean> {
    using pending = await this.#file.tryLock({ ...PENDING, shared: true });
    if (pending === null) return false;
    this.#readers = await this.#file.tryLock({ ...READERS, shared: true });
    return this.#readers !== null;
  }

  async #exclude(): Promise<boolean> {
    this.#pending ??= await this.#file.tryLock(PENDING);
    if (this.#pending === null) return false;
    // Who has PENDING gets its own share back: nobody else can become exclusive.
    this.#readers?.[Symbol.dispose]();
    this.#readers = await this.#file.tryLock(READERS) ??
      await this.#file.tryLock({ ...READERS, shared: true });
    return this.#readers?.shared === false;
  }

  async lower(level: number): Promise<void> {
    if (level === VFS.SQLITE_LOCK_NONE) {
      this.#readers?.[Symbol.dispose]();
      this.#readers = null;
    } else if (this.#readers?.shared === false) {
      this.#readers[Symbol.dispose]();
      this.#readers = await this.#file.tryLock({ ...READERS, shared: true });
      if (this.#readers === null) {
        throw new Error("Somebody ignores SQLite's locks");
      }
    }
    this.#pending?.[Symbol.dispose]();
    this.#reserved?.[Symbol.dispose]();
    this.#pending = this.#reserved = null;
  }

  /** Whether anybody prepares to write. */
  async isReserved(): Promise<boolean> {
    if (this.#reserved !== null) return true;
    using reserved = await this.#file.tryLock({ ...RESERVED, shared: true });
    return reserved === null;
  }
}

/** Whether one of `wanted` is among the flags. */
function has(flags: number, wanted: number): boolean {
  return (flags & wanted) !== 0;
}

/** The name of a file is on disk when its directory is. */
async function syncDirectory(path: string): Promise<void> {
  await using directory = await open(dirname(path));
  await directory.sync();
}

/** @throws Unless the error says that there is no such file. */
function absent(error: Error & { code?: string }): null {
  if (error.code === "ENOENT") return null;
  throw error;
}
