/** The error of a control block's request: what could not be done, and why. */
import { hintOn } from "../system/hints.ts";
import { AioError } from "../system/error.ts";
import { addressInPlace } from "../system/pinned.ts";

/** What the system was asked for. */
export interface FailedRequest {
  /** The function that submitted it. */
  readonly submittedBy: string;
  readonly isRead: boolean;
  readonly fildes: number;
  readonly offset: number | bigint;
  readonly buffer: Uint8Array | null;
  readonly nbytes: number;
  /** How many of those the system was asked for. */
  readonly nbytesAtOnce: number;
  readonly reqprio: number;
}

/** A copy of that, which stays when the control block is used for another. */
export function copyOf(request: FailedRequest): FailedRequest {
  return {
    submittedBy: request.submittedBy,
    isRead: request.isRead,
    fildes: request.fildes,
    offset: request.offset,
    buffer: request.buffer,
    nbytes: request.nbytes,
    nbytesAtOnce: request.nbytesAtOnce,
    reqprio: request.reqprio,
  };
}

/** The error of a request for which the system reported an error number. */
export function controlBlockError(
  request: FailedRequest,
  errno: number,
): AioError {
  const { submittedBy: syscall, fildes: fd, offset } = request;
  const what = syscall === "aio_fsync"
    ? `Cannot synchronize descriptor ${fd}${hintOn(errno, { fd }, null)}`
    : describeTransfer(request, errno);
  return new AioError(what, { errno, syscall, fd, offset });
}

function describeTransfer(request: FailedRequest, errno: number): string {
  const { isRead, fildes, offset, buffer, nbytes, reqprio } = request;
  const priority = reqprio === 0 ? "" : ` with aio_reqprio ${reqprio}`;
  const hint = hintOn(errno, { fd: fildes }, {
    isWrite: !isRead,
    offset,
    length: request.nbytesAtOnce,
    address: buffer === null ? 0 : addressInPlace(buffer),
  });
  return `Cannot ${isRead ? "read" : "write"} ${nbytes} bytes at offset ` +
    `${offset} of descriptor ${fildes}${priority}${hint}`;
}
