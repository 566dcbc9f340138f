/** Chooses the engine that serves the file level of this isolate. */
import { constants as fsConstants } from "node:fs";
import { runtime } from "../../ffi/current.ts";
import { lacksDescriptors } from "../../ffi/lacks_descriptors.ts";
import { whyUnavailable } from "../../ffi/librt.ts";
import { ENOSYS, platform } from "../system/constants.ts";
import { AioError } from "../system/error.ts";
import { librt } from "../system/librt.ts";
import { ENGINES, serving, settings } from "../system/settings.ts";
import type { Engine, EngineName } from "./engine.ts";
import { newFsEngine } from "./fs/fs_engine.ts";
import { MAY_END_FIRST, openRings } from "./io_uring/availability.ts";
import { newIoUringEngine } from "./io_uring/io_uring_engine.ts";
import { librtEngine } from "./librt/librt_engine.ts";

/** What serves for good. */
let settled: Engine | null = null;
/** What there would be for each that was asked for without having it serve. */
const tried = new Map<string, Engine>();

/**
 * The engine of this isolate: until a file has it {@linkcode settle}, another one can
 * be asked for.
 *
 * @throws {AioError} `ENOSYS` if one was asked for by name that cannot be had here.
 * @throws The runtime's own error if that one needs native calls, which it does not
 * permit.
 */
export function engine(): Engine {
  if (settled !== null) return settled;
  const likely = made();
  serving.engine = likely.name;
  return likely;
}

/**
 * Has it serve for good: there is a file.
 *
 * @throws {AioError} `EMFILE` if the process has too few descriptors to tell which.
 * @throws As {@linkcode engine} does.
 */
export function settle(): void {
  const likely = engine();
  if (settled === null && tried.get(settings.engine) !== likely) {
    throw notAvailable("The process has no descriptors left for a file");
  }
  settled = likely;
  serving.isSettled = true;
}

/** What would serve if a file were opened now, or why nothing would. */
export type Likely = { name: EngineName } | { name: null; reason: string };

/** Tells that without asking anybody. Another engine can still be asked for. */
export function likelyEngine(): Likely {
  // By name, they may ask somebody for a permission.
  const isNative = settings.engine === "io_uring" ||
    settings.engine === "librt";
  const reason = isNative ? whyUnavailable() : null;
  if (reason !== null) {
    const engine = `The engine ${JSON.stringify(settings.engine)}`;
    return { name: null, reason: `${engine} cannot be had. ${reason}` };
  }
  try {
    return { name: (settled ?? made()).name };
  } catch (error) {
    return { name: null, reason: (error as Error).message };
  }
}

function made(): Engine {
  const known = tried.get(settings.engine);
  if (known !== undefined) return known;
  const made = make();
  // Without descriptors there is less than later. A ring is there for good.
  const isBest = made.name === "io_uring" || made.name === settings.engine;
  if (isBest || !lacksDescriptors()) tried.set(settings.engine, made);
  return made;
}

function make(): Engine {
  const hasOthers = fsConstants.O_APPEND !== platform.constants.O_APPEND;
  if (hasOthers || runtime.mistakesFlags) {
    throw notAvailable(
      "Files cannot be opened, because node:fs has flags of another system " +
        "here, as that of Deno had before 2.4.4, and that of Bun for Windows " +
        "before 1.3.11",
    );
  }
  const wanted = ENGINES.find((name) => name === settings.engine);
  if (wanted === undefined) throw unknownEngine(settings.engine);
  const isFs = wanted === "fs" ||
    wanted === "auto" && (platform.prefersFs || whyUnavailable() !== null);
  if (isFs) return newFsEngine();
  // Where it was asked for by name, the reason why there is none comes through.
  librt("open");
  return wanted === "librt" ? librtEngine : withRings(wanted);
}

/** The engine with rings of the kernel's, if it offers them. */
function withRings(wanted: "auto" | "io_uring"): Engine {
  const rings = openRings(wanted === "io_uring");
  if (typeof rings === "object") return newIoUringEngine(rings);
  // The environment is that of the main thread as well, which may have them.
  const isForOthers = rings === MAY_END_FIRST && !serving.isAskedFor;
  if (wanted === "auto" || isForOthers) return librtEngine;
  const who = serving.isAskedFor ? "" : ", which POSIX_AIO_ENGINE asks for,";
  throw notAvailable(
    `The engine "io_uring"${who} is not available, because ${rings}`,
  );
}

function unknownEngine(name: string): AioError {
  const known = ENGINES.map((known) => `"${known}"`).join(", ");
  return notAvailable(
    `There is no engine ${JSON.stringify(name)}, as POSIX_AIO_ENGINE asks ` +
      `for, but only ${known}`,
  );
}

/** The first file that is opened wants it. */
function notAvailable(what: string): AioError {
  const errno = lacksDescriptors() ? platform.errno.EMFILE : ENOSYS;
  return new AioError(what, { errno, syscall: "open" });
}
