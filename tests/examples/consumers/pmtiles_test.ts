/**
 * The package `pmtiles` on the library: the same tiles as through `node:fs`.
 *
 * @module
 */
import { assertEquals, assertRejects } from "@std/assert";
import { openAsBlob } from "node:fs";
import { FileSource, PMTiles, tileIdToZxy, zxyToTileId } from "pmtiles";
import { AioSource } from "../../../examples/consumers/pmtiles.ts";
import { AioError, AioFile } from "../../../mod.ts";
import { tileOf } from "../../../scripts/bench/consumers/pmtiles_archive.ts";
import { makePmtiles } from "../../../scripts/bench/consumers/samples.ts";
import { Directory, testWith } from "../../helpers/mod.ts";

const ZOOM_MAX = 5;
const TILES = zxyToTileId(ZOOM_MAX + 1, 0, 0);

const test = testWith(() => new Directory());

async function sample(directory: Directory): Promise<string> {
  const path = directory.at("map.pmtiles");
  await makePmtiles(path, ZOOM_MAX);
  return path;
}

/** Every tile of an archive, asked for at the same time. */
function tilesOf(archive: PMTiles): Promise<(Uint8Array | undefined)[]> {
  const asked = Array.from({ length: TILES }, async (_, id) => {
    const tile = await archive.getZxy(...tileIdToZxy(id));
    return tile && new Uint8Array(tile.data);
  });
  return Promise.all(asked);
}

test("AioSource gives pmtiles every tile as node:fs does", async (directory) => {
  const path = await sample(directory);
  await using file = await AioFile.open(path);
  const tiles = await tilesOf(new PMTiles(new AioSource(file, path)));
  assertEquals(tiles, Array.from({ length: TILES }, (_, id) => tileOf(id)));
  const throughFs = new File([await openAsBlob(path)], path);
  assertEquals(tiles, await tilesOf(new PMTiles(new FileSource(throughFs))));
});

test("AioSource gives pmtiles the header and the metadata", async (directory) => {
  const path = await sample(directory);
  await using file = await AioFile.open(path);
  const archive = new PMTiles(new AioSource(file, path));
  const { maxZoom, numAddressedTiles } = await archive.getHeader();
  assertEquals([maxZoom, numAddressedTiles], [ZOOM_MAX, TILES]);
  assertEquals(await archive.getMetadata(), { name: "a test" });
  assertEquals(await archive.getZxy(ZOOM_MAX + 1, 0, 0), undefined);
});

test("AioSource cancels by pmtiles' signal what has not begun", async (directory) => {
  await using file = await AioFile.open(directory.file("0123456789"));
  const source = new AioSource(file, "digits");
  // pmtiles itself looks at the signal as well, so it is not asked here.
  const signal = AbortSignal.abort(new Error("the map was moved"));
  const asked = () => source.getBytes(0, 4, signal);
  await assertRejects(asked, Error, "the map was moved");
  const { data } = await source.getBytes(7, 4, new AbortController().signal);
  assertEquals(new TextDecoder().decode(data), "789");
});

test("AioSource hands the library's errors on, and leaves pmtiles its own", async (directory) => {
  const file = await AioFile.open(directory.file("x".repeat(1_000)));
  await assertRejects(
    () => new PMTiles(new AioSource(file, "other")).getHeader(),
    Error,
    "Wrong magic number",
  );
  await file.close();
  const error = await assertRejects(
    () => new PMTiles(new AioSource(file, "closed")).getHeader(),
    AioError,
  );
  assertEquals(error.code, "EBADF");
});
