/** What the checks share: files and FIFOs in a directory of their own. */
import { supported } from "@posix/aio";
import { execFileSync } from "node:child_process";
import {
  constants,
  mkdtempSync,
  openSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { setTimeout } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** Functions that throw if what their name says does not hold. */
export type Checks = Record<string, Check>;
export type Check = () => Promise<void> | void;

export const BLOCK_BYTES = 4096;

/** FIFOs that can be opened for both, and `/dev/full`, are Linux's. */
export const isLinux: boolean = process.platform === "linux";

/** Whether reads are asked of the page cache unless a check says something else. */
export const PAGE_CACHE: boolean = process.env.POSIX_AIO_PAGE_CACHE !== "0";

/** Whether the C library can be called here, as whoever started this knows. */
export const IS_NATIVE: boolean = process.env.CHECKS_WITHOUT_C === undefined;

/** Whether the page cache is asked: the engine "fs" leaves that to `node:fs`. */
export const HAS_PAGE_CACHE: boolean = isLinux && supported().engine !== "fs";

const directory = mkdtempSync(join(tmpdir(), "posix-aio-"));
let files = 0;

/** The path of a file that does not exist yet. */
export function newPath(): string {
  return join(directory, `file${files++}`);
}

/** A new file in which every block of 4096 bytes is filled with its number. */
export function fileOf(blocks: number): string {
  const path = newPath();
  const bytes = new Uint8Array(blocks * BLOCK_BYTES);
  for (let block = 0; block < blocks; block++) {
    bytes.fill(block, block * BLOCK_BYTES, (block + 1) * BLOCK_BYTES);
  }
  writeFileSync(path, bytes);
  return path;
}

/** A descriptor of a FIFO: a read of it is in flight until a byte is written. */
export function fifo(): number {
  const path = newPath();
  execFileSync("mkfifo", [path]);
  return openSync(path, constants.O_RDWR);
}

/** Has garbage collected, as well as the runtime lets a program do it. */
export async function collectGarbage(): Promise<void> {
  const { Bun } = globalThis as { Bun?: { gc(isForced: boolean): void } };
  setFlagsFromString("--expose-gc");
  const gc = Bun === undefined
    ? runInNewContext("gc") as () => void
    : () => Bun.gc(true);
  for (let count = 0; count < 5; count++) {
    gc();
    await setTimeout(10);
  }
}

/** Removes the directory. */
export function cleanUp(): void {
  rmSync(directory, { recursive: true });
}
