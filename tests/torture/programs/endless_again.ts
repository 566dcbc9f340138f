/**
 * Reads a file while the system says EAGAIN to every read, for ever. Prints how
 * often it was asked, and what came of requests meanwhile.
 */
import { AioFile, metrics } from "../../../mod.ts";
import { delay, encode, isPending } from "../../helpers/mod.ts";
import { particularsOf } from "../../programs/particulars.ts";
import { countOf, EVERY, order, stop, watch } from "./faults.ts";

const WAIT_MS = 300;

const path = `${Deno.args[0]}/file`;
Deno.writeTextFileSync(path, "contents");
const file = await AioFile.open(path, { read: true, write: true });
watch(file.fd);
order("pread", "EAGAIN", EVERY);

const controller = new AbortController();
const { signal } = controller;
const aborted = file.readAt(new Uint8Array(8), 0, { signal })
  .catch((reason) => reason);
const canceled = particularsOf(file.readAt(new Uint8Array(8), 0));
const patient = file.readAt(new Uint8Array(8), 0);
const written = await file.writeAt(encode("C"), 0);
await file.sync();
await delay(WAIT_MS);
const tries = countOf("pread");
const isWaiting = await isPending(patient, 0);

controller.abort("no more");
const reason = await aborted;
const others = [canceled, particularsOf(patient)];
await file.cancel();
const codes = (await Promise.all(others)).map(({ code }) => code);
const again = file.readAt(new Uint8Array(8), 0);
stop();
const bytes = await again;
await file.close();
const { inFlight, queued } = metrics();
console.log(
  JSON.stringify({
    tries,
    written,
    isWaiting,
    reason,
    codes,
    bytes,
    left: [inFlight, queued],
  }),
);
