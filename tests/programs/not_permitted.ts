/** Opens the file of its argument as a user without rights. */
import { AioFile } from "../../mod.ts";
import { libc } from "../posix/programs/libc.ts";
import { particularsOf } from "./particulars.ts";

const NOBODY = 65534;
if (Deno.uid() === 0 && libc.setresuid(NOBODY, NOBODY, NOBODY) !== 0) {
  throw new Error("setresuid() failed");
}

const [path] = Deno.args;
const outcomes = [
  await particularsOf(AioFile.open(path)),
  await particularsOf(AioFile.open(path, { write: true })),
];
console.log(JSON.stringify(outcomes));
