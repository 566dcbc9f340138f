import { EAGAIN } from "./constants.ts";
import { librt } from "./error.ts";
import { callListio } from "./listio.ts";
import { limits } from "./limits.ts";
import type { Request } from "./request.ts";

/**
 * Submits requests with one `lio_listio` call, as far as the system may have
 * them at once; the others wait as any request does.
 */
export function submitList(requests: Request[]): void {
  const { AIO_LISTIO_MAX } = limits();
  const longest = AIO_LISTIO_MAX < 0 ? requests.length : AIO_LISTIO_MAX;
  let listed: Request[] = [];
  for (const request of requests) {
    if (listed.length === longest) {
      submitListed(listed);
      listed = [];
    }
    const lane = request.queue.submitInList(request);
    if (lane === null) continue;
    lane.list(request);
    listed.push(request);
  }
  submitListed(listed);
  for (const queue of new Set(requests.map((request) => request.queue))) {
    queue.dispatch();
  }
}

function submitListed(requests: Request[]): void {
  if (requests.length === 0) return;
  const addresses = requests.map((request) => request.block!.address);
  const errno = callListio(addresses, null);
  if (errno === 0) return;
  // Backwards, so that they wait in the order in which they came.
  for (const request of requests.reverse()) {
    const status = librt().aio_error(request.block!.pointer);
    if (status !== EAGAIN) continue;
    request.lane!.unlist(request);
    request.queue.putBack(request);
  }
}
