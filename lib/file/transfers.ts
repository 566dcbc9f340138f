/**
 * Transfers that a call makes which `close()` waits for: they go on while it does,
 * where those of callers are refused.
 *
 * @module
 */
import type { AbortListener } from "../checks/abort_signal.ts";
import type { RequestQueue } from "../requests/request.ts";
import { placeOf } from "../system/pinned.ts";
import type { IoOptions } from "./options.ts";
import { requestFor } from "./promised_request.ts";

/**
 * Reads or writes at an offset, as {@linkcode AioFile.readAt} and
 * {@linkcode AioFile.writeAt} do.
 *
 * @param queue Where the request waits: one of the file's.
 * @param options Which were checked.
 * @param submitted Is given the request, which its caller may cancel.
 */
export function transfer(
  queue: RequestQueue,
  operation: "read" | "write",
  view: Uint8Array,
  offset: number | bigint,
  { signal, priority = 0 }: IoOptions,
  submitted?: (request: AbortListener) => void,
): Promise<number> {
  return new Promise((resolve, reject) => {
    const address = placeOf(view);
    const fields = { operation, view, address, offset, priority };
    const request = requestFor(queue, fields, signal, resolve, reject);
    if (request === null) return;
    submitted?.(request);
    queue.submit(request);
  });
}
