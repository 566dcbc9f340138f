/**
 * Runs what a program does in its main thread or in a worker, and prints the
 * outcome.
 *
 * @module
 */

const isWorker = "WorkerGlobalScope" in globalThis;

/**
 * Prints what `work` resolves with, as JSON, and ends the process, whatever it
 * still waits for.
 *
 * @param module The program's own `import.meta.url`.
 * @param where `"worker"` runs it in a worker.
 * @param work What the program does.
 */
export async function printOutcome(
  module: string,
  where: string,
  work: () => Promise<unknown>,
): Promise<void> {
  if (isWorker) {
    (self as unknown as Worker).postMessage(await work());
    return;
  }
  const outcome = where === "worker" ? await inWorker(module) : await work();
  console.log(JSON.stringify(outcome));
  Deno.exit();
}

function inWorker(module: string): Promise<unknown> {
  const worker = new Worker(module, { type: "module" });
  return new Promise((resolve) =>
    worker.onmessage = ({ data }) => resolve(data)
  );
}
