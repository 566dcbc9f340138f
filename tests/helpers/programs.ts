/**
 * Programs, each in a process of its own.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { withoutCacheNotices } from "./commands.ts";
import { engineHere, type EngineName, engineVariable } from "./engines.ts";
import { pageCacheVariable } from "./page_cache.ts";
import { endBefore } from "./test.ts";
import { isPending } from "./waiting.ts";

/** How to run a program. */
export interface ProgramOptions {
  args?: string[];
  /** Flags of `deno run`; all permissions unless given. */
  flags?: string[];
  /** A command that runs the program, such as `bash -c …`. */
  wrapper?: string[];
  env?: Record<string, string>;
  /** Whether its reads are asked of the page cache first; by default, they are. */
  pageCache?: boolean;
  /** What serves it: the engine that serves the test, unless given. */
  engine?: EngineName | "auto";
  /** The time limit of its test, before which it ends, if not the usual one. */
  limit_ms?: number;
}

/** How a program ended. */
export interface Ended {
  code: number;
  signal: Deno.Signal | null;
  stdout: string;
  stderr: string;
}

/** One of the programs beside these tests, in a process of its own. */
export class Program implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  readonly #output: ReadableStreamDefaultReader<string>;
  readonly #errors: Promise<string>;
  #text = "";

  constructor(
    name: string,
    {
      args = [],
      flags = ["--allow-all"],
      wrapper = [],
      env,
      pageCache,
      engine = engineHere(),
      limit_ms,
    }: ProgramOptions = {},
  ) {
    const program = new URL(`../programs/${name}.ts`, import.meta.url).pathname;
    const [command, ...rest] = [
      ...wrapper,
      Deno.execPath(),
      "run",
      "--no-prompt",
      "--quiet",
      ...flags,
      program,
      ...args,
    ];
    this.#process = new Deno.Command(command, {
      args: rest,
      env: {
        NO_COLOR: "1",
        ...engineVariable(engine),
        ...pageCacheVariable(pageCache),
        ...env,
      },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
      signal: endBefore(limit_ms),
    }).spawn();
    const { stdout, stderr } = this.#process;
    this.#output = stdout.pipeThrough(new TextDecoderStream()).getReader();
    this.#errors = new Response(stderr).text().then(withoutCacheNotices);
  }

  get pid(): number {
    return this.#process.pid;
  }

  /** The next line it prints. */
  async line(): Promise<string> {
    while (!this.#text.includes("\n")) {
      const { done, value } = await this.#output.read();
      if (done) throw new Error(`It ended: ${await this.#errors}`);
      this.#text += value;
    }
    const end = this.#text.indexOf("\n");
    const line = this.#text.slice(0, end);
    this.#text = this.#text.slice(end + 1);
    return line;
  }

  /** Whether it still runs after a while. */
  isRunning(wait_ms = 300): Promise<boolean> {
    return isPending(this.#process.status, wait_ms);
  }

  /** Waits for its end. */
  async end(): Promise<Ended> {
    for (;;) {
      const { done, value } = await this.#output.read();
      if (done) break;
      this.#text += value;
    }
    const { code, signal } = await this.#process.status;
    return { code, signal, stdout: this.#text, stderr: await this.#errors };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#process.kill("SIGKILL");
    } catch {
      // It has ended.
    }
    await this.end();
  }
}

/** Runs a program to its end. */
export async function run(
  name: string,
  options?: ProgramOptions,
): Promise<Ended> {
  await using program = new Program(name, options);
  return await program.end();
}

/**
 * Runs a program that has to succeed.
 *
 * @returns What it prints, which is JSON.
 */
export async function report(
  name: string,
  options?: ProgramOptions,
  // deno-lint-ignore no-explicit-any
): Promise<any> {
  const { code, signal, stdout, stderr } = await run(name, options);
  assertEquals({ code, signal }, { code: 0, signal: null }, stderr || stdout);
  return JSON.parse(stdout);
}
