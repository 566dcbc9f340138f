/** Blocks of files that have their index in them, everywhere. */

export const BLOCK_BYTES = 512;

/** Makes `view` the block of an index. */
export function fillBlock(view: Uint8Array, index: number): void {
  new Uint32Array(view.buffer, view.byteOffset, BLOCK_BYTES / 4).fill(index);
}

/** Whether `view` is the block of an index, whole. */
export function isBlock(view: Uint8Array, index: number): boolean {
  return new Uint32Array(view.buffer, view.byteOffset, BLOCK_BYTES / 4)
    .every((word) => word === index);
}

/** A file's contents of `count` blocks. */
export function blocks(count: number): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(count * BLOCK_BYTES);
  for (let index = 0; index < count; index++) {
    fillBlock(all.subarray(index * BLOCK_BYTES), index);
  }
  return all;
}

/** The indices of the blocks that are wrong. */
export function wrongBlocks(contents: Uint8Array, count: number): number[] {
  const wrong: number[] = [];
  for (let index = 0; index < count; index++) {
    const begin = index * BLOCK_BYTES;
    const block = contents.subarray(begin, begin + BLOCK_BYTES);
    if (block.length < BLOCK_BYTES || !isBlock(block, index)) wrong.push(index);
  }
  return wrong;
}
