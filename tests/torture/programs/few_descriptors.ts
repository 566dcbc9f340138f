/**
 * Uses files while there are no descriptors left, and once there are some again.
 * Prints what failed, and why.
 */
import { assertBytes, delay, pattern, timeLimit } from "../../helpers/mod.ts";
import { AioFile, configure } from "../../../mod.ts";
import { particularsOf } from "../../programs/particulars.ts";

// The runtime needs some to listen to signals, and ends the process without.
const ignore = () => {};
Deno.addSignalListener("SIGUSR1", ignore);
Deno.removeSignalListener("SIGUSR1", ignore);

const BLOCK_BYTES = 4_096;
const REQUESTS = 200;

const [directory] = Deno.args;
configure({ lanes: 8 });

const files: AioFile[] = [];
const path = (index: number) => `${directory}/file${index}`;
const open = async () => {
  const options = { read: true, write: true, create: true };
  files.push(await AioFile.open(path(files.length), options));
  return files.length;
};

async function useAll(): Promise<void> {
  const requests = Array.from({ length: REQUESTS }, async (_, at) => {
    const file = files[at % files.length];
    const offset = at * BLOCK_BYTES;
    const bytes = pattern(BLOCK_BYTES, offset);
    await file.writeAt(bytes, offset);
    await file.syncData();
    const into = new Uint8Array(BLOCK_BYTES);
    await file.readAt(into, offset);
    assertBytes(into, bytes);
  });
  await Promise.all(requests);
}

/** Opens files until none is left, of those either that the runtime gives back. */
async function openAll(): Promise<Record<string, unknown>> {
  for (;;) {
    const before = files.length;
    let outcome: Record<string, unknown>;
    do outcome = await particularsOf(open()); while (
      outcome.code === undefined
    );
    if (files.length === before) return outcome;
    await delay(timeLimit(50));
  }
}

const without = {
  opening: await openAll(),
  appending: await particularsOf(files[0].append(new Uint8Array(1))),
  requests: await particularsOf(useAll()),
  again: await particularsOf(open()),
};

await Promise.all(files.splice(-5).map((file) => file.close()));
const size = await files[0].size();
const withSome = {
  appending: await particularsOf(files[0].append(new Uint8Array(1))),
  growth: await files[0].size() - size,
  opening: await particularsOf(open().then(() => "opened")),
  requests: await particularsOf(useAll()),
};
await Promise.all(files.map((file) => file.close()));
console.log(JSON.stringify({ opened: files.length, without, withSome }));
