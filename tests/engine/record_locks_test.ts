// Record locks (F_SETLK) of the program: closing any descriptor of a file drops
// them, so the library closes none before the program closes the file.

import { assert, assertEquals } from "@std/assert";
import {
  Directory,
  engineHere,
  isLinux,
  report,
  test,
} from "../helpers/mod.ts";

for (const how of ["opened for writing", "adopted", "adopted for reading"]) {
  test(`record locks stay while a file that is ${how} is used and idle`, {
    ignore: !isLinux,
  }, async () => {
    using directory = new Directory();
    const path = directory.file(new Uint8Array(1 << 16));
    const args = [path, how];
    const { lanes, closed, ...open } = await report("locked_file", {
      args,
      pageCache: false,
    });
    assertEquals(open, {
      before: true,
      used: true,
      idle: true,
      usedAgain: true,
    });
    if (engineHere() === "librt") {
      assert(lanes > 1, "there was no further lane");
    }
    // As the system has it for any program that closes a file.
    assertEquals(closed, false);
  });
}
