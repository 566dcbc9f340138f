/** Chooses the engine that serves the file level of this isolate. */
import type { Engine } from "./engine.ts";
import { librtEngine } from "./librt/librt_engine.ts";

/** The engine of this isolate. */
export const engine: Engine = librtEngine;
