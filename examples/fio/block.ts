/**
 * A part of the tool `fio.ts`: blocks that tell where they belong, which run wrote them and
 * for which time, so that whoever reads one knows whether it is the right one, and whole.
 *
 * @module
 */

const MAGIC = 0x2e6f_6966;
const HEADER_WORDS = 6;
const WORD_BYTES = 4;
/** 2 to the power of 32 by the golden ratio, as in Fibonacci hashing. */
const GOLDEN = 0x9e37_79b1;

/** Which of the blocks ever written at an offset it is. */
export interface Version {
  /** Of the run that wrote it: another one for each run. */
  run: number;
  /** How often that run had written it by then. */
  generation: number;
}

/**
 * Fills a block.
 *
 * @param words The block.
 * @param offset Where it goes, in bytes.
 * @param version What it is.
 */
export function stamp(
  words: Uint32Array,
  offset: number,
  { run, generation }: Version,
): void {
  words[0] = MAGIC;
  words[1] = words.byteLength;
  words[2] = run;
  words[3] = generation;
  words[4] = offset;
  words[5] = Math.floor(offset / 2 ** 32);
  const salt = saltOf(words);
  for (let index = HEADER_WORDS; index < words.length; index++) {
    words[index] = Math.imul(index, GOLDEN) ^ salt;
  }
}

/**
 * Checks a block that was read.
 *
 * @param words The block.
 * @param offset Where it was read, in bytes.
 * @param expected What it must be; `null`: any version, as long as it is whole.
 * @returns What is wrong with it, or `null`.
 */
export function faultOf(
  words: Uint32Array,
  offset: number,
  expected: Version | null,
): string | null {
  const [magic, byteLength, run, generation, low, high] = words;
  if (magic !== MAGIC) return "was not written by a run with --verify";
  if (byteLength !== words.byteLength) {
    return `was written with a block size of ${byteLength}`;
  }
  const home = high * 2 ** 32 + low;
  if (home !== offset) return `holds what belongs at offset ${home}`;
  if (expected !== null && run !== expected.run) {
    return "holds what an earlier run wrote";
  }
  if (expected !== null && generation !== expected.generation) {
    return `holds generation ${generation}, not ${expected.generation}`;
  }
  const salt = saltOf(words);
  for (let index = HEADER_WORDS; index < words.length; index++) {
    if (words[index] === (Math.imul(index, GOLDEN) ^ salt) >>> 0) continue;
    return `is damaged at byte ${index * WORD_BYTES} of it`;
  }
  return null;
}

/** Makes the words after the header others for each header. */
function saltOf(words: Uint32Array): number {
  let salt = 0;
  for (let index = 0; index < HEADER_WORDS; index++) {
    salt = Math.imul(salt ^ words[index], GOLDEN);
    salt ^= salt >>> 15;
  }
  return salt;
}
