/**
 * A disk that fails to write some blocks of a file, and nothing else: ext4 on a
 * loop device, whose image lies in a file system in memory that is full. What the
 * image has holes for cannot be written, so write-back fails with `EIO`, some
 * time after write(2) has succeeded.
 *
 * For programs in a namespace of their own, see `namespace.ts`.
 *
 * @module
 */
import { assert } from "@std/assert";
import { openSync, readSync, writeFileSync } from "node:fs";
import { mountsImages, succeedsInNamespace } from "./namespace.ts";

/** Of the file system. */
export const BLOCK_BYTES = 4096;
/** One block group: what describes blocks is there from the beginning. */
const IMAGE_BYTES = 120 * 1024 * 1024;
/**
 * The file lies in pieces of so many blocks, with a gap between any two, and a piece
 * fails as a whole: a loop device takes what is written in one go for written when
 * only its first part is. Besides, a file of many pieces has a block that lists
 * them from the beginning; one that was needed later might be lost itself.
 */
const PIECE_BLOCKS = 256;
const MEMORY_BYTES = 2 * IMAGE_BYTES;

/** Whether such disks can be had: by root, with loop devices. */
export function canHaveDisks(): boolean {
  return succeedsInNamespace("command -v filefrag") && mountsImages();
}

/** Blocks that follow each other, in the file and in the image. */
interface Extent {
  /** Where in the file it begins, in blocks. */
  readonly inFile: number;
  readonly inImage: number;
  readonly blocks: number;
}

/** Whether a piece whose first block in the file is this one cannot be written. */
export type IsPieceFailing = (firstBlock: number) => boolean;

/** See the module's documentation. */
export class FailingDisk {
  /** Of the file, which is full of `z` in the beginning. */
  readonly path: string;
  readonly #blocks: number;
  readonly #mountPoint: string;
  readonly #image: string;
  /** To look at what is on disk, past ext4 and its page cache. */
  readonly #imageFd: number;
  /** As the file was in the beginning, with all of the room. */
  readonly #failing: Extent[];
  /** A block that has a place keeps it. */
  #known: Extent[] = [];

