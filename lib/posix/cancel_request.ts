/**
 * Cancels one request of the C interface, and submits those behind it again. When the
 * first request of a descriptor is canceled before a thread has it, glibc calls
 * the next one running, but no thread ever learns of it: all that is queued for
 * the descriptor would be in progress for ever. So that is taken back as well,
 * unannounced, and submitted again. What a file of the same descriptor has queued
 * cannot be: then nothing is canceled.
 *
 * @module
 */
import { queuedByOthers } from "../engine/librt/serial_queues.ts";
import {
  AIO_ALLDONE,
  AIO_CANCELED,
  AIO_NOTCANCELED,
  EINPROGRESS,
  platform,
} from "../system/constants.ts";
import {
  type ControlBlockRequest,
  inProgress,
} from "./control_block_request.ts";
import { librt } from "../system/librt.ts";

/**
 * Cancels a request that is in progress.
 *
 * @param request The request.
 * @param fildes The descriptor that it should be of.
 * @returns What `aio_cancel` returns.
 */
export function cancelRequest(
  request: ControlBlockRequest,
  fildes: number,
): number {
  const { aio_cancel } = librt("aio_cancel");
  if (fildes === request.fildes && isAmongOthers(fildes)) {
    return request.check() === EINPROGRESS ? AIO_NOTCANCELED : AIO_ALLDONE;
  }
  const wasBehind = platform.serialPerDescriptor && isBehindAnother(request);
  const outcome = aio_cancel(fildes, request.block.pointer);
  if (outcome !== AIO_CANCELED || !platform.serialPerDescriptor) return outcome;
  // The one before it may have been done in this moment: then it was the first.
  if (!wasBehind || !isBehindAnother(request)) {
    submitAgain(request, !wasBehind);
  }
  return outcome;
}

/** Whether the descriptor is that of a file which has something queued. */
function isAmongOthers(fildes: number): boolean {
  return queuedByOthers(fildes, inProgress)?.length !== 0;
}

/**
 * Whether another request that is certainly served before this one is in progress:
 * an earlier one, unless its priority is lower. Then it is only if it has been the
 * first all the time, because that one is not overtaken.
 */
function isBehindAnother(request: ControlBlockRequest): boolean {
  for (const other of inProgress.of(request.fildes)) {
    if (other === request) return false;
    const isBefore = other.wasFirst || other.priority <= request.priority;
    if (isBefore && other.check() === EINPROGRESS) return true;
  }
  return false;
}

/** Has those served that were queued behind a canceled request. */
function submitAgain(canceled: ControlBlockRequest, wasFirst: boolean): void {
  // The order of service, since the first one is gone.
  const queued = inProgress.of(canceled.fildes)
    .filter((request) => request !== canceled)
    .sort((one, other) => one.priority - other.priority);
  const isCertain = wasFirst && (canceled.wasFirst ||
    queued.every(({ priority }) => priority === canceled.priority));
  // From the last one on: if a thread goes on with them, their order stays.
  const taken = queued.reverse().filter((request) =>
    request.takeBack(isCertain)
  );
  for (const request of taken.reverse()) request.submitAgain();
}
