/**
 * A part of the tool `fio.ts`: job files, in the format and with the names of fio's.
 *
 * @module
 */

import * as fs from "node:fs/promises";
import { CommandLine, UsageError } from "../shared/command_line.ts";
import { explained } from "../shared/reasons.ts";
import { type Options, parseOptions, USAGE } from "./options.ts";

/** An option of a job file, and where it stands. */
interface Setting {
  line: number;
  /** `null`: there is no equals sign. */
  value: string | null;
}

/** A job, with what `[global]` says of it. */
interface Section {
  name: string;
  line: number;
  settings: Map<string, Setting>;
}

/** What fio calls the options of the command line that have a value. */
const VALUES: Record<string, string> = {
  blocksize: "block-size",
  bs: "block-size",
  fdatasync: "sync",
  iodepth: "depth",
  ioengine: "interface",
  number_ios: "operations",
  numjobs: "jobs",
  ramp_time: "ramp",
  randseed: "seed",
  readwrite: "pattern",
  runtime: "runtime",
  rw: "pattern",
  rwmixread: "mix",
  size: "size",
};

/** Those that have none, or 1, or 0 for what goes without saying. */
const FLAGS: Record<string, string> = { direct: "direct", unlink: "unlink" };

/** What is so in any case: nothing else can be asked for. */
const GIVEN: Record<string, string> = {
  group_reporting: "1",
  invalidate: "0",
  norandommap: "1",
};

/** What has no option of the command line. */
const OTHERS = ["filename", "stonewall", "time_based", "verify"];

const TIME_UNITS_S: Record<string, number> = {
  ms: 0.001,
  s: 1,
  m: 60,
  h: 3600,
};

/**
 * Reads a command line, and the job file that it may name.
 *
 * @param args The arguments.
 * @returns What they ask for: runs, one after another.
 * @throws {UsageError} If something in them is not valid.
 */
export async function parseRuns(args: string[]): Promise<Options[]> {
  const line = new CommandLine(USAGE, args);
  const path = line.text("job-file");
  if (path === undefined) return [parseOptions(args)];
  const beside = ["job-file", "json", "overwrite"];
  const wrong = line.given.find((name) => !beside.includes(name));
  if (wrong !== undefined || line.names.length > 0) {
    const what = wrong === undefined ? line.names[0] : `--${wrong}`;
    throw new UsageError(`${what} and --job-file exclude each other`);
  }
  const text = await fs.readFile(path, "utf8").catch((error) => {
    throw explained(`cannot read ${path}`, error);
  });
  return parseJobFile(path, text, line);
}

function parseJobFile(
  path: string,
  text: string,
  commandLine: CommandLine,
): Options[] {
  const sections = sectionsOf(path, text);
  if (sections.length === 0) throw new UsageError(`${path} has no job`);
  return sections.map((section, index) => {
    if (index > 0 && !isSet(section, "stonewall")) {
      const why = "jobs run one after another";
      fail(path, section.line, `[${section.name}] needs stonewall: ${why}`);
    }
    return { ...optionsOf(path, section, commandLine), name: section.name };
  });
}

function fail(path: string, line: number, what: string): never {
  throw new UsageError(`${path}:${line}: ${what}`);
}

function sectionsOf(path: string, text: string): Section[] {
  const sections: Section[] = [];
  const global = new Map<string, Setting>();
  let settings: Section["settings"] | null = null;
  for (const [index, raw] of text.split("\n").entries()) {
    const line = index + 1;
    const content = raw.replace(/(^|\s)[#;].*/, "").trim();
    if (content === "") continue;
    const name = /^\[(.+)\]$/.exec(content)?.[1];
    if (name === "global") settings = global;
    else if (name !== undefined) {
      settings = new Map(global);
      sections.push({ name, line, settings });
    } else if (settings === null) {
      fail(path, line, `"${content}" is in no section`);
    } else {
      const [, option, value = null] = /^([^=]*?)\s*(?:=\s*(.*))?$/.exec(
        content,
      )!;
      assertKnown(path, line, option);
      settings.set(option, { line, value });
    }
  }
  return sections;
}

function assertKnown(path: string, line: number, option: string): void {
  const known = [VALUES, FLAGS, GIVEN].some((table) =>
    Object.hasOwn(table, option)
  );
  if (known || OTHERS.includes(option)) return;
  fail(path, line, `there is no option "${option}"`);
}

/** Whether an option without a value is there. */
function isSet({ settings }: Section, option: string): boolean {
  return (settings.get(option)?.value ?? "1") !== "0" && settings.has(option);
}

function optionsOf(
  path: string,
  section: Section,
  commandLine: CommandLine,
): Options {
  const { name, line, settings } = section;
  const file = settings.get("filename")?.value;
  if (!file) fail(path, line, `[${name}] needs filename`);
  // With fio, that is a list.
  if (file.includes(":")) {
    const where = settings.get("filename")!.line;
    fail(path, where, `filename must be one file, without colons: "${file}"`);
  }
  if (settings.has("runtime") !== isSet(section, "time_based")) {
    fail(path, line, `[${name}] needs both runtime and time_based, or none`);
  }
  const words = [...settings].flatMap(([option, setting]) => {
    try {
      return wordsOf(option, setting);
    } catch (error) {
      return fail(path, setting.line, (error as Error).message);
    }
  });
  const writes = words.some((word) => /^--pattern=.*(write|rw)$/.test(word));
  if (commandLine.flag("overwrite") && writes) words.push("--overwrite");
  if (commandLine.flag("json")) words.push("--json");
  try {
    return parseOptions([...words, "--", file]);
  } catch (error) {
    throw inJobFile(path, section, error as Error);
  }
}

/** What an option is on the command line. */
function wordsOf(option: string, { value }: Setting): string[] {
  if (Object.hasOwn(FLAGS, option)) {
    const isOn = oneOf(option, value ?? "1", ["0", "1"]) === "1";
    return isOn ? [`--${FLAGS[option]}`] : [];
  }
  if (Object.hasOwn(GIVEN, option)) {
    oneOf(option, value ?? "1", [GIVEN[option]]);
    return [];
  }
  if (option === "verify") {
    oneOf(option, value ?? "", ["pattern"]);
    return ["--verify"];
  }
  if (!Object.hasOwn(VALUES, option)) return [];
  if (value === null) throw new UsageError(`${option} needs a value`);
  const isTime = option === "runtime" || option === "ramp_time";
  return [`--${VALUES[option]}=${isTime ? secondsOf(value) : value}`];
}

function oneOf(option: string, value: string, choices: string[]): string {
  if (choices.includes(value)) return value;
  throw new UsageError(
    `${option} must be ${choices.join(" or ")}, not "${value}"`,
  );
}

/** What has no known unit stays as it is, for a message. */
function secondsOf(text: string): string {
  const [, number, unit] = /^([\d.]+)(ms|s|m|h)$/.exec(text) ?? [];
  return unit === undefined ? text : `${Number(number) * TIME_UNITS_S[unit]}`;
}

/** The same error, with the line, and what fio calls the options. */
function inJobFile(
  path: string,
  { name, line, settings }: Section,
  error: Error,
): Error {
  let place = line;
  const message = error.message.replace(/--([a-z-]+)/g, (word, option) => {
    const tables = Object.entries({ ...VALUES, ...FLAGS, verify: "verify" });
    const named = tables.find(([called, known]) =>
      known === option && settings.has(called)
    );
    if (named === undefined) return word;
    place = settings.get(named[0])!.line;
    return named[0];
  });
  return new UsageError(`${path}:${place}: [${name}]: ${message}`);
}
