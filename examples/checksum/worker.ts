/**
 * A part of the tool `checksum.ts`: a thread that hashes blocks in the order they come.
 *
 * @module
 */

import { createHash, type Hash } from "node:crypto";
import { parentPort } from "node:worker_threads";

/** What the thread is asked; it answers each with a {@linkcode HashAnswer}. */
export interface HashRequest {
  /** Which of the files that are hashed at the same time it is. */
  file: number;
  algorithm: string;
  /** Where the next bytes are. */
  block: SharedArrayBuffer;
  /** How many they are. */
  bytes: number;
  /** Whether the file ends with them. */
  isLast: boolean;
}

/** The digest in hexadecimal after the last bytes, `null` before. */
export type HashAnswer = string | null;

const hashes = new Map<number, Hash>();

function answer(
  { file, algorithm, block, bytes, isLast }: HashRequest,
): HashAnswer {
  const hash = hashes.get(file) ?? createHash(algorithm);
  hash.update(new Uint8Array(block, 0, bytes));
  if (isLast) {
    hashes.delete(file);
    return hash.digest("hex");
  }
  hashes.set(file, hash);
  return null;
}

parentPort!.on("message", (request: HashRequest) => {
  parentPort!.postMessage(answer(request));
});
