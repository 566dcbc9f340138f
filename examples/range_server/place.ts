/**
 * A part of the tool `range_server.ts`: what of the directory may be served, and where it is.
 *
 * @module
 */

import type { BigIntStats } from "node:fs";
import * as fs from "node:fs/promises";
import { join, relative } from "node:path";
import type { OpenFiles } from "./open_files.ts";
import { Refusal, refusalOf } from "./refusal.ts";

/** Where requests lead. */
export interface Site {
  /** The directory, without symbolic links. */
  root: string;
  depth: number;
  hidden: boolean;
  files: OpenFiles;
}

/** Something in the directory that may be served. */
export interface Place {
  /** The path that is asked for; `path` has no symbolic links. */
  asked: string;
  path: string;
  stats: BigIntStats;
}

/** The names on the way to what a URL asks for. */
export function namesOf(pathname: string): string[] {
  try {
    const names = pathname.split("/").filter((name) => name !== "")
      .map(decodeURIComponent);
    // No file's name has such characters.
    if (names.some((name) => /[/\0]/.test(name))) throw new Refusal(400);
    return names;
  } catch {
    throw new Refusal(400);
  }
}

function isHidden(name: string): boolean {
  return name.startsWith(".");
}

/** Finds what may be served; everything else is as if it were not there. */
export async function locate(site: Site, names: string[]): Promise<Place> {
  const asked = join(site.root, ...names);
  const path = await fs.realpath(asked);
  const steps = relative(site.root, path).split("/");
  if (steps[0] === "..") throw new Refusal(404);
  if (!site.hidden && [...names, ...steps].some(isHidden)) {
    throw new Refusal(404);
  }
  const stats = await fs.stat(path, { bigint: true });
  return { asked, path, stats };
}

export async function locateOrNull(
  site: Site,
  names: string[],
): Promise<Place | null> {
  try {
    return await locate(site, names);
  } catch (error) {
    if (refusalOf(error).status < 500) return null;
    throw error;
  }
}
