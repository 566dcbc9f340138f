/**
 * A part of the tool `range_server.ts`: requests that do not succeed.
 *
 * @module
 */

import { STATUS_CODES } from "node:http";

/** Ends a request with a status other than success. */
export class Refusal extends Error {
  constructor(
    readonly status: number,
    readonly headers: Record<string, string> = {},
  ) {
    super(STATUS_CODES[status]);
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

/** What answers a request that an error has ended. */
export function refusalOf(error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  const { name, code = "" } = error as { name?: string; code?: string };
  if (name === "NotCapable") return new Refusal(403);
  return new Refusal(STATUS_BY_CODE[code] ?? 500);
}
