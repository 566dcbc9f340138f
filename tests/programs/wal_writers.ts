/**
 * Appends records with several writers until each has made its number, or failed.
 * Prints what became of each append, in the order of their outcomes.
 */
import type { AioError } from "../../mod.ts";
import { LogError, WriteAheadLog } from "../../examples/write_ahead_log.ts";

const [path, writers, count, size_bytes] = Deno.args;
const log = await WriteAheadLog.open(path);
const acknowledged: [sequence: number, text: string][] = [];
const failures: Record<string, unknown>[] = [];

async function write(writer: number): Promise<void> {
  for (let number = 0; number < Number(count); number++) {
    const text = `${writer}:${number}`.padEnd(Number(size_bytes), ".");
    try {
      const sequence = await log.append(new TextEncoder().encode(text));
      acknowledged.push([sequence, text]);
    } catch (error) {
      if (!(error instanceof LogError)) throw error;
      const { code, errno } = error.cause as AioError;
      failures.push({ is: error.code, cause: code, errno });
    }
  }
}

await Promise.all(
  Array.from({ length: Number(writers) }, (_, writer) => write(writer)),
);
const durable = log.durable;
await log.close();
console.log(JSON.stringify({ acknowledged, failures, durable }));
