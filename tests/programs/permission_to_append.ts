/** Tries to write to a file that is open for reading. */
import { AioFile } from "../../mod.ts";

const codeOf = (error: unknown) => (error as { code?: string }).code;

await using file = await AioFile.open(Deno.args[0]);
const append = await file.append(new Uint8Array(1)).catch(codeOf);
const write = await file.writeAt(new Uint8Array(1), 0).catch(codeOf);
const read = await file.readAt(new Uint8Array(9), 0);
console.log(JSON.stringify({ append, write, read }));
