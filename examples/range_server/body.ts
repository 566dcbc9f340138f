/**
 * A part of the tool `range_server.ts`: the body of a response, as fast as the client takes it.
 *
 * @module
 */

import type { AioFile } from "../../mod.ts";
import { lengthOf, type Part } from "./plan.ts";

/** Streams the parts of a body; closes the file at the end, whatever that is. */
export function streamOf(
  file: AioFile,
  parts: Part[],
  depth: number,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  const chunks = chunksOf(file, parts, depth);
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await chunks.next();
      if (done) controller.close();
      else controller.enqueue(value);
    },
    async cancel() {
      await chunks.return();
      // If it had not begun, it has not closed the file either.
      await file.close();
    },
  }, { highWaterMark: 0 });
}

async function* chunksOf(
  file: AioFile,
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
        throw new Error("The file became shorter while it was sent");
      }
    }
  } finally {
    await file.close();
  }
}
