/**
 * Opens a file again and again, each time with another `fstat()` or `close()` that
 * fails, until none is left that could, and prints what came of each.
 * `failing_status.json` has the library use a `node:fs` like that.
 */
import { closeSync, openSync } from "node:fs";
import { AioFile } from "../../mod.ts";
import { descriptorsOf } from "../helpers/descriptors.ts";
import { failing } from "../helpers/failing_fs.ts";
import { particularsOf } from "./particulars.ts";

const [how, path, call = "fstat", flags = "0"] = Deno.args;

const options = { read: true, write: true, flags: Number(flags) };

const ways: Record<string, () => Promise<unknown>> = {
  /** Writes where it was told to. */
  async open() {
    await using file = await AioFile.open(path, options);
    return await file.writeAt(new Uint8Array([1, 2, 3]), 1000);
  },

  async adopt() {
    const fd = openSync(path, "r+");
    try {
      await using file = AioFile.adopt(fd, { closeFd: false });
      return await file.writeAt(new Uint8Array([1, 2, 3]), 1000);
    } finally {
      closeSync(fd);
    }
  },
};

const outcomes = [];
do {
  Object.assign(failing, { call, after: outcomes.length });
  outcomes.push(await particularsOf(ways[how]()));
} while (failing.after < 0);
console.log(
  JSON.stringify({ outcomes, descriptors: descriptorsOf(path).length }),
);
