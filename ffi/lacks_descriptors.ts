/**
 * Whether the process has no descriptors left, which passes.
 *
 * @module
 */
import { closeSync, openSync } from "node:fs";
import { devNull } from "node:os";
import process from "node:process";

const LACKING = ["EMFILE", "ENFILE"];

/** The part of Deno that answers without asking anybody. */
interface Asked {
  permissions: {
    querySync(of: { name: "read"; path: string }): { state: string };
  };
}

/**
 * Whether the process can open no file now, as far as it may try that: what cannot be
 * loaded then can be loaded later.
 */
export function lacksDescriptors(): boolean {
  if (process.versions.deno !== undefined) {
    const { permissions } = (globalThis as unknown as { Deno: Asked }).Deno;
    const { state } = permissions.querySync({ name: "read", path: devNull });
    if (state !== "granted") return false;
  }
  try {
    closeSync(openSync(devNull, "r"));
    return false;
  } catch (error) {
    return LACKING.includes((error as NodeJS.ErrnoException).code ?? "");
  }
}
