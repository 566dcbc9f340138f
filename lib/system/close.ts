/**
 * Closing descriptors: that of a file, and what was opened beside it.
 *
 * @module
 */
import { close } from "node:fs";
import { promisify } from "node:util";
import { runtime } from "../../ffi/current.ts";
import { mayEndFirst } from "../../ffi/isolate.ts";
import { EIO } from "./constants.ts";
import { errnoOf, fromSystemError } from "./error.ts";
import { callOrFallBack } from "./fallback_call.ts";
import { closedHint, fileName, type NamedFile } from "./hints.ts";
import { librt } from "./librt.ts";
import { isServedByFs } from "./settings.ts";

// Made once: to make one takes as long as a good part of its call.
const closePromised = promisify(close);

/** An object of the runtime's that has a descriptor. */
export interface Handle {
  close(): Promise<unknown>;
}

/**
 * Closes a descriptor.
 *
 * @param file The descriptor.
 * @param handle What closes it, if the runtime has it in an object of its own.
 * @throws {AioError} If the system reports an error.
 */
export async function closeDescriptor(
  file: NamedFile,
  handle: Handle | null = null,
): Promise<void> {
  const { fd } = file;
  const what = (errno: number) =>
    `Cannot close ${fileName(file)}${closedHint(fd, errno)}`;
  if (handle !== null) {
    try {
      await handle.close();
    } catch (error) {
      throw fromSystemError(error, what, { syscall: "close", ...file });
    }
    return;
  }
  await callOrFallBack(
    () => closePromised(fd),
    (native) => native.close(fd),
    what,
    "close",
    file,
  );
}

/**
 * Closes without holding up the event loop. Tells why that failed, or 0; `null` if it
 * has not begun.
 */
type Close = (fd: number) => Promise<number | null>;

let closeByEngine: Close | null = null;

/** Has {@linkcode closeSecond} close by that. */
export function closeSecondsBy(close: Close): void {
  closeByEngine = close;
}

/**
 * Closes a descriptor that was opened beside the file's own. The file system may take
 * long for it, so it is no call on this thread where another one tells of the error.
 * In an isolate that may end before, nobody else would close it.
 *
 * @returns Why it failed, or 0.
 */
export async function closeSecond(fd: number): Promise<number> {
  if (isServedByFs()) return await closeByFs(fd);
  if (mayEndFirst()) return closeNow(fd);
  if (runtime.tellsCloseErrors) return await closeByFs(fd);
  return await closeByEngine?.(fd) ?? closeNow(fd);
}

async function closeByFs(fd: number): Promise<number> {
  try {
    await closePromised(fd);
    return 0;
  } catch (error) {
    return errnoOf(error) ?? EIO;
  }
}

function closeNow(fd: number): number {
  return librt().close(fd) === -1 ? runtime.errno() : 0;
}
