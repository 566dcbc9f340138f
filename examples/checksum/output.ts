/**
 * A part of the tool `checksum.ts`: where lines, messages and the progress go.
 *
 * @module
 */

import * as fs from "node:fs";
import process from "node:process";
// @ts-types="@types/cli-progress"
import type { Options, Params, SingleBar } from "cli-progress";
import prettyBytes from "pretty-bytes";
import { barRate, drawBar, startBar } from "../shared/progress.ts";
import { reasonOf } from "../shared/reasons.ts";
import { complain, type OutputError, print } from "../shared/tool.ts";

/** 0 where nobody knows. */
function sizeOf(name: string): number {
  try {
    return name === "-" ? 0 : fs.statSync(name).size;
  } catch {
    return 0;
  }
}

function lineOf(params: Params, options: Options): string {
  const amount = prettyBytes(params.value);
  return `${drawBar(params, options)}  ${amount}, ${barRate(params)}`;
}

/** Where lines and the progress go. */
export class Output {
  readonly #hasProgress: boolean;
  #bar: SingleBar | null = null;
  #bytes = 0;
  #total = 0;

  constructor(hasProgress: boolean) {
    this.#hasProgress = hasProgress;
  }

  /** Tells how much there is to do. */
  expect(names: string[]): void {
    if (!this.#hasProgress) return;
    for (const name of names) this.#total += sizeOf(name);
    const how = { clearOnComplete: true, hideCursor: false };
    this.#bar ??= startBar(this.#total, lineOf, how);
    this.#bar?.setTotal(this.#total);
  }

  onBytes = (bytes: number): void => {
    this.#bar?.update(this.#bytes += bytes);
  };

  /** Prints on standard output. */
  print(text: string): void {
    this.#clear();
    try {
      print(text);
    } catch (error) {
      const { cause } = error as OutputError;
      throw new Error(`write error: ${reasonOf(cause)}`, { cause });
    }
  }

  /** Prints a message on standard error. */
  complain(message: string): void {
    this.#clear();
    complain("checksum", message);
  }

  stop(): void {
    this.#bar?.stop();
  }

  /** The bar draws itself again below what is printed now. */
  #clear(): void {
    if (this.#bar !== null) process.stderr.write("\r\x1b[K");
  }
}
