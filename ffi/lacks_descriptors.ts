/**
 * Whether the process has no descriptors left, which passes.
 *
 * @module
 */
import { closeSync, openSync } from "node:fs";
import { devNull } from "node:os";
import { isGranted } from "./permissions.ts";

const LACKING = ["EMFILE", "ENFILE"];

/**
 * Whether the process can open no file now, as far as it may try that: what cannot be
 * loaded then can be loaded later.
 */
export function lacksDescriptors(): boolean {
  if (!isGranted({ name: "read", path: devNull })) return false;
  try {
    closeSync(openSync(devNull, "r"));
    return false;
  } catch (error) {
    return LACKING.includes((error as NodeJS.ErrnoException).code ?? "");
  }
}
