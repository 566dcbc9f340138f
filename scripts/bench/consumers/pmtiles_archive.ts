/**
 * A PMTiles archive, made as the specification of version 3 says: a header, directories
 * of where each tile lies, metadata, and the tiles in the order of their numbers.
 *
 * @module
 */
import { gzipSync } from "node:zlib";
import { zxyToTileId } from "pmtiles";

const HEADER_BYTES = 127;
const ENTRIES_IN_LEAF = 256;
const GZIP = 2, UNCOMPRESSED = 1, UNKNOWN_TYPE = 0, CLUSTERED = 1;

/** A line of a directory. A tile, or with no run a directory. */
interface Entry {
  id: number;
  run: number;
  offset: number;
  length: number;
}

/** The contents of a tile: they tell which one it is. */
export function tileOf(id: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(2_000 + id * 37 % 9_000);
  return bytes.map((_, at) => (id * 31 + at * 7) % 251);
}

/** An archive of all tiles of the zooms 0 to `zoomMax`. */
export function pmtilesArchive(zoomMax: number): Uint8Array {
  // Tiles have numbers from 0 on, zoom after zoom.
  const count = zxyToTileId(zoomMax + 1, 0, 0);
  const tiles = Array.from({ length: count }, (_, id) => tileOf(id));
  const entries = placesOf(tiles).map((place, id) => ({
    ...place,
    id,
    run: 1,
  }));
  const starts: number[] = [];
  for (let at = 0; at < count; at += ENTRIES_IN_LEAF) starts.push(at);
  const leaves = starts.map((at) =>
    directory(entries.slice(at, at + ENTRIES_IN_LEAF))
  );
  const root = directory(
    placesOf(leaves).map((place, i) => ({ ...place, id: starts[i], run: 0 })),
  );
  const metadata = gzipSync('{"name":"a test"}');
  const header = headerOf({ zoomMax, count, root, metadata, leaves, tiles });
  return concat([header, root, metadata, ...leaves, ...tiles]);
}

function headerOf({ zoomMax, count, root, metadata, leaves, tiles }: {
  zoomMax: number;
  count: number;
  root: Uint8Array;
  metadata: Uint8Array;
  leaves: Uint8Array[];
  tiles: Uint8Array[];
}): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES), view = new DataView(bytes.buffer);
  new TextEncoder().encodeInto("PMTiles", bytes);
  bytes[7] = 3;
  let at = 8;
  const put = (value: number) => {
    view.setBigUint64(at, BigInt(value), true);
    at += 8;
  };
  let offset = HEADER_BYTES;
  for (const part of [[root], [metadata], leaves, tiles]) {
    const length = bytesOf(part);
    put(offset);
    put(length);
    offset += length;
  }
  // Tiles that have a place, entries of directories, and different contents.
  for (const number of [count, count, count]) put(number);
  bytes.set([CLUSTERED, GZIP, UNCOMPRESSED, UNKNOWN_TYPE, 0, zoomMax], at);
  return bytes;
}

/** A directory is a column after the other, of numbers of a variable length. */
function directory(entries: Entry[]): Uint8Array {
  const numbers = [
    entries.length,
    ...entries.map(({ id }, i) => id - (entries[i - 1]?.id ?? 0)),
    ...entries.map(({ run }) => run),
    ...entries.map(({ length }) => length),
    // 0: behind the entry before.
    ...entries.map(({ offset }, i) => i === 0 ? offset + 1 : 0),
  ];
  return gzipSync(Uint8Array.from(numbers.flatMap(varint)));
}

/** Seven bits a byte, the lowest first; the eighth says that more come. */
function varint(value: number): number[] {
  const low = value % 128;
  return value < 128 ? [low] : [low + 128, ...varint(Math.floor(value / 128))];
}

/** Where each part lies when they stand one behind the other. */
function placesOf(parts: Uint8Array[]): { offset: number; length: number }[] {
  let end = 0;
  return parts.map(({ length }) => ({
    length,
    offset: (end += length) - length,
  }));
}

function bytesOf(parts: Uint8Array[]): number {
  return parts.reduce((sum, { length }) => sum + length, 0);
}

function concat(parts: Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(bytesOf(parts));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