  /**
   * @param directory For the mount points, and empty.
   * @param blocks How long the file is.
   * @param room For how many blocks more the file may grow; `isPieceFailing` is
   * asked of those as well, but which of them is used first is up to the file
   * system.
   * @param isPieceFailing Which pieces cannot be written; pieces are of many
   * lengths, so ask {@linkcode isFailing} then.
   */
  constructor(
    directory: string,
    blocks: number,
    room: number,
    isPieceFailing: IsPieceFailing,
  ) {
    const memory = `${directory}/memory`;
    this.#blocks = blocks;
    this.#mountPoint = `${directory}/disk`;
    this.#image = `${memory}/image`;
    this.path = `${this.#mountPoint}/file`;
    for (const path of [memory, this.#mountPoint]) Deno.mkdirSync(path);
    call("mount", "-t", "tmpfs", "-o", `size=${MEMORY_BYTES}`, "tmpfs", memory);
    call("truncate", "-s", String(IMAGE_BYTES), this.#image);
    const features = ["-b", `${BLOCK_BYTES}`, "-m0", "-O", "^has_journal"];
    const extended = ["-E", "lazy_itable_init=0,nodiscard"];
    call("mkfs.ext4", "-q", ...features, ...extended, this.#image);
    this.#mount();
    this.#takeSpace(blocks + room);
    const contents = new Uint8Array((blocks + room) * BLOCK_BYTES).fill(0x7a);
    writeFileSync(this.path, contents, { flush: true });
    this.#takeRest();
    this.#failing = piecesOf(this.#extents())
      .filter((piece) =>
        isPieceFailing(Math.min(...piece.map(({ inFile }) => inFile)))
      )
      .flat();
    this.shorten();
    call("sync", "--file-system", this.path);
    for (const { inImage, blocks } of this.#failing) {
      this.#punchHole(this.#image, inImage, blocks);
    }
    this.#fill(memory);
    this.remount(); // Forgets the pages.
    this.#imageFd = openSync(this.#image, "r");
  }

  /** Whether a block of the file cannot be written. */
  isFailing(block: number): boolean {
    return this.#failing.some(({ inFile, blocks }) =>
      block >= inFile && block < inFile + blocks
    );
  }

  /** Gives the file its first length again. */
  shorten(): void {
    Deno.truncateSync(this.path, this.#blocks * BLOCK_BYTES);
    this.#known = [];
  }

  /** Forgets everything that is not on disk; the file must not be open. */
  remount(): void {
    call("umount", this.#mountPoint);
    this.#mount();
  }

  /**
   * What a part of the file is on disk at this moment, whatever the page cache
   * has of it. Zeros stand for what was never written.
   *
   * @param offset Where the part begins, in bytes.
   * @param length How long it is, in bytes; it may go beyond the end.
   */
  onDisk(offset: number, length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    if (this.#copy(bytes, offset) < length) {
      this.#known = this.#extents();
      this.#copy(bytes, offset);
    }
    return bytes;
  }

  /** Copies what is known to have a place. Returns how many bytes that are. */
  #copy(bytes: Uint8Array, offset: number): number {
    let copied = 0;
    for (const { inFile, inImage, blocks } of this.#known) {
      const from = Math.max(offset, inFile * BLOCK_BYTES);
      const to = Math.min(
        offset + bytes.length,
        (inFile + blocks) * BLOCK_BYTES,
      );
      if (from >= to) continue;
      const at = from + (inImage - inFile) * BLOCK_BYTES;
      readSync(this.#imageFd, bytes, from - offset, to - from, at);
      copied += to - from;
    }
    return copied;
  }

  /** Leaves free space for so many blocks, in pieces. */
  #takeSpace(blocks: number): void {
    const free = this.#freeBlocks();
    const taken = this.#take("taken", free);
    const pieces = Math.ceil(blocks / PIECE_BLOCKS) + 1;
    assert(2 * pieces * PIECE_BLOCKS < free, "the disk is too small");
    for (let piece = 0; piece < pieces; piece++) {
      this.#punchHole(taken, 2 * piece * PIECE_BLOCKS, PIECE_BLOCKS);
    }
  }

  /** Takes what is left of the free space: it would be a part of some piece. */
  #takeRest(): void {
    for (let free = this.#freeBlocks(); free > 0; free = this.#freeBlocks()) {
      this.#take(`taken${free}`, Math.ceil(free / 2));
    }
  }

  #take(name: string, blocks: number): string {
    const path = `${this.#mountPoint}/${name}`;
    call("fallocate", "-l", String(blocks * BLOCK_BYTES), path);
    return path;
  }

  #freeBlocks(): number {
    return Number(call("stat", "-f", "-c", "%a", this.#mountPoint));
  }

  #mount(): void {
    // Without dioread_lock, ext4 makes holes in the image now and then: room.
    const options = "loop,errors=continue,noatime,lazytime,dioread_lock";
    call("mount", "-o", options, this.#image, this.#mountPoint);
  }

  /** Where the file lies in the image; does not write anything back. */
  #extents(): Extent[] {
    const list = call("filefrag", "-v", `-b${BLOCK_BYTES}`, this.path);
    const line = /^ *\d+: +(\d+)\.\. *\d+: +(\d+)\.\. *\d+: +(\d+): *(.*)$/gm;
    return [...list.matchAll(line)]
      // The others have no place yet, or nothing there.
      .filter(([, , , , flags]) => !/delalloc|unwritten/.test(flags))
      .map(([, inFile, inImage, blocks]) => ({
        inFile: Number(inFile),
        inImage: Number(inImage),
        blocks: Number(blocks),
      }));
  }

  #punchHole(path: string, block: number, blocks: number): void {
    const offset = String(block * BLOCK_BYTES);
    const length = String(blocks * BLOCK_BYTES);
    call("fallocate", "-p", "-o", offset, "-l", length, path);
  }

  /** Leaves no room for what was taken out. */
  #fill(memory: string): void {
    const used_KiB = call("df", "-k", "--output=used", memory).match(/\d+/)![0];
    call("mount", "-o", `remount,size=${used_KiB}k`, memory);
  }
}

/** Extents by pieces: those that touch each other in the image are one. */
function piecesOf(extents: Extent[]): Extent[][] {
  const pieces: Extent[][] = [];
  let end = -1;
  for (const extent of extents.toSorted((a, b) => a.inImage - b.inImage)) {
    if (extent.inImage === end) pieces.at(-1)!.push(extent);
    else pieces.push([extent]);
    end = extent.inImage + extent.blocks;
  }
  return pieces;
}

/** Runs a command. Returns what it prints. */
function call(command: string, ...args: string[]): string {
  const { success, stdout, stderr } = new Deno.Command(command, {
    args,
    env: { LC_ALL: "C" },
  }).outputSync();
  const decoder = new TextDecoder();
  assert(success, `${command} ${args.join(" ")}: ${decoder.decode(stderr)}`);
  return decoder.decode(stdout);
}
