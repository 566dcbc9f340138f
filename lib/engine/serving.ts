/** Chooses the engine that serves the file level of this isolate. */
import { ENOSYS } from "../system/constants.ts";
import { AioError } from "../system/error.ts";
import { ENGINES, serving, settings } from "../system/settings.ts";
import type { Engine } from "./engine.ts";
import { openRings } from "./io_uring/availability.ts";
import { newIoUringEngine } from "./io_uring/io_uring_engine.ts";
import { librtEngine } from "./librt/librt_engine.ts";

let chosen: Engine | null = null;

/**
 * The engine of this isolate: chosen by the first one who asks, for good.
 *
 * @throws {AioError} `ENOSYS` if one was asked for by name that cannot be had here.
 */
export function engine(): Engine {
  return chosen ??= choose();
}

function choose(): Engine {
  const wanted = ENGINES.find((name) => name === settings.engine);
  if (wanted === undefined) throw unknownEngine(settings.engine);
  const made = wanted === "librt" ? librtEngine : withRings(wanted);
  serving.engine = made.name;
  return made;
}

/** The engine with rings of the kernel's, if it offers them. */
function withRings(wanted: "auto" | "io_uring"): Engine {
  const rings = openRings(wanted === "io_uring");
  if (typeof rings === "object") return newIoUringEngine(rings);
  if (wanted === "auto") return librtEngine;
  throw notAvailable(
    `The engine "io_uring" is not available, because ${rings}`,
  );
}

function unknownEngine(name: string): AioError {
  const known = ENGINES.map((known) => `"${known}"`).join(", ");
  return notAvailable(
    `There is no engine ${JSON.stringify(name)}, as POSIX_AIO_ENGINE asks ` +
      `for, but only ${known}`,
  );
}

function notAvailable(what: string): AioError {
  return new AioError(what, { errno: ENOSYS, syscall: "io_uring_setup" });
}
