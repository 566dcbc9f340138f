/** The path of a file, as a program gives it: text, a URL, or bytes. */
import { Buffer } from "node:buffer";
import { fileURLToPath, URL as NodeURL } from "node:url";
import { TextDecoder } from "node:util";
import {
  assertBytes,
  byteLengthOf,
  getterOf,
  nameOf,
  sliceOf,
} from "../checks/bytes.ts";

/** A path that has been checked. */
export interface Path {
  /** What the system gets: bytes only where they are no UTF-8. */
  readonly exact: string | Buffer;
  /** The same for people: what is not UTF-8 in it is U+FFFD. */
  readonly name: string;
}

const NUL = "\0";

/** As in a path, where a byte order mark is no such thing. */
const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const lenient = new TextDecoder("utf-8", { ignoreBOM: true });

/** A test runner's realm may have another `URL` than Node's, or none. */
const hrefGetters = [NodeURL, globalThis.URL ?? NodeURL]
  .map(({ prototype }) => getterOf<string>(prototype, "href"));

/** @throws {TypeError} Unless it is a path, or the URL of a file. */
export function pathOf(path: string | URL | Uint8Array): Path {
  const exact = exactPathOf(path);
  const name = typeof exact === "string" ? exact : lenient.decode(exact);
  // The system's functions would take that for its end.
  if (!name.includes(NUL)) return { exact, name };
  throw new TypeError(
    `The path must have no null bytes, but is ${nameOf(name)}`,
  );
}

function exactPathOf(path: string | URL | Uint8Array): string | Buffer {
  if (typeof path === "string") return path;
  if (ArrayBuffer.isView(path)) return pathOfBytes(path);
  const url = urlOf(path);
  if (url !== null) return pathOfUrl(url);
  throw new TypeError(
    `The path must be a string, a URL or a Uint8Array, but is ${nameOf(path)}`,
  );
}

/** Text wherever they are one, because every runtime opens that. */
function pathOfBytes(path: Uint8Array): string | Buffer {
  assertBytes(path, "The path");
  const copy = Buffer.from(sliceOf(path, 0, byteLengthOf(path)));
  try {
    return strict.decode(copy);
  } catch {
    return copy;
  }
}

function pathOfUrl(url: NodeURL): string {
  if (url.protocol !== "file:") {
    throw new TypeError(
      `The path must be a URL of a file, but is ${nameOf(url.href)}`,
    );
  }
  // Runtimes do not agree on these.
  if (!hasText(url.pathname)) {
    throw new TypeError(
      `The path must be a URL whose escapes are UTF-8, but is ` +
        nameOf(url.href),
    );
  }
  // On Windows that would be a share, which a server is asked for.
  if (url.host !== "") {
    throw new TypeError(
      `The path must be a URL without a host, but is ${nameOf(url.href)}`,
    );
  }
  return fileURLToPath(url);
}

function hasText(escaped: string): boolean {
  try {
    decodeURIComponent(escaped);
    return true;
  } catch {
    return false;
  }
}

/** A copy that has only what a URL has, or `null` if it is none. */
function urlOf(value: URL): NodeURL | null {
  for (const getHref of hrefGetters) {
    try {
      // Throws for what only has the prototype of one.
      return new NodeURL(getHref.call(value));
    } catch {
      // It may be one of the other class.
    }
  }
  return null;
}
