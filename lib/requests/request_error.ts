/** The error of a request: what could not be done, of which file, and why. */
import { offsetAfter } from "../checks/offset.ts";
import type { EngineRequest, FileTraits, Operation } from "../engine/engine.ts";
import { AioError } from "../system/error.ts";
import { type Asked, fileName, hintOn } from "../system/hints.ts";

/** A request, and the queue that knows its file. */
interface FailedRequest extends EngineRequest {
  readonly queue: { readonly file: FileTraits };
}

/** The function of the C library that serves an operation. */
export function syscallOf(operation: Operation): string {
  switch (operation) {
    case "read":
      return "aio_read";
    case "write":
    case "append":
      return "aio_write";
    default:
      return "aio_fsync";
  }
}

/** The error of a request for which the system reported an error number. */
export function requestError(request: FailedRequest, errno: number): AioError {
  const { operation, offset, transferred, isSync } = request;
  const { knownFd, path } = request.queue.file;
  return new AioError(describe(request, errno), {
    errno,
    syscall: syscallOf(operation),
    fd: knownFd,
    offset: isSync || operation === "append" ? undefined : offset,
    bytesTransferred: isSync ? undefined : transferred,
    path,
  });
}

function describe(request: FailedRequest, errno: number): string {
  const { operation, length, offset, transferred, queue } = request;
  const asked = request.isSync ? null : restOf(request);
  const soFar = transferred > 0 ? ` (after ${transferred} bytes)` : "";
  const { knownFd: fd, path, flags } = queue.file;
  const named = { fd, path, flags };
  const file = fileName(named) + hintOn(errno, named, asked) + soFar;
  if (asked === null) return `Cannot synchronize ${file}`;
  return operation === "append"
    ? `Cannot append ${length} bytes to ${file}`
    : `Cannot ${operation} ${length} bytes at offset ${offset} of ${file}`;
}

/** What the system was asked for last. */
function restOf(request: FailedRequest): Asked {
  const { isWrite, operation, offset, length, address, transferred } = request;
  return {
    isWrite,
    offset: operation === "append" ? null : offsetAfter(offset, transferred),
    length: length - transferred,
    address: address === 0 ? 0 : address + transferred,
  };
}
