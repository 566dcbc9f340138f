/**
 * What the hostile tests share: how a call ended, and what was counted.
 *
 * @module
 */
import { AioError, AioFile, CompletionQueue } from "../../../mod.ts";
import { closeSync, Directory, openSync } from "../../helpers/mod.ts";

/** What the calls are made on. */
export interface World {
  readonly path: string;
  readonly file: AioFile;
  readonly queue: CompletionQueue<unknown>;
  /** A descriptor that is open, but of nobody's file. */
  readonly fd: number;
}

/** Makes what the calls are made on, and leaves nothing behind. */
export async function inWorld(
  fn: (world: World) => Promise<void>,
): Promise<void> {
  using directory = new Directory();
  const path = directory.file("contents");
  const fd = openSync(path, "r+");
  try {
    await using file = await AioFile.open(path, { read: true, write: true });
    await using queue = new CompletionQueue<unknown>();
    await fn({ path, file, queue, fd });
  } finally {
    closeSync(fd);
  }
}

/** How a call ended. */
export interface Outcome {
  readonly how: "throwing" | "rejecting" | "accepting";
  /** The error or, if it was accepted, what it returned or resolved with. */
  readonly result: unknown;
}

/** Makes a call and waits for its end. */
export async function outcomeOf(call: () => unknown): Promise<Outcome> {
  let result;
  try {
    result = call();
  } catch (error) {
    return { how: "throwing", result: error };
  }
  if (!(result instanceof Promise)) return { how: "accepting", result };
  try {
    return { how: "accepting", result: await result };
  } catch (error) {
    return { how: "rejecting", result: error };
  }
}

/** The documented class of an error, or its own name. */
export function classOf(error: unknown): string {
  if (error instanceof AioError) return "AioError";
  if (error instanceof TypeError) return "TypeError";
  if (error instanceof RangeError) return "RangeError";
  return error instanceof Error ? error.name : String(error);
}

/** Whether a message is the JavaScript engine's: somebody else has stumbled. */
export function isRaw(message: string): boolean {
  if (OWN.test(message)) return false;
  return RAW.some((part) => message.includes(part));
}

const RAW = [
  "Cannot read",
  "Cannot write private",
  "Cannot set prop",
  "Cannot destructure",
  "Cannot mix",
  "Cannot convert",
  "Cannot perform Construct",
  "is not a function",
  "is not iterable",
  "is not a constructor",
  "called on incompatible receiver",
  "called on null or undefined",
  "Illegal invocation",
  "private member",
  "Receiver must be",
  "Invalid array length",
  "Invalid typed array length",
  "detached ArrayBuffer",
];

/** The library's own sentences about what cannot be done are no raw ones. */
const OWN = /^Cannot read \S+ bytes|^Cannot read at offset/;

/** How many inputs were tried, and how they were refused. */
export class Figures {
  #inputs = 0;
  readonly #classes = new Map<string, number>();

  count(error: unknown): void {
    this.#inputs++;
    const name = error instanceof AioError
      ? `AioError ${error.code}`
      : classOf(error);
    this.#classes.set(name, (this.#classes.get(name) ?? 0) + 1);
  }

  toString(): string {
    const classes = [...this.#classes].sort()
      .map(([name, count]) => `${count} ${name}`);
    return `${this.#inputs} inputs: ${classes.join(", ")}`;
  }
}
