// The poll(2) that waits for pipes: nothing of it is left when a file is closed.

import { assertEquals } from "@std/assert";
import { readdirSync, readlinkSync } from "node:fs";
import { AioFile } from "../../mod.ts";
import {
  assertAioError,
  closeSync,
  constants,
  delay,
  Directory,
  isLinux,
  makeFifo,
  openSync,
  test,
} from "../helpers/mod.ts";

/** The pipes that this process has open: a call that is out has one. */
function pipes(): string[] {
  return readdirSync("/proc/self/fd").flatMap((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`);
    } catch {
      return []; // The one that lists the others.
    }
  }).filter((name) => name.startsWith("pipe:"));
}

test("close() of a pipe waits for the poll(2) that names it", {
  engine: "librt",
  ignore: !isLinux,
}, async () => {
  using directory = new Directory();
  const path = directory.at("fifo");
  makeFifo(path);
  const fd = openSync(path, constants.O_RDWR);
  const before = pipes();
  for (let round = 0; round < 5; round++) {
    // Closing the descriptor would give the call time to end.
    const file = AioFile.adopt(fd, { closeFd: false });
    const read = file.readAt(new Uint8Array(1), 0);
    while (pipes().length === before.length) await delay(1);
    await Promise.all([assertAioError(read, "ECANCELED"), file.cancel()]);
    await file.close();
    assertEquals(pipes(), before);
  }
  closeSync(fd);
});
