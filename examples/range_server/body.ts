/**
 * A part of the tool `range_server.ts`: the body of a response, as fast as the client takes it.
 *
 * @module
 */

import type { Range } from "range-parser";
import type { AioFile } from "../../mod.ts";
import type { Lease } from "./open_files.ts";
import { lengthOf, type Part } from "./plan.ts";

/** Up to here a part is one read, and goes out as a whole: a stream costs more. */
const WHOLE_BYTES = 64 << 10;
const BECAME_SHORTER = "The file became shorter while it was sent";

/** The body with these parts; gives the file back at the end, whatever that is. */
export async function bodyOf(
  lease: Lease,
  parts: Part[],
  depth: number,
): Promise<ReadableStream<Uint8Array<ArrayBuffer>> | Uint8Array<ArrayBuffer>> {
  const [part, ...others] = parts;
  const isStreamed = others.length > 0 || part instanceof Uint8Array ||
    lengthOf(part) > WHOLE_BYTES;
  if (isStreamed) return streamOf(lease, parts, depth);
  try {
    return await readWhole(lease.file, part);
  } finally {
    lease.release();
  }
}

async function readWhole(
  file: AioFile,
  range: Range,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(lengthOf(range));
  if (await file.readAt(bytes, range.start) === bytes.length) return bytes;
  throw new Error(BECAME_SHORTER);
}

function streamOf(
  lease: Lease,
  parts: Part[],
  depth: number,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  const chunks = chunksOf(lease, parts, depth);
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await chunks.next();
      if (done) controller.close();
      else controller.enqueue(value);
    },
    async cancel() {
      await chunks.return();
      // If it had not begun, it has not given the file back either.
      lease.release();
    },
  }, { highWaterMark: 0 });
}

async function* chunksOf(
  { file, release }: Lease,
  parts: Part[],
  depth: number,
): AsyncGenerator<Uint8Array<ArrayBuffer>, void, void> {
  try {
    for (const part of parts) {
      if (part instanceof Uint8Array) {
        yield part.slice();
        continue;
      }
      const length = lengthOf(part);
      let missing = length;
      for await (
        const chunk of file.readable({ offset: part.start, length, depth })
      ) {
        missing -= chunk.byteLength;
        yield chunk;
      }
      if (missing > 0) {
        throw new Error(BECAME_SHORTER);
      }
    }
  } finally {
    release();
  }
}
