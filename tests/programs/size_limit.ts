/**
 * Does what makes a file longer, past the limit of the file size, with the signal that
 * comes with it as the runtime has it. Prints what came of each.
 */
import { AioFile } from "../../mod.ts";
import { limit, RLIMIT_FSIZE } from "../posix/programs/libc.ts";

const LIMIT_BYTES = 1024 * 1024;
const [path] = Deno.args;

await using source = await AioFile.open(`${path}.source`, {
  read: true,
  write: true,
  create: true,
});
await source.writeAt(new Uint8Array(2 * LIMIT_BYTES), 0);
await using file = await AioFile.open(path, { read: true, write: true });
await using direct = await AioFile.open(path, { write: true, direct: true });
const bytes = new Uint8Array(4096);

const unlimit = limit(RLIMIT_FSIZE, BigInt(LIMIT_BYTES));
const codes: Record<string, string> = {};
for (
  const [name, call] of Object.entries({
    writeAt: () => file.writeAt(bytes, LIMIT_BYTES),
    "writeAt() of a list": () => file.writeAt([bytes, bytes], LIMIT_BYTES),
    "direct writeAt()": () => direct.writeAt(bytes, LIMIT_BYTES),
    truncate: () => file.truncate(LIMIT_BYTES + 1),
    allocate: () => file.allocate(0, 2 * LIMIT_BYTES),
    copyTo: () => source.copyTo(file),
  })
) {
  codes[name] = await call().then(() => "none", (error) => error.code);
}
unlimit();
const shell = new Deno.Command("sh", {
  args: [
    "-c",
    "ulimit -f 1; exec head -c 100000 /dev/zero > $0",
    `${path}.child`,
  ],
});
codes["a process that was started"] = String((await shell.output()).signal);
console.log(JSON.stringify(codes));
