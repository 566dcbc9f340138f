/** A worker that locks a file, writes to it on several lanes, and says so. */
import { AioFile, allocatePinned } from "../../mod.ts";

const worker = globalThis as unknown as {
  onmessage: (event: MessageEvent<string>) => void;
  postMessage(message: string): void;
};

worker.onmessage = async ({ data: path }) => {
  const file = await AioFile.open(path, {
    read: true,
    write: true,
    direct: true,
  });
  await file.lock();
  const block = allocatePinned(4096);
  const write = async (at: number) => {
    for (;;) await file.writeAt(block, at * 4096);
  };
  for (let at = 0; at < 16; at++) void write(at);
  worker.postMessage("locked");
};
