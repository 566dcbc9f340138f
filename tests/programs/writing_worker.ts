/** Starts many slow writes on a file that it opens, and says so. */
import { AioFile } from "../../mod.ts";

const WRITES = 200;
const WRITE_BYTES = 65_536;

const scope = self as unknown as Worker;

scope.onmessage = async ({ data: path }) => {
  const file = await AioFile.open(path, {
    write: true,
    create: true,
    synchronous: "full",
  });
  const bytes = new Uint8Array(WRITE_BYTES).fill(0xee);
  for (let at = 0; at < WRITES; at++) file.writeAt(bytes, at * WRITE_BYTES);
  scope.postMessage(file.fd);
};
