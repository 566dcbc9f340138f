/**
 * A part of the tool `checksum.ts`: the lists of checksums that it checks, and how names are
 * written in them.
 *
 * @module
 */

import { type Algorithm, ALGORITHMS } from "./checksums.ts";

const ESCAPES: Record<string, string> = {
  "\\": "\\\\",
  "\n": "\\n",
  "\r": "\\r",
};
const CHARACTERS = Object.fromEntries(
  Object.entries(ESCAPES).map(([character, escape]) => [escape, character]),
);

/** Line ends and backslashes become escapes, which a backslash before all announces. */
export function escaped(name: string): { prefix: string; name: string } {
  const text = name.replace(/[\\\n\r]/g, (character) => ESCAPES[character]);
  return { prefix: text === name ? "" : "\\", name: text };
}

/** @returns `null` if there is an escape that does not exist. */
function unescaped(text: string): string | null {
  if (!/^([^\\]|\\[\\nr])*$/.test(text)) return null;
  return text.replace(/\\./g, (escape) => CHARACTERS[escape]);
}

/** What a line of a list says that a file should be. */
interface Expected {
  name: string;
  digest: string;
}

/** Reads lines in each of the formats that `sha256sum` reads. */
export class LineParser {
  readonly #tagged: RegExp;
  readonly #plain: RegExp;
  /**
   * BSD's `-r` has a single blank before the name. Nobody can tell that from a
   * name with a blank before it, so a run has only one of both.
   */
  #hasSingleBlanks: boolean | null = null;

  constructor(algorithm: Algorithm) {
    const { tag, hexDigits } = ALGORITHMS[algorithm];
    const digest = `([0-9a-fA-F]{${hexDigits}})`;
    this.#tagged = RegExp(`^${tag} ?\\((.*)\\)[ \t]*=[ \t]*${digest}$`, "s");
    this.#plain = RegExp(`^${digest}[ \t](.+)$`, "s");
  }

  /** @returns `null` if it is no checksum of this algorithm. */
  parse(line: string): Expected | null {
    const [, escape, text] = /^[ \t]*(\\?)(.*)$/s.exec(line)!;
    const found = this.#split(text);
    if (found === null || escape === "") return found;
    const name = unescaped(found.name);
    return name === null ? null : { ...found, name };
  }

  #split(text: string): Expected | null {
    const tagged = this.#tagged.exec(text);
    if (tagged !== null) return { name: tagged[1], digest: tagged[2] };
    const plain = this.#plain.exec(text);
    if (plain === null) return null;
    const [, digest, rest] = plain;
    if (rest.length === 1 || !/^[ *]/.test(rest)) {
      if (this.#hasSingleBlanks === false) return null;
      this.#hasSingleBlanks = true;
    } else if (this.#hasSingleBlanks !== true) {
      this.#hasSingleBlanks = false;
      return { name: rest.slice(1), digest };
    }
    return { name: rest, digest };
  }
}

/** What a line says, `null` if it is no checksum. */
export interface Line {
  number: number;
  expected: Expected | null;
}

export function parseList(
  text: string,
  parse: (line: string) => Expected | null,
): Line[] {
  return text.split("\n").flatMap((line, index) => {
    const content = line.replace(/\r$/, "");
    if (content === "" || line.startsWith("#")) return [];
    return [{ number: index + 1, expected: parse(content) }];
  });
}
