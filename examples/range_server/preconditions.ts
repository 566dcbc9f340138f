/**
 * A part of the tool `range_server.ts`: whether what a client has is still right.
 *
 * @module
 */

import type { BigIntStats } from "node:fs";
import { ifMatch, ifNoneMatch } from "@std/http/etag";

/** What a client may compare with what it has. */
export interface Validators {
  etag: string;
  /** Of the whole second: HTTP knows no parts of it. */
  modified_ms: number;
}

/**
 * The time of the last change of the inode is in the tag too, because the one of
 * its contents can be set back.
 */
export function validatorsOf(stats: BigIntStats): Validators {
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
export function failedPrecondition(
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
export function isIfRangeTrue(
  headers: Headers,
  { etag, modified_ms }: Validators,
): boolean {
  const validator = headers.get("if-range");
  if (validator === null || validator === etag) return true;
  return dateOf(headers, "if-range") === modified_ms &&
    Date.now() - modified_ms >= 1000;
}
