/**
 * Reads files of one file system, cold and warm, and prints what was wrong and how
 * often the page cache was asked. It is mounted here, so that it goes with the
 * namespace that the program runs in.
 */
import {
  AioFile,
  allocatePinned,
  CompletionQueue,
  metrics,
} from "../../mod.ts";
import { assert } from "@std/assert";
import { closeSync, fsyncSync, openSync, writeSync } from "node:fs";
import { evict, pattern, readIntoCache } from "../helpers/mod.ts";

const [directory, fileSystem] = Deno.args;
const MIB = 1024 * 1024;
const FILE_BYTES = 3 * MIB + 123;
/** xfs and btrfs take no less. */
const IMAGE_BYTES = 320 * MIB;
const PAGE_BYTES = 4096;
const mountPoint = `${directory}/mounted`;
const contents = pattern(FILE_BYTES, 1);

function call(command: string, ...args: string[]): void {
  const options = { args, stdout: "null", stderr: "piped" } as const;
  const { success, stderr } = new Deno.Command(command, options).outputSync();
  assert(success, `${command}: ${new TextDecoder().decode(stderr)}`);
}

function mountImage(): void {
  const image = `${directory}/image`;
  Deno.writeFileSync(image, new Uint8Array(0));
  Deno.truncateSync(image, IMAGE_BYTES);
  call(`mkfs.${fileSystem}`, "-q", image);
  call("mount", "-o", "loop", image, mountPoint);
}

function mountOverlay(): void {
  const memory = `${directory}/layers`;
  Deno.mkdirSync(memory);
  for (const name of ["lower", "upper", "work"]) {
    Deno.mkdirSync(`${memory}/${name}`);
  }
  const layers = ["lower", "upper", "work"]
    .map((name) => `${name}dir=${memory}/${name}`).join(",");
  call("mount", "-t", "overlay", "-o", layers, "overlay", mountPoint);
}

Deno.mkdirSync(mountPoint);
if (fileSystem === "tmpfs") call("mount", "-t", "tmpfs", "tmpfs", mountPoint);
else if (fileSystem === "overlay") mountOverlay();
else mountImage();

const path = `${mountPoint}/file`;
const fd = openSync(path, "w");
for (let at = 0; at < FILE_BYTES;) at += writeSync(fd, contents, at);
fsyncSync(fd);
closeSync(fd);

const wrong: string[] = [];
let seed = 1;

/** A whole number below a bound. */
function random(below: number): number {
  seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
  return Math.floor(seed / 2 ** 31 * below);
}

const allocate = [
  (length: number) => new Uint8Array(length),
  allocatePinned,
  (length: number) => new Uint8Array(new SharedArrayBuffer(length)),
];

function check(
  what: string,
  into: Uint8Array,
  offset: number,
  bytes: number,
): void {
  const expected = contents.subarray(offset, offset + into.length);
  const isRight = bytes === expected.length &&
    expected.every((byte, at) => into[at] === byte) &&
    into.subarray(bytes).every((byte) => byte === 0);
  if (!isRight) wrong.push(`${what}: ${into.length} bytes at ${offset}`);
}

/** Reads at random, alone and many at once. */
async function read(what: string, file: AioFile): Promise<void> {
  const asked = () => {
    const length = [1, 100, PAGE_BYTES, 20_000, 131_072, 200_000][random(6)];
    const into = allocate[random(3)](length);
    return { into, offset: random(FILE_BYTES + 10_000) };
  };
  for (let count = 0; count < 50; count++) {
    const { into, offset } = asked();
    check(what, into, offset, await file.readAt(into, offset));
  }
  await Promise.all(Array.from({ length: 100 }, async (_, index) => {
    const { into, offset } = asked();
    const bytes = await file.readAt(into, offset, { priority: index % 3 });
    check(`${what}, at once`, into, offset, bytes);
  }));
  await using queue = new CompletionQueue<number>();
  queue.submit(Array.from({ length: 100 }, (_, tag) => {
    const { into, offset } = asked();
    return { type: "read", file, buffer: into, offset, tag };
  }));
  for await (const { buffer, offset, bytes } of queue.drain()) {
    check(`${what}, by a queue`, buffer!, Number(offset), bytes);
  }
}

const before = metrics();
for (let round = 0; round < 3; round++) {
  await using file = await AioFile.open(path);
  evict(path);
  await read("cold", file);
  evict(path);
  readIntoCache(path, MIB);
  await read("warm in part", file);
  await read("warm", file);
}
const after = metrics();
const hits = after.cacheHits - before.cacheHits;
const misses = after.cacheMisses - before.cacheMisses;
call("umount", mountPoint);
console.log(JSON.stringify({ wrong: wrong.slice(0, 9), hits, misses }));
