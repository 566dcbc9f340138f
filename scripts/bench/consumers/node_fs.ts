/**
 * What `examples/consumers/` has for an `AioFile`, for a `FileHandle` of `node:fs`: the
 * peers that it is measured beside, and compared with in tests.
 *
 * @module
 */
import { Reader } from "@zip.js/zip.js";
import type { AsyncBuffer } from "hyparquet";
import { type FileHandle, open, stat } from "node:fs/promises";
import type { RangeResponse, Source } from "pmtiles";
// It declares the types of the next one.
import type {} from "wa-sqlite";
import * as VFS from "wa-sqlite/src/VFS.js";

async function readBytes(
  file: FileHandle,
  offset: number,
  length: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(length);
  const { bytesRead } = await file.read(bytes, 0, length, offset);
  return bytesRead === length ? bytes : bytes.slice(0, bytesRead);
}

/** A Parquet file. */
export async function parquetBuffer(file: FileHandle): Promise<AsyncBuffer> {
  const { size } = await file.stat();
  return {
    byteLength: size,
    slice: async (start, end = size) =>
      (await readBytes(file, start, end - start)).buffer,
  };
}

/** A ZIP file. */
export class FsReader extends Reader<FileHandle> {
  readonly #file: FileHandle;

  constructor(file: FileHandle) {
    super(file);
    this.#file = file;
  }

  override async init(): Promise<void> {
    this.size = (await this.#file.stat()).size;
    await super.init?.();
  }

  override readUint8Array(offset: number, length: number): Promise<Uint8Array> {
    return readBytes(this.#file, offset, length);
  }
}

/** A PMTiles archive. */
export class FsSource implements Source {
  constructor(private readonly file: FileHandle, private readonly key: string) {
  }

  getKey(): string {
    return this.key;
  }

  async getBytes(offset: number, length: number): Promise<RangeResponse> {
    return { data: (await readBytes(this.file, offset, length)).buffer };
  }
}

/** A database that is only read. */
export class FsVFS extends VFS.Base {
  readonly name = "node-fs";
  override readonly mxPathName = 4096;
  readonly #files = new Map<number, FileHandle>();

  override xOpen(
    path: string,
    id: number,
    flags: number,
    outFlags: DataView,
  ): number {
    return this.handleAsync(async () => {
      this.#files.set(id, await open(path));
      outFlags.setInt32(0, flags, true);
      return VFS.SQLITE_OK;
    });
  }

  override xClose(id: number): number {
    return this.handleAsync(async () => {
      await this.#files.get(id)!.close();
      return VFS.SQLITE_OK;
    });
  }

  // @ts-expect-error: wa-sqlite passes a Uint8Array, whatever its types say.
  override xRead(id: number, page: Uint8Array, offset: number): number {
    return this.handleAsync(async () => {
      const file = this.#files.get(id)!;
      const { bytesRead } = await file.read(page, 0, page.length, offset);
      if (bytesRead === page.length) return VFS.SQLITE_OK;
      page.fill(0, bytesRead);
      return VFS.SQLITE_IOERR_SHORT_READ;
    });
  }

  override xFileSize(id: number, size: DataView): number {
    return this.handleAsync(async () => {
      const { size: bytes } = await this.#files.get(id)!.stat();
      size.setBigInt64(0, BigInt(bytes), true);
      return VFS.SQLITE_OK;
    });
  }

  override xAccess(path: string, _flags: number, isThere: DataView): number {
    return this.handleAsync(async () => {
      const found = await stat(path).catch(() => null);
      isThere.setInt32(0, found === null ? 0 : 1, true);
      return VFS.SQLITE_OK;
    });
  }
}
