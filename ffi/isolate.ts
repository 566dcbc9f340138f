/**
 * Whether this isolate lasts as long as the process, and with it the C library's
 * threads.
 *
 * @module
 */
import { runtime } from "./current.ts";
import { librt } from "./librt.ts";
import { systemFiles } from "./system_files.ts";

/** What the command line has then. */
const ARGUMENTS = {
  restarts: /^--(watch|(unstable-)?hmr)/,
  tests: /^(test|--test-worker)$/,
};

let answer: boolean | null = null;

/**
 * Whether this isolate may end while the process lives on: that of a worker, that of a
 * file of `deno test` or `bun test`, and that of `deno run --watch`. Memory that the
 * isolate owns, and functions in it, must then never be given to native threads. To be
 * asked when native calls are permitted.
 */
export function mayEndFirst(): boolean {
  return answer ??= !isFirstThread() || endsIsolates();
}

/**
 * Whether the calling thread is the one that the process began with, which has the
 * isolate that lasts. On Linux, and on NetBSD since 10, its number is that of the
 * process; `pthread_main_np` of macOS and FreeBSD says 1, and so did NetBSD before.
 */
function isFirstThread(): boolean {
  const { this_thread, getpid, platform } = librt();
  const thread = this_thread(platform.constants.SYS_gettid);
  return thread === getpid() || thread === 1;
}

/**
 * Whether the runtime may end isolates that it has on the process's first thread: Deno
 * when files change, with the package from npm, too, and Bun after each file of tests,
 * with `--isolate`, `--parallel`, or a line in bunfig.toml. Only the command line tells;
 * an argument of the program itself that is the same only makes it slower.
 */
function endsIsolates(): boolean {
  const { endsIsolatesFor } = runtime;
  if (endsIsolatesFor === null || librt().platform.os !== "linux") return false;
  const command = systemFiles.read("/proc/self/cmdline") ?? "";
  const pattern = ARGUMENTS[endsIsolatesFor];
  return command.split("\0").some((argument) => pattern.test(argument));
}
