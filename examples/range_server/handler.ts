/**
 * A part of the tool `range_server.ts`: the server without the program, a function from
 * `Request` to `Response`.
 *
 * What RFC 9110 leaves to the server is decided so:
 *
 * - Several ranges are answered as `multipart/byteranges`, in the order they were
 *   asked for; ranges that overlap or touch become one. More than
 *   {@linkcode RANGES_MAX} are ignored, and so is a `Range` that is malformed:
 *   the answer is the whole file.
 * - A date in `If-Range` counts only once its second is over, because within a
 *   second a file may change twice.
 * - Symbolic links are followed as long as they stay in the directory.
 * - Names that begin with a dot are not there, unless `hidden` is set.
 * - A directory is its `index.html`, or a list of what is in it.
 * - Clients may keep what they got, and have to ask whether it is still right.
 *
 * @module
 */

import { realpathSync, statSync } from "node:fs";
import * as fs from "node:fs/promises";
import { extname, join } from "node:path";
import { escape } from "@std/html/entities";
import prettyBytes from "pretty-bytes";
import { bodyOf } from "./body.ts";
import { type Lease, OpenFiles } from "./open_files.ts";
import {
  locate,
  locateOrNull,
  namesOf,
  type Place,
  type Site,
} from "./place.ts";
import { COMMON_HEADERS, plan } from "./plan.ts";
import { Refusal, refusalOf } from "./refusal.ts";
import { complain } from "../shared/tool.ts";

/** How many reads an answer is ahead of its client. */
export const DEPTH_DEFAULT = 4;

/** How many files are kept open. */
export const OPEN_FILES_DEFAULT = 128;

/** How {@linkcode createFileHandler} serves. */
export interface FileHandlerOptions {
  /**
   * How many reads of 256 KiB an answer may be ahead of its client.
   *
   * @default {4}
   */
  depth?: number;
  /** Serves names that begin with a dot, too. */
  hidden?: boolean;
  /**
   * How many files are kept open between answers, those that were asked for last. With 0,
   * each answer opens its own.
   *
   * @default {128}
   */
  openFiles?: number;
  /** Lets pages of other origins read what is served. */
  cors?: boolean;
}

/**
 * What answers a request; `Deno.serve` and others take it. Once it is disposed of, it keeps
 * no files open.
 */
export type FileHandler =
  & ((request: Request) => Promise<Response>)
  & Disposable;

const METHODS = { allow: "GET, HEAD, OPTIONS" };

/** What a page of another origin may ask for, and what of the answer it may see. */
const CORS = {
  "access-control-allow-origin": "*",
  "access-control-expose-headers":
    "accept-ranges, content-length, content-range, etag",
};
const CORS_PREFLIGHT = {
  "access-control-allow-methods": METHODS.allow,
  "access-control-allow-headers": "*",
  "access-control-max-age": "86400",
};

/**
 * Makes the server of a directory.
 *
 * @param directory What to serve.
 * @param options How; see {@linkcode FileHandlerOptions}.
 * @returns The function that answers requests.
 * @throws If the directory is not there or is none.
 *
 * @example
 * ```ts ignore
 * Deno.serve(createFileHandler("public"));
 * ```
 */
export function createFileHandler(
  directory: string,
  {
    depth = DEPTH_DEFAULT,
    hidden = false,
    openFiles = OPEN_FILES_DEFAULT,
    cors = false,
  }: FileHandlerOptions = {},
): FileHandler {
  const root = realpathSync(directory);
  if (!statSync(root).isDirectory()) {
    throw new TypeError(`${directory} is not a directory`);
  }
  const files = new OpenFiles(openFiles);
  const site = { root, depth, hidden, files };
  const handler = async (request: Request) => {
    // Taken now: of a request whose client has gone nothing can be asked.
    const more = corsHeaders(cors, request.method);
    const response = await answerOrRefuse(request, site);
    for (const [name, value] of Object.entries(more)) {
      response.headers.set(name, value);
    }
    return response;
  };
  return Object.assign(handler, {
    [Symbol.dispose]: () => files[Symbol.dispose](),
  });
}

function corsHeaders(cors: boolean, method: string): Record<string, string> {
  if (!cors) return {};
  return method === "OPTIONS" ? { ...CORS, ...CORS_PREFLIGHT } : CORS;
}

