/** Writes past the limit of the file size, and then below it. */
import { AioFile } from "../../mod.ts";
import { particularsOf } from "./particulars.ts";

const MIB = 1024 * 1024;
await using file = await AioFile.open(Deno.args[0], { write: true });
const across = await particularsOf(file.writeAt(new Uint8Array(2 * MIB), 100));
const size = await file.size();
const beyond = await particularsOf(file.writeAt(new Uint8Array(1), size));
const then = await file.writeAt(new Uint8Array(4096), 0);
console.log(JSON.stringify({ across, beyond, size, then }));
