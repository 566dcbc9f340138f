/**
 * Serves the files of a directory over HTTP, ranges included.
 *
 * ```sh
 * deno run --allow-ffi --allow-net --allow-read examples/range_server.ts DIRECTORY
 * ```
 *
 * Each answer streams from its file with several reads in flight, as fast as the
 * client takes it. {@linkcode createFileHandler} is the server without the
 * program: a function from `Request` to `Response`.
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

import { randomUUID } from "node:crypto";
import { type BigIntStats, fstat, realpathSync, statSync } from "node:fs";
import * as fs from "node:fs/promises";
import { extname, join, relative } from "node:path";
import process from "node:process";
import { parseArgs, promisify } from "node:util";
import { escape } from "@std/html/entities";
import { ifMatch, ifNoneMatch } from "@std/http/etag";
import { contentType } from "@std/media-types/content-type";
import prettyBytes from "pretty-bytes";
import { combineRanges, parse as parseRange, type Range } from "range-parser";
import { AioFile, supported } from "../mod.ts";

const DEPTH_DEFAULT = 4;
const DEPTH_MAX = 64;
const PORT_DEFAULT = 8080;
const PORT_MAX = 65_535;
const GRACE_S_DEFAULT = 10;
const GRACE_S_MAX = 86_400;
/** More ranges than a reader needs are an attack on the server's disk. */
export const RANGES_MAX = 32;

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
}

/** What answers a request; `Deno.serve` and others take it. */
export type FileHandler = (request: Request) => Promise<Response>;

/** Where requests lead. */
interface Site {
  /** The directory, without symbolic links. */
  root: string;
  depth: number;
  hidden: boolean;
}

/** Something in the directory that may be served. */
interface Place {
  /** What it is asked for by; `path` has no symbolic links. */
  name: string;
  path: string;
  stats: BigIntStats;
}

/** What a client may compare with what it has. */
interface Validators {
  etag: string;
  /** Of the whole second: HTTP knows no parts of it. */
  modified_ms: number;
}

const REASONS: Record<number, string> = {
  301: "Moved Permanently",
  400: "Bad Request",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  412: "Precondition Failed",
  416: "Range Not Satisfiable",
  500: "Internal Server Error",
  503: "Service Unavailable",
};

/** Ends a request with a status other than success. */
class Refusal extends Error {
  constructor(
    readonly status: number,
    readonly headers: Record<string, string> = {},
  ) {
    super(REASONS[status]);
  }
}

const STATUS_BY_CODE: Record<string, number> = {
  EACCES: 403,
  ELOOP: 404,
  EMFILE: 503,
  ENAMETOOLONG: 404,
  ENFILE: 503,
  ENOENT: 404,
  ENOTDIR: 404,
  EPERM: 403,
};

function refusalOf(error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  const { name, code = "" } = error as { name?: string; code?: string };
  if (name === "NotCapable") return new Refusal(403);
  return new Refusal(STATUS_BY_CODE[code] ?? 500);
}

const METHODS = { allow: "GET, HEAD, OPTIONS" };

