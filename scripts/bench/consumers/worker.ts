// One run of a package that reads a file of its format, through the library or through
// node:fs, in a process of its own; on Node and Bun as well.
//
//   deno run -A worker.ts '{"path": …}'     (a Task of workloads.ts)
//
// Variants: library, node-fs.
import { type Reader, Uint8ArrayWriter, ZipReader } from "@zip.js/zip.js";
import { parquetMetadataAsync, parquetReadObjects } from "hyparquet";
import { readFileSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { PMTiles, type Source, tileIdToZxy, zxyToTileId } from "pmtiles";
import { Factory } from "wa-sqlite";
import createModule from "wa-sqlite/dist/wa-sqlite-async.mjs";
import { parquetBuffer } from "../../../examples/consumers/parquet.ts";
import { AioSource } from "../../../examples/consumers/pmtiles.ts";
import { AioVFS } from "../../../examples/consumers/sqlite.ts";
import { AioReader } from "../../../examples/consumers/zip.ts";
import { AioFile } from "../../../mod.ts";
import { drive, finish } from "../measure.mjs";
import type { Consumer, Task } from "../workloads.ts";
import { ENTRIES, ROWS, ZOOM_MAX } from "./extent.ts";
import * as fs from "./node_fs.ts";

/** Does one operation, and is given a number that decides which. */
type Operate = (chosen: number) => Promise<void>;

const ROWS_READ = 100;
const TILES = zxyToTileId(ZOOM_MAX + 1, 0, 0);

const ways: Record<Consumer, (path: string) => Promise<Operate>> = {
  parquet: readRows,
  zip: readEntries,
  pmtiles: readTiles,
  sqlite: queryRows,
};

const task: Task = JSON.parse(process.argv[2]);
const isLibrary = task.variant === "library";
const operate = await ways[task.consumer!](task.path);
const measurement = await drive(task, async (_: number, offset: number) => {
  await operate(offset / task.blockBytes);
  return task.blockBytes;
});
finish(task.variant, measurement.report());

/** Opens a file, and gives what the consumer reads it by. */
async function opened<T>(
  path: string,
  byLibrary: (file: AioFile) => T | Promise<T>,
  byFs: (file: FileHandle) => T | Promise<T>,
): Promise<T> {
  return await (isLibrary
    ? byLibrary(await AioFile.open(path))
    : byFs(await open(path)));
}

async function readRows(path: string): Promise<Operate> {
  const file = await opened(path, parquetBuffer, fs.parquetBuffer);
  const metadata = await parquetMetadataAsync(file);
  return async (chosen) => {
    const rowStart = chosen * ROWS_READ % ROWS;
    const rowEnd = rowStart + ROWS_READ;
    await parquetReadObjects({ file, metadata, rowStart, rowEnd });
  };
}

async function readEntries(path: string): Promise<Operate> {
  const reader = await opened<Reader<unknown>>(
    path,
    (file) => new AioReader(file),
    (file) => new fs.FsReader(file),
  );
  const entries = await new ZipReader(reader).getEntries();
  return async (chosen) => {
    const entry = entries[chosen % ENTRIES];
    if (entry.directory) throw new Error("There should be files only");
    await entry.getData(new Uint8ArrayWriter());
  };
}

async function readTiles(path: string): Promise<Operate> {
  const source = await opened<Source>(
    path,
    (file) => new AioSource(file, path),
    (file) => new fs.FsSource(file, path),
  );
  const archive = new PMTiles(source);
  return async (chosen) => {
    const tile = await archive.getZxy(...tileIdToZxy(chosen % TILES));
    if (tile === undefined) throw new Error("Every tile should be there");
  };
}

async function queryRows(path: string): Promise<Operate> {
  const wasm = import.meta.resolve("wa-sqlite/dist/wa-sqlite-async.wasm");
  // Node cannot fetch it.
  const wasmBinary = readFileSync(fileURLToPath(wasm));
  const sqlite = Factory(await createModule({ wasmBinary }));
  const vfs = isLibrary ? new AioVFS() : new fs.FsVFS();
  sqlite.vfs_register(vfs as unknown as SQLiteVFS, true);
  const database = await sqlite.open_v2(path);
  // Hardly a cache, so that pages are read.
  await sqlite.exec(database, "PRAGMA cache_size = 10");
  return async (chosen) => {
    const id = chosen % ROWS;
    await sqlite.exec(database, `SELECT text FROM texts WHERE id = ${id}`);
  };
}
