// Locks a file, says so, and keeps it until the end.
import { AioFile } from "../../mod.ts";

const [path] = Deno.args;
const file = await AioFile.open(path, { read: true, write: true });
await file.lock();
console.log("locked");
setInterval(() => {}, 1_000);
