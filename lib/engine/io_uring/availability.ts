/** Whether the kernel offers this process an `io_uring`. */
import { mayEndFirst } from "../../../ffi/isolate.ts";
import { Rings } from "../../../ffi/io_uring.ts";
import { runtime } from "../../../ffi/current.ts";
import { systemFiles } from "../../../ffi/system_files.ts";
import { isOlder } from "../../../ffi/versions.ts";
import { platform } from "../../system/constants.ts";
import { AioError } from "../../system/error.ts";

/** `IORING_SETUP_COOP_TASKRUN`, without which it is slow, came with this one. */
const OLDEST_KERNEL = "5.19";
/**
 * Earlier ones have defects that others had to work around: requests that hang,
 * EOWNERDEAD, terminals that stay open.
 */
const OLDEST_GOOD_KERNEL = "6.1";

/** Why an isolate has none that is not the main thread's. */
export const MAY_END_FIRST =
  "this isolate may end before the process does, as that of a worker, and " +
  "nobody would see the completions of its ring";

/**
 * Makes the rings of this isolate.
 *
 * @param isWanted Whether somebody has asked for them by name.
 * @returns Why that is not possible, as the end of a sentence.
 */
export function openRings(isWanted: boolean): Rings | string {
  if (platform.os !== "linux") return `${runtime.host.os} has none`;
  if (mayEndFirst()) return MAY_END_FIRST;
  const oldest = isWanted ? OLDEST_KERNEL : OLDEST_GOOD_KERNEL;
  const release = systemFiles.read("/proc/sys/kernel/osrelease");
  if (release === null) return "nobody tells which Linux this is";
  if (isOlder(release, oldest)) {
    return `Linux ${release.trim()} is older than ${oldest}`;
  }
  const rings = Rings.open();
  return typeof rings === "object" ? rings : reasonOf(rings);
}

function reasonOf(errno: number): string {
  const { message } = new AioError("the kernel refuses it", {
    errno,
    syscall: "io_uring_setup",
  });
  return message;
}
