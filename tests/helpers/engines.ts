/**
 * The engines, and which of them serves the tests of this process.
 *
 * @module
 */
import type { EngineName } from "../../lib/engine/engine.ts";
import { ENGINES as SETTINGS } from "../../lib/system/settings.ts";
import { isLinux } from "./system.ts";

export type { EngineName };

/** Every engine that can be asked for by name. */
export const ENGINES: EngineName[] = SETTINGS.filter((name) => name !== "auto");

/**
 * The engine that serves these tests: librt in the isolates of `deno test`, which
 * may end before the process does; another one where the process has asked for it.
 */
export function engineHere(): EngineName {
  const wanted = Deno.env.get("POSIX_AIO_ENGINE");
  return ENGINES.find((name) => name === wanted) ?? "librt";
}

/** The engine of what runs there: a worker has librt, whoever serves the others. */
export function engineOf({ where }: { where?: string }): EngineName {
  return where === "worker" ? "librt" : engineHere();
}

/** The same for what runs in the main thread and in workers: each has its own. */
export function enginesBesideWorkers(): EngineName | "auto" {
  return engineHere() === "librt" ? "librt" : "auto";
}

/** Has a process begin with an engine, or with the one that it chooses itself. */
export function engineVariable(
  engine: EngineName | "auto",
): Record<string, string> {
  return { POSIX_AIO_ENGINE: engine };
}

/** Whether an engine can be had on this machine. */
export function isThere(engine: EngineName): boolean {
  return engine !== "io_uring" || (hasRings ??= isLinux && canSetUpRing());
}

let hasRings: boolean | null = null;

/** Whether the kernel makes a ring of one entry. */
function canSetUpRing(): boolean {
  const SYS_IO_URING_SETUP = 425n;
  const PARAMS_BYTES = 120;
  const libc = Deno.dlopen("libc.so.6", {
    syscall: { parameters: ["i64", "u32", "buffer"], result: "i64" },
    close: { parameters: ["i32"], result: "i32" },
  });
  const params = new Uint8Array(PARAMS_BYTES);
  const fd = Number(libc.symbols.syscall(SYS_IO_URING_SETUP, 1, params));
  if (fd >= 0) libc.symbols.close(fd);
  else console.log("io_uring is not tested: the kernel offers none");
  libc.close();
  return fd >= 0;
}
