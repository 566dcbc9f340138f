/**
 * Sends a signal to every thread of this process while calls wait, and prints
 * whether they went on waiting, and how they ended.
 */
import { readdirSync } from "node:fs";
import {
  aio_suspend,
  Aiocb,
  lio_listio,
  LIO_READ,
  LIO_WAIT,
} from "../../../mod.ts";
import {
  blockedRead,
  bytes,
  delay,
  Fifo,
  isPending,
  PATIENCE_MS,
} from "../helpers.ts";
import { libc } from "./libc.ts";

const SIGUSR2 = 12;

let signals = 0;
const count = () => signals++;
Deno.addSignalListener("SIGUSR2", count);

async function disturb(wait: Promise<void>, fifo: Fifo) {
  await delay(50); // Until the call waits on its thread.
  for (let round = 0; round < 20; round++) {
    for (const task of readdirSync("/proc/self/task")) {
      libc.tgkill(Deno.pid, Number(task), SIGUSR2);
    }
    await delay(2);
  }
  const pending = await isPending(wait.catch(() => {}));
  fifo.feed("x");
  const outcome = await wait.then(() => "resolved", (error) => error.code);
  return { afterSignals: pending ? "pending" : "settled", outcome };
}

using one = new Fifo();
const block = await blockedRead(one);
const suspend = await disturb(aio_suspend([block], PATIENCE_MS), one);

using other = new Fifo();
const listed = new Aiocb({
  aio_fildes: other.fd,
  aio_buf: bytes("-"),
  aio_lio_opcode: LIO_READ,
});
const list = await disturb(lio_listio(LIO_WAIT, [listed]), other);

Deno.removeSignalListener("SIGUSR2", count);
console.log(JSON.stringify({ suspend, list, signals }));