const COMMON_HEADERS = {
  "cache-control": "no-cache",
  "x-content-type-options": "nosniff",
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
  { depth = DEPTH_DEFAULT, hidden = false }: FileHandlerOptions = {},
): FileHandler {
  const root = realpathSync(directory);
  if (!statSync(root).isDirectory()) {
    throw new TypeError(`${directory} is not a directory`);
  }
  const site = { root, depth, hidden };
  return async (request) => {
    try {
      return await answer(request, site);
    } catch (error) {
      const { status, message, headers } = refusalOf(error);
      // What the client can do nothing about is for who runs the server.
      if (status >= 500) console.error("range_server:", error);
      const text = `${status} ${message}\n`;
      const type = "text/plain; charset=utf-8";
      return textResponse(request, text, type, status, headers);
    }
  };
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
  const place = await locate(site, names);
  if (!place.stats.isDirectory()) {
    if (pathname.endsWith("/")) throw new Refusal(404);
    return await fileResponse(request, site, place);
  }
  if (!pathname.endsWith("/")) {
    // Relative links in it would lead astray. One slash: two begin a host's name.
    const location = `/${names.map(encodeURIComponent).join("/")}/${search}`;
    throw new Refusal(301, { location });
  }
  const index = await locateOrNull(site, [...names, "index.html"]);
  if (index?.stats.isFile()) return await fileResponse(request, site, index);
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

/** The names on the way to what a URL asks for. */
function namesOf(pathname: string): string[] {
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
async function locate(site: Site, names: string[]): Promise<Place> {
  const path = await fs.realpath(join(site.root, ...names));
  const steps = relative(site.root, path).split("/");
  if (steps[0] === "..") throw new Refusal(404);
  if (!site.hidden && [...names, ...steps].some(isHidden)) {
    throw new Refusal(404);
  }
  const stats = await fs.stat(path, { bigint: true });
  return { name: names.at(-1) ?? "", path, stats };
}

async function locateOrNull(
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

async function fileResponse(
  request: Request,
  { depth }: Site,
  { name, path, stats }: Place,
): Promise<Response> {
  // Opening a pipe would wait for its other end.
  if (!stats.isFile()) throw new Refusal(403);
  const file = await AioFile.open(path);
  try {
    // Of what is open now; another file may have that name by now.
    const stats = await fstatOf(file.fd, { bigint: true });
    const { status, headers, parts } = plan(request, stats, extname(name));
    if (parts === null) await file.close();
    const body = parts && streamOf(file, parts, depth);
    return new Response(body, { status, headers });
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** A part of a body: bytes as they are, or of the file. */
type Part = Uint8Array | Range;

/** A response whose body is yet to be made. */
interface Plan {
  status: number;
  headers: Record<string, string>;
  /** `null`: there is no body. */
  parts: Part[] | null;
}

const fstatOf = promisify(fstat) as (
  fd: number,
  options: { bigint: true },
) => Promise<BigIntStats>;

function plan(
  request: Request,
  stats: BigIntStats,
  extension: string,
): Plan {
  const size = Number(stats.size);
  const type = contentType(extension) ?? "application/octet-stream";
  const validators = validatorsOf(stats);
  const headers: Record<string, string> = {
    ...COMMON_HEADERS,
    "accept-ranges": "bytes",
    "etag": validators.etag,
    "last-modified": new Date(validators.modified_ms).toUTCString(),
  };
  const status = failedPrecondition(request.headers, validators);
  if (status === 304) return { status, headers, parts: null };
  if (status === 412) throw new Refusal(412);

  const ranges = rangesOf(request, size, validators);
  if (ranges?.length === 0) {
    throw new Refusal(416, { "content-range": `bytes */${size}` });
  }
  return ranges === null
    ? wholePlan(request, size, type, headers)
    : rangesPlan(ranges, size, type, headers);
}

function wholePlan(
  request: Request,
  size: number,
  type: string,
  headers: Record<string, string>,
): Plan {
  const isEmpty = request.method === "HEAD" || size === 0;
  return {
    status: 200,
    headers: { ...headers, "content-type": type, "content-length": `${size}` },
    parts: isEmpty ? null : [{ start: 0, end: size - 1 }],
  };
}

function rangesPlan(
  ranges: readonly Range[],
  size: number,
  type: string,
  headers: Record<string, string>,
): Plan {
  const contentRange = ({ start, end }: Range) =>
    `bytes ${start}-${end}/${size}`;
  let parts = ranges as Part[];
  if (ranges.length === 1) {
    headers["content-type"] = type;
    headers["content-range"] = contentRange(ranges[0]);
  } else {
    const boundary = randomUUID();
    const encoder = new TextEncoder();
    headers["content-type"] = `multipart/byteranges; boundary=${boundary}`;
    parts = ranges.flatMap((range) => [
      encoder.encode(
        `\r\n--${boundary}\r\nContent-Type: ${type}\r\n` +
          `Content-Range: ${contentRange(range)}\r\n\r\n`,
      ),
      range,
    ]);
    parts.push(encoder.encode(`\r\n--${boundary}--\r\n`));
  }
  const length = parts.reduce((sum, part) => sum + lengthOf(part), 0);
  headers["content-length"] = String(length);
  return { status: 206, headers, parts };
}

function lengthOf(part: Part): number {
  return part instanceof Uint8Array
    ? part.byteLength
    : part.end - part.start + 1;
}

/**
 * The time of the last change of the inode is in the tag too, because the one of
 * its contents can be set back.
 */
function validatorsOf(stats: BigIntStats): Validators {
  const { ino, size, mtimeNs, ctimeNs } = stats;
  const tag = [ino, size, mtimeNs, ctimeNs].map((part) => part.toString(36));
  // A file from the future would seem changed until then.
  const changed_ms = Math.min(Number(mtimeNs / 1_000_000n), Date.now());
  return {
    etag: `"${tag.join("-")}"`,
    modified_ms: Math.floor(changed_ms / 1000) * 1000,
  };
}

const HTTP_DATES = [
  /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/,
  // Two older formats that RFC 9110 wants to be understood.
  /^[A-Z][a-z]{5,8}, \d{2}-[A-Z][a-z]{2}-\d{2} \d{2}:\d{2}:\d{2} GMT$/,
  /^[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d{2}:\d{2}:\d{2} \d{4}$/,
];

/** What is not a date in one of HTTP's formats is as if it were not there. */
function dateOf(headers: Headers, name: string): number {
  const text = headers.get(name) ?? "";
  if (!HTTP_DATES.some((format) => format.test(text))) return NaN;
  return Date.parse(text.endsWith("GMT") ? text : `${text} GMT`);
}

/** RFC 9110, 13.2.2, in its order. */
function failedPrecondition(
  headers: Headers,
  { etag, modified_ms }: Validators,
): 304 | 412 | null {
  const match = headers.get("if-match");
  if (match !== null) {
    if (!ifMatch(match, etag)) return 412;
  } else if (modified_ms > dateOf(headers, "if-unmodified-since")) {
    return 412;
  }
  const noneMatch = headers.get("if-none-match");
  if (noneMatch !== null) return ifNoneMatch(noneMatch, etag) ? null : 304;
  return modified_ms <= dateOf(headers, "if-modified-since") ? 304 : null;
}

/** RFC 9110, 13.1.5: only a validator that is strong, and the very same, will do. */
function isIfRangeTrue(
  headers: Headers,
  { etag, modified_ms }: Validators,
): boolean {
  const validator = headers.get("if-range");
  if (validator === null || validator === etag) return true;
  return dateOf(headers, "if-range") === modified_ms &&
    Date.now() - modified_ms >= 1000;
}

/**
 * Which ranges are asked for: `null` for the whole file, none if there are none
 * in it.
 */
function rangesOf(
  request: Request,
  size: number,
  validators: Validators,
): readonly Range[] | null {
  const { method, headers } = request;
  const header = headers.get("range");
  if (method !== "GET" || header === null) return null;
  if (!isIfRangeTrue(headers, validators)) return null;
  const { type, code, ranges } = parseRange(size, header);
  const isMalformed = (code & 1) !== 0;
  if (type !== "bytes" || isMalformed || ranges.length > RANGES_MAX) {
    return null;
  }
  // The last bytes of an empty file are satisfiable, and cannot be told as a range.
  if (ranges.length === 0 && code === 0) return null;
  return combineRanges(ranges);
}

/** Closes the file at the end, whatever that is. */
function streamOf(
  file: AioFile,
  parts: Part[],
  depth: number,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  const chunks = chunksOf(file, parts, depth);
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await chunks.next();
      if (done) controller.close();
      else controller.enqueue(value);
    },
    async cancel() {
      await chunks.return();
      // If it had not begun, it has not closed the file either.
      await file.close();
    },
  }, { highWaterMark: 0 });
}

async function* chunksOf(
  file: AioFile,
  parts: Part[],
  depth: number,
): AsyncGenerator<Uint8Array<ArrayBuffer>, void, void> {
  try {
    for (const part of parts) {
      if (part instanceof Uint8Array) {
        yield part.slice();
        continue;
      }
      const length = lengthOf(part);
      let missing = length;
      for await (
        const chunk of file.readable({ offset: part.start, length, depth })
      ) {
        missing -= chunk.byteLength;
        yield chunk;
      }
      if (missing > 0) {
        throw new Error("The file became shorter while it was sent");
      }
    }
  } finally {
    await file.close();
  }
}

const HELP = `Serves the files of a directory over HTTP, ranges included.

usage: range_server.ts [options] DIRECTORY

  --port N     the port; 0 takes a free one (default ${PORT_DEFAULT})
  --host HOST  the address to listen on (default 127.0.0.1, this machine only;
               0.0.0.0 is all of them)
  --depth N    reads of 256 KiB that an answer may be ahead of its client,
               1 to ${DEPTH_MAX} (default ${DEPTH_DEFAULT})
  --hidden     serve names that begin with a dot, too
  --grace N    seconds that answers may go on once it is told to stop, up to
               ${GRACE_S_MAX} (default ${GRACE_S_DEFAULT})
  --log        print a line on standard error for each answer: time, client,
               method, path, status, bytes, range
  --help       print this

Symbolic links are followed as long as they stay in DIRECTORY. A directory is its
index.html, or a list of what is in it.

SIGINT and SIGTERM tell it to stop; the second one cuts what is being sent.

Exit status: 0 stopped by a signal, 1 cannot serve, 2 wrong usage.`;

class UsageError extends Error {}

function parseNumber(
  option: string,
  text: string,
  min: number,
  max: number,
): number {
  const number = /^\d+$/.test(text) ? Number(text) : NaN;
  if (number >= min && number <= max) return number;
  throw new UsageError(`--${option} must be ${min} to ${max}, not "${text}"`);
}

function parseCommandLine(args: string[]) {
  const flag = { type: "boolean", default: false } as const;
  try {
    const { values, positionals } = parseArgs({
      args,
      allowPositionals: true,
      options: {
        port: { type: "string", default: String(PORT_DEFAULT) },
        host: { type: "string", default: "127.0.0.1" },
        depth: { type: "string", default: String(DEPTH_DEFAULT) },
        grace: { type: "string", default: String(GRACE_S_DEFAULT) },
        hidden: flag,
        log: flag,
        help: { ...flag, short: "h" },
      },
    });
    if (values.help) return null;
    if (positionals.length !== 1) {
      throw new UsageError(
        `one directory is needed, not ${positionals.length} names`,
      );
    }
    return {
      ...values,
      port: parseNumber("port", values.port, 0, PORT_MAX),
      depth: parseNumber("depth", values.depth, 1, DEPTH_MAX),
      grace: parseNumber("grace", values.grace, 0, GRACE_S_MAX),
      directory: positionals[0],
    };
  } catch (error) {
    // What parseArgs() says after its first sentence is advice to programmers.
    const [sentence] = (error as Error).message.split(/\.\s/);
    throw new UsageError(sentence);
  }
}

function logged(handler: FileHandler): Deno.ServeHandler<Deno.NetAddr> {
  return async (request, { remoteAddr }) => {
    const response = await handler(request);
    const { pathname, search } = new URL(request.url);
    const { status, headers } = response;
    console.error(
      new Date().toISOString(),
      remoteAddr.hostname,
      request.method,
      // The URL has escapes for whatever could pretend to be a line of its own.
      pathname + search,
      status,
      headers.get("content-length") ?? "-",
      headers.get("content-range") ?? "-",
    );
    return response;
  };
}

type Command = NonNullable<ReturnType<typeof parseCommandLine>>;

/** Does something, and says in words what could not be done. */
function attempt<T>(what: string, act: () => T): T {
  try {
    return act();
  } catch (error) {
    throw new Error(`${what}: ${(error as Error).message}`, { cause: error });
  }
}

function serve(
  { directory, host, port, grace, log, ...options }: Command,
): Promise<void> {
  const { available, reason } = supported();
  if (!available) throw new Error(reason);
  const handler = attempt(
    `cannot serve ${directory}`,
    () => createFileHandler(directory, options),
  );
  const listening = {
    hostname: host,
    port,
    onListen({ hostname, port }: Deno.NetAddr) {
      const name = hostname.includes(":") ? `[${hostname}]` : hostname;
      console.log(`Serving ${directory} at http://${name}:${port}/`);
    },
  };
  const server = attempt(
    `cannot listen on ${host}, port ${port}`,
    () => Deno.serve(listening, log ? logged(handler) : handler),
  );
  let isStopping = false;
  const stop = () => {
    if (isStopping) process.exit(0);
    isStopping = true;
    server.shutdown();
    setTimeout(() => process.exit(0), grace * 1000);
  };
  process.on("SIGINT", stop);
  process.on("SIGTERM", stop);
  return server.finished;
}

async function main(args: string[]): Promise<number> {
  try {
    const command = parseCommandLine(args);
    if (command === null) console.log(HELP);
    else await serve(command);
    return 0;
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    if (error instanceof UsageError) {
      console.error(`range_server: ${message} (--help tells the usage)`);
      return 2;
    }
    console.error(`range_server: ${message}`);
    return 1;
  }
}

if (import.meta.main) process.exit(await main(process.argv.slice(2)));