async function answerOrRefuse(
  request: Request,
  site: Site,
): Promise<Response> {
  try {
    return await answer(request, site);
  } catch (error) {
    const { status, message, headers } = refusalOf(error);
    // What the client can do nothing about is for who runs the server.
    if (status >= 500) complain("range_server", error);
    const text = `${status} ${message}\n`;
    const type = "text/plain; charset=utf-8";
    return textResponse(request, text, type, status, headers);
  }
}

async function answer(request: Request, site: Site): Promise<Response> {
  if (request.method === "OPTIONS") {
    return new Response(null, { status: 204, headers: METHODS });
  }
  if (request.method !== "GET" && request.method !== "HEAD") {
    throw new Refusal(405, METHODS);
  }
  const { pathname, search } = new URL(request.url);
  const names = namesOf(pathname);
  const hasSlash = pathname.endsWith("/");
  if (!hasSlash) {
    const asked = join(site.root, ...names);
    const known = await site.files.find(asked);
    if (known !== null) return await fileResponse(request, site, known, asked);
  }
  const place = await locate(site, names);
  if (!place.stats.isDirectory()) {
    if (hasSlash) throw new Refusal(404);
    return await placeResponse(request, site, place);
  }
  if (!hasSlash) {
    // Relative links in it would lead astray. One slash: two begin a host's name.
    const location = `/${names.map(encodeURIComponent).join("/")}/${search}`;
    throw new Refusal(301, { location });
  }
  const index = await locateOrNull(site, [...names, "index.html"]);
  if (index?.stats.isFile()) return await placeResponse(request, site, index);
  return await listResponse(request, site, names, place);
}

function textResponse(
  request: Request,
  text: string,
  type: string,
  status: number,
  more: Record<string, string> = {},
): Response {
  const body = new TextEncoder().encode(text);
  const headers = {
    ...COMMON_HEADERS,
    ...more,
    "content-type": type,
    "content-length": String(body.byteLength),
  };
  return new Response(request.method === "HEAD" ? null : body, {
    status,
    headers,
  });
}

async function listResponse(
  request: Request,
  site: Site,
  names: string[],
  { path }: Place,
): Promise<Response> {
  const found = await Promise.all(
    (await fs.readdir(path)).map(async (name) => ({
      name,
      stats: (await locateOrNull(site, [...names, name]))?.stats,
    })),
  );
  const { compare } = new Intl.Collator("en", { numeric: true });
  const rows = found.sort((a, b) => compare(a.name, b.name))
    .map(({ name, stats }) => {
      if (stats?.isDirectory()) return row(`${name}/`, "");
      return stats?.isFile() ? row(name, prettyBytes(Number(stats.size))) : "";
    });
  if (names.length > 0) rows.unshift(row("../", ""));
  const title = escape(`Index of /${names.map((name) => `${name}/`).join("")}`);
  const page = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${title}</title>
<h1>${title}</h1>
<table>
${rows.join("")}</table>
`;
  return textResponse(request, page, "text/html; charset=utf-8", 200);
}

function row(name: string, size: string): string {
  const isDirectory = name.endsWith("/");
  // Without the dot, what is before a colon would be a scheme.
  const link = `./${encodeURIComponent(name.replace(/\/$/, ""))}${
    isDirectory ? "/" : ""
  }`;
  return `<tr><td><a href="${escape(link)}">${
    escape(name)
  }</a><td align="right">${size}\n`;
}

async function placeResponse(
  request: Request,
  site: Site,
  { asked, path, stats }: Place,
): Promise<Response> {
  // Opening a pipe would wait for its other end.
  if (!stats.isFile()) throw new Refusal(403);
  return await fileResponse(
    request,
    site,
    await site.files.open(asked, path),
    asked,
  );
}

async function fileResponse(
  request: Request,
  { depth }: Site,
  lease: Lease,
  asked: string,
): Promise<Response> {
  try {
    const { status, headers, parts } = plan(
      request,
      lease.stats,
      extname(asked),
    );
    if (parts === null) lease.release();
    const body = parts && await bodyOf(lease, parts, depth);
    return new Response(body, { status, headers });
  } catch (error) {
    lease.release();
    throw error;
  }
}
