/** Opens the file of its argument as a user without rights. */
import { AioFile } from "../../mod.ts";
import { becomeOrdinaryUser } from "../posix/programs/libc.ts";
import { particularsOf } from "./particulars.ts";

becomeOrdinaryUser();

const [path] = Deno.args;
const outcomes = [
  await particularsOf(AioFile.open(path)),
  await particularsOf(AioFile.open(path, { write: true })),
];
console.log(JSON.stringify(outcomes));
