/**
 * Reads more empty FIFOs than there are threads. Prints how many threads wait in
 * a read.
 *
 * Arguments: how many threads there are to be, what to set before, and `blocks` if no
 * file is to be opened.
 */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import {
  aio_init,
  aio_read,
  Aiocb,
  AioFile,
  type AioInit,
  allocatePinned,
  type Configuration,
  configure,
} from "../../mod.ts";
import { delay, Fifo } from "../helpers/mod.ts";

interface Setting {
  init?: AioInit;
  configuration?: Configuration;
}

const threads = Number(Deno.args[0]);
const settings: Setting[] = JSON.parse(Deno.args[1]);
for (const { init, configuration } of settings) {
  if (init) aio_init(init);
  if (configuration) configure(configuration);
}
// What is set has an effect from the first file on, or the first block.
if (Deno.args[2] !== "blocks") await AioFile.open(new URL(import.meta.url));
for (let index = 0; index < threads + 5; index++) {
  const { fd } = new Fifo().file;
  aio_read(new Aiocb({ aio_fildes: fd, aio_buf: allocatePinned(1) }));
}

/** The system call number of read, on x86-64 and on aarch64. */
const READS = new Set(["0", "63"]);

/** The threads that read a FIFO. */
function reading(): number {
  return readdirSync("/proc/self/task").filter((task) => {
    try {
      const call = readFileSync(`/proc/self/task/${task}/syscall`, "utf8");
      const [number, fd] = call.split(" ");
      return READS.has(number) &&
        readlinkSync(`/proc/self/fd/${Number(fd)}`).endsWith("/fifo");
    } catch {
      return false; // It has ended, or what it read is closed.
    }
  }).length;
}

const deadline = performance.now() + 3_000;
while (reading() < threads && performance.now() < deadline) await delay(5);
await delay(50); // For those that should not come.
console.log(JSON.stringify(reading()));
Deno.exit();
