/**
 * The command line of a tool, read by the tool's usage text: what stands there is what
 * can be given, so one cannot have an option that the other lacks.
 *
 * A line of the text that begins with `-q, --quiet` or `--quiet`, two blanks from the edge
 * (or six, where others have a letter), is an option. A word in capitals behind it, as in
 * `--depth N`, says that the option takes a value.
 *
 * @module
 */

import { parseArgs } from "node:util";

const OPTION = /^ {2}(?:-(\w), | {4})?--([a-z-]+)( [A-Z]+)?/gm;

const UNITS: Record<string, number> = {
  "": 1,
  K: 1 << 10,
  M: 1 << 20,
  G: 1 << 30,
};

/** What the person who typed the command has to change, in a sentence. */
export class UsageError extends Error {
  override name = "UsageError";
}

/** Not an error: the usage, which `--help` asks for. */
export class Help extends Error {}

/** A command line: the names, and the options by the names of their long forms. */
export class CommandLine {
  /** What is no option. */
  readonly names: string[];
  /** The options, in the order they were given. */
  readonly given: string[];
  readonly #known: Record<string, unknown>;
  readonly #values: Record<string, unknown>;

  /**
   * @param usage The usage text of the tool.
   * @param args The arguments.
   * @throws {Help} If `--help` is among them.
   * @throws {UsageError} If an option is not there, or lacks its value.
   */
  constructor(usage: string, args: string[]) {
    const options = optionsOf(usage);
    const { values, positionals, tokens } = parse(args, options);
    if (values.help) throw new Help(usage);
    this.names = positionals;
    this.given = tokens.flatMap((token) =>
      token.kind === "option" ? [token.name] : []
    );
    this.#known = options;
    this.#values = values;
  }

  /** Whether an option without a value was given. */
  flag(name: string): boolean {
    return this.#valueOf(name) === true;
  }

  /** The value of an option. */
  text(name: string): string | undefined {
    return this.#valueOf(name) as string | undefined;
  }

  /**
   * The value of an option, as a number.
   *
   * @param name The option.
   * @param read Reads the text; `NaN` is for what cannot be.
   * @param wanted What it must be, in words.
   * @throws {UsageError} If it cannot be read.
   */
  number(
    name: string,
    read: (text: string) => number,
    wanted?: string,
  ): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const number = read(text);
    if (!Number.isNaN(number)) return number;
    throw new UsageError(
      wanted === undefined
        ? `--${name} cannot be "${text}"`
        : `--${name} must be ${wanted}, not "${text}"`,
    );
  }

  /** The value of an option: a whole number of a range. */
  integer(name: string, min: number, max = Infinity): number | undefined {
    const wanted = max === Infinity ? `${min} or more` : `${min} to ${max}`;
    const read = (text: string) => {
      const number = /^\d+$/.test(text) ? Number(text) : NaN;
      const isExact = Number.isSafeInteger(number);
      return isExact && number >= min && number <= max ? number : NaN;
    };
    return this.number(name, read, wanted);
  }

  #valueOf(name: string): unknown {
    if (Object.hasOwn(this.#known, name)) return this.#values[name];
    throw new TypeError(`The usage text has no option --${name}`);
  }
}

/** Reads a number of bytes or so, such as `512`, `64K`, `4m`, `1G`. */
export function sizeOf(text: string): number {
  const match = /^(\d+)([KMG]?)$/i.exec(text);
  if (match === null) return NaN;
  return Number(match[1]) * UNITS[match[2].toUpperCase()];
}

/** Reads a number that may have decimals. */
export function decimalOf(text: string): number {
  return /^\d+(\.\d+)?$/.test(text) ? Number(text) : NaN;
}

type Options = NonNullable<Parameters<typeof parseArgs>[0]>["options"] & object;

function optionsOf(usage: string): Options {
  const options: Options = { help: { type: "boolean", short: "h" } };
  for (const [, short, name, value] of usage.matchAll(OPTION)) {
    if (name === "help") continue;
    const type = value === undefined ? "boolean" : "string";
    options[name] = short === undefined ? { type } : { type, short };
  }
  return options;
}

/**
 * Joins an option and its value where that is a negative number, in which parseArgs()
 * sees another option.
 */
function joined(args: string[], options: Options): string[] {
  const end = args.indexOf("--");
  const words: string[] = [];
  for (const [index, word] of args.entries()) {
    const isFree = end >= 0 && index > end;
    if (!isFree && /^-\d/.test(word) && wantsValue(words.at(-1), options)) {
      const option = words.pop()!;
      words.push(option + (option.startsWith("--") ? "=" : "") + word);
    } else words.push(word);
  }
  return words;
}

function wantsValue(word: string | undefined, options: Options): boolean {
  const [, name, letters] = /^(?:--(.+)|-(\w+))$/.exec(word ?? "") ?? [];
  if (name !== undefined) return options[name]?.type === "string";
  const byLetter = [...letters ?? ""].map((letter) =>
    Object.values(options).find(({ short }) => short === letter)
  );
  // Behind one that takes a value, letters are the value.
  return byLetter.findIndex((option) => option?.type === "string") ===
      byLetter.length - 1 && byLetter.length > 0;
}

function parse(words: string[], options: Options) {
  const args = joined(words, options);
  try {
    return parseArgs({ args, options, allowPositionals: true, tokens: true });
  } catch (error) {
    // What parseArgs() says after its first sentence is advice to programmers.
    const [sentence] = (error as Error).message.split(/\.\s/);
    throw new UsageError(sentence);
  }
}
