/** What an `AioError` says, to be printed. */
import { AioError } from "../../mod.ts";

/** What a promise rejects with, to be printed: the parts of an `AioError`. */
export async function particularsOf(
  promise: Promise<unknown>,
): Promise<Record<string, unknown>> {
  try {
    return { resolved: await promise };
  } catch (error) {
    if (!(error instanceof AioError)) throw error;
    const { code, errno, syscall, path, offset, bytesTransferred } = error;
    return { code, errno, syscall, path, offset, bytesTransferred };
  }
}
