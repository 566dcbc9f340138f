/**
 * Transfers that a call makes which `close()` waits for: they go on while it does,
 * where those of callers are refused.
 *
 * @module
 */
import { isAborted, reasonOf } from "../checks/abort_signal.ts";
import type { OpenFile } from "../requests/open_file.ts";
import { placeOf } from "../system/pinned.ts";
import type { IoOptions } from "./options.ts";
import { PromisedRequest } from "./promised_request.ts";

/**
 * Reads or writes at an offset, as {@linkcode AioFile.readAt} and
 * {@linkcode AioFile.writeAt} do.
 *
 * @param options Which were checked.
 */
export function transfer(
  file: OpenFile,
  operation: "read" | "write",
  view: Uint8Array,
  offset: number | bigint,
  { signal, priority = 0 }: IoOptions,
): Promise<number> {
  return new Promise((resolve, reject) => {
    if (signal !== undefined && isAborted(signal)) {
      return reject(reasonOf(signal));
    }
    const queue = file.queueWithin(operation);
    const address = placeOf(view);
    const fields = { operation, view, address, offset, priority };
    const request = new PromisedRequest(queue, fields, resolve, reject);
    if (signal !== undefined) request.cancelOn(signal);
    queue.submit(request);
  });
}
