/**
 * A part of the tool `range_server.ts`: a line for each answer, with what was sent of it.
 *
 * @module
 */

import type { FileHandler } from "./handler.ts";

/** Prints a line on standard error at the end of each answer of a handler. */
export class Log {
  readonly #handler: FileHandler;
  readonly #unwritten = new Set<Promise<void>>();

  constructor(handler: FileHandler) {
    this.#handler = handler;
  }

  /** Resolves when each answer so far has its line. */
  async written(): Promise<void> {
    await Promise.all(this.#unwritten);
  }

  /** The handler, whose answers are told. */
  handler: Deno.ServeHandler<Deno.NetAddr> = async (
    request,
    { remoteAddr, completed },
  ) => {
    const started_ms = performance.now();
    // Of a request that is over nothing can be asked any more.
    const { method, url } = request;
    const { pathname, search } = new URL(url);
    const response = await this.#handler(request);
    const length = response.body === null
      ? 0
      : Number(response.headers.get("content-length"));
    let bytes = 0;
    const write = (isWhole: boolean) => {
      console.error(
        new Date().toISOString(),
        remoteAddr.hostname,
        method,
        // The URL has escapes for whatever could pretend to be a line of its own.
        pathname + search,
        response.status,
        bytes,
        (performance.now() - started_ms).toFixed(1),
        response.headers.get("content-range") ?? "-",
        ...isWhole && bytes === length ? [] : ["cut"],
      );
    };
    const written = completed.then(() => write(true), () => write(false));
    this.#unwritten.add(written);
    written.then(() => this.#unwritten.delete(written));
    return counted(response, (more) => bytes += more);
  };
}

/** The same response, which tells how many bytes of its body have gone out. */
function counted(
  response: Response,
  onBytes: (bytes: number) => void,
): Response {
  if (response.body === null) return response;
  const counter = new TransformStream<Uint8Array, Uint8Array>(
    {
      transform(chunk, controller) {
        onBytes(chunk.byteLength);
        controller.enqueue(chunk);
      },
    },
    undefined,
    { highWaterMark: 0 },
  );
  return new Response(response.body.pipeThrough(counter), response);
}
