/**
 * hyparquet on the library: the same rows as through `node:fs`.
 *
 * @module
 */
import { assertEquals, assertRejects } from "@std/assert";
import {
  asyncBufferFromFile,
  parquetMetadataAsync,
  parquetReadObjects,
} from "hyparquet";
import { parquetBuffer } from "../../../examples/consumers/parquet.ts";
import { AioError, AioFile } from "../../../mod.ts";
import {
  makeParquet,
  textOf,
} from "../../../scripts/bench/consumers/samples.ts";
import { Directory, testWith } from "../../helpers/mod.ts";

const ROWS = 5_000, ROWS_IN_GROUP = 700;

const test = testWith(() => new Directory());

async function sample(directory: Directory): Promise<string> {
  const path = directory.at("rows.parquet");
  await makeParquet(path, ROWS, ROWS_IN_GROUP);
  return path;
}

test("parquetBuffer() gives hyparquet every row as node:fs does", async (directory) => {
  const path = await sample(directory);
  await using file = await AioFile.open(path);
  const rows = await parquetReadObjects({ file: await parquetBuffer(file) });
  assertEquals(rows.length, ROWS);
  assertEquals(rows[4_321], {
    id: 4_321,
    root: Math.sqrt(4_321),
    text: textOf(4_321),
  });
  const throughFs = await asyncBufferFromFile(path);
  assertEquals(rows, await parquetReadObjects({ file: throughFs }));
});

test("parquetBuffer() gives hyparquet some columns of some rows", async (directory) => {
  await using file = await AioFile.open(await sample(directory));
  const rows = await parquetReadObjects({
    file: await parquetBuffer(file),
    columns: ["text"],
    rowStart: 1_399, // the last of a group of rows, and the first of the next
    rowEnd: 1_401,
  });
  assertEquals(rows, [{ text: textOf(1_399) }, { text: textOf(1_400) }]);
});

test("parquetBuffer() gives several queries of one file at the same time", async (directory) => {
  await using file = await AioFile.open(await sample(directory));
  const buffer = await parquetBuffer(file);
  const metadata = await parquetMetadataAsync(buffer);
  const queries = Array.from({ length: 20 }, (_, i) =>
    parquetReadObjects({
      file: buffer,
      metadata,
      columns: ["id"],
      rowStart: i * 250,
      rowEnd: i * 250 + 1,
    }));
  assertEquals(
    (await Promise.all(queries)).flat(),
    Array.from({ length: 20 }, (_, i) => ({ id: i * 250 })),
  );
});

test("parquetBuffer() has slices that end with the file, and empty ones", async (directory) => {
  await using file = await AioFile.open(directory.file("0123456789"));
  const { byteLength, slice } = await parquetBuffer(file);
  const text = async (start: number, end?: number) =>
    new TextDecoder().decode(await slice(start, end));
  assertEquals(byteLength, 10);
  assertEquals(await text(2, 5), "234");
  assertEquals(await text(7), "789");
  assertEquals(await text(8, 99), "89");
  assertEquals(await text(4, 4), "");
});

test("parquetBuffer() hands the library's errors on, and leaves hyparquet its own", async (directory) => {
  await using other = await AioFile.open(directory.file("no Parquet file"));
  await assertRejects(
    async () => parquetMetadataAsync(await parquetBuffer(other)),
    Error,
    "parquet file invalid",
  );
  const file = await AioFile.open(await sample(directory));
  const buffer = await parquetBuffer(file);
  await file.close();
  const error = await assertRejects(
    () => parquetReadObjects({ file: buffer }),
    AioError,
  );
  assertEquals(error.code, "EBADF");
});
