/**
 * A part of the tool `range_server.ts`: the status, headers and ranges of a file's response.
 *
 * @module
 */

import { randomUUID } from "node:crypto";
import type { BigIntStats } from "node:fs";
import { contentType } from "@std/media-types/content-type";
import { combineRanges, parse as parseRange, type Range } from "range-parser";
import {
  failedPrecondition,
  isIfRangeTrue,
  type Validators,
  validatorsOf,
} from "./preconditions.ts";
import { Refusal } from "./refusal.ts";

/** More ranges than a reader needs are an attack on the server's disk. */
export const RANGES_MAX = 32;

/** Of every response with a body. */
export const COMMON_HEADERS = {
  "cache-control": "no-cache",
  "x-content-type-options": "nosniff",
};

/** A part of a body: bytes as they are, or of the file. */
export type Part = Uint8Array | Range;

/** A response whose body is yet to be made. */
export interface Plan {
  status: number;
  headers: Record<string, string>;
  /** `null`: there is no body. */
  parts: Part[] | null;
}

/** Plans the response for a file. */
export function plan(
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

export function lengthOf(part: Part): number {
  return part instanceof Uint8Array
    ? part.byteLength
    : part.end - part.start + 1;
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
