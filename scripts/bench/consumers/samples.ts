/**
 * Files of formats that other packages read: Parquet, ZIP, PMTiles, SQLite. Each is made
 * by somebody else's code, or as its specification says, and is the same every time.
 *
 * @module
 */
import { TextReader, ZipWriter } from "@zip.js/zip.js";
import { parquetWriteBuffer } from "hyparquet-writer";
import { writeFile } from "node:fs/promises";
import { DatabaseSync } from "node:sqlite";
import { AioFile } from "../../../mod.ts";
import type { Consumer } from "../workloads.ts";
import { ENTRIES, ROWS, ROWS_IN_GROUP, ZOOM_MAX } from "./extent.ts";
import { pmtilesArchive } from "./pmtiles_archive.ts";

const makes: Record<Consumer, (path: string) => Promise<void> | void> = {
  parquet: (path) => makeParquet(path, ROWS, ROWS_IN_GROUP),
  zip: (path) => makeZip(path, ENTRIES),
  pmtiles: (path) => makePmtiles(path, ZOOM_MAX),
  sqlite: (path) => makeSqlite(path, ROWS),
};

/** Makes the file that a package is measured by. */
export async function makeSample(
  consumer: Consumer,
  path: string,
): Promise<void> {
  await makes[consumer](path);
}

/** A text of words that tells where it belongs. */
export function textOf(id: number): string {
  return `row ${id} `.repeat(1 + id % 17);
}

/** A Parquet file of three columns, compressed by Snappy, in groups of rows. */
export async function makeParquet(
  path: string,
  rows: number,
  rowGroupSize: number,
): Promise<void> {
  const ids = Array.from({ length: rows }, (_, id) => id);
  const columnData = [
    { name: "id", data: Int32Array.from(ids), type: "INT32" as const },
    { name: "root", data: ids.map(Math.sqrt), type: "DOUBLE" as const },
    { name: "text", data: ids.map(textOf), type: "STRING" as const },
  ];
  const file = parquetWriteBuffer({ columnData, rowGroupSize });
  await writeFile(path, new Uint8Array(file));
}

/** The name of an entry of {@linkcode makeZip}. */
export function entryName(index: number): string {
  return `folder/entry ${index}.txt`;
}

/** The text of an entry of {@linkcode makeZip}: about 64 KiB of numbers. */
export function entryText(index: number): string {
  return Array.from({ length: 9_000 }, (_, at) => (at * (index + 1)) % 99_991)
    .join("\n");
}

/** A ZIP file of deflated texts, written by zip.js through the library. */
export async function makeZip(path: string, entries: number): Promise<void> {
  await using file = await AioFile.open(path, { write: true, create: true });
  const zip = new ZipWriter(file.writable());
  for (let index = 0; index < entries; index++) {
    await zip.add(entryName(index), new TextReader(entryText(index)));
  }
  await zip.close();
}

/** A PMTiles archive of all tiles of the zooms 0 to `zoomMax`. */
export async function makePmtiles(
  path: string,
  zoomMax: number,
): Promise<void> {
  await writeFile(path, pmtilesArchive(zoomMax));
}

/** An SQLite database with one table, `texts`, by the runtime's own SQLite. */
export function makeSqlite(path: string, rows: number): void {
  const database = new DatabaseSync(path);
  try {
    database.exec("CREATE TABLE texts (id INTEGER PRIMARY KEY, text TEXT)");
    database.exec("BEGIN");
    const insert = database.prepare("INSERT INTO texts VALUES (?, ?)");
    for (let id = 0; id < rows; id++) insert.run(id, textOf(id));
    database.exec("COMMIT");
  } finally {
    database.close();
  }
}
