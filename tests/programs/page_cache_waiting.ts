/**
 * Reads a file that is not cached, and writes it, of a file system that does not
 * answer for a while. Prints whether timers and other reads were served meanwhile.
 */
import { assert } from "@std/assert";
import { AioFile } from "../../mod.ts";
import { delay, evict, isPending, pattern, succeeds } from "../helpers/mod.ts";
import { FailingFs } from "../torture/failing_fs.ts";

const [directory, program, task] = Deno.args;
const KIB = 1024;
/** As much as a file of that file system may have. */
const DISK_BYTES = 8 * KIB * KIB;
const OTHERS = 16;
const TIMERS = 20;
const contents = pattern(64 * KIB);

function call(command: string, ...args: string[]): void {
  assert(succeeds(command, ...args), `${command} failed`);
}

const names = ["fuse", "disk"].map((name) => `${directory}/${name}`);
names.forEach((name) => Deno.mkdirSync(name));
const [mountPoint, diskMountPoint] = names;
await using fs = await FailingFs.mount(program, mountPoint);
const isDisk = task !== "a file of FUSE";
const image = fs.file("file");
if (isDisk) {
  // The loop device waits for the file system, and ext4 for the loop device.
  const made = `${directory}/image`;
  Deno.writeFileSync(made, new Uint8Array(DISK_BYTES));
  call("mkfs.ext4", "-q", "-O", "^has_journal", made);
  Deno.writeFileSync(image, Deno.readFileSync(made));
  call("mount", "-o", "loop", image, diskMountPoint);
}
const path = isDisk ? `${diskMountPoint}/file` : image;
Deno.writeFileSync(path, contents);
const otherPath = `${directory}/other`;
Deno.writeFileSync(otherPath, contents);

const file = await AioFile.open(path);
const other = await AioFile.open(otherPath);
const writer = isDisk ? null : await AioFile.open(path, { write: true });
// What ext4 has written may reach the loop device, and its file, a little later.
for (let round = 0; round < 5; round++) {
  for (const cached of [path, image]) evict(cached);
  await delay(20);
}

const resume = fs.pause();
const into = new Uint8Array(contents.length);
const reading = file.readAt(into, 0);
const writing = writer?.writeAt(contents, 0);
for (let count = 0; count < TIMERS; count++) await delay(1);
const bytes = await Promise.all(
  Array.from({ length: OTHERS }, () => other.readAt(new Uint8Array(9), 0)),
);
const isWaiting = await isPending(reading) &&
  (writing === undefined || await isPending(writing));
resume();
const isRight = await reading === contents.length &&
  into.every((byte, at) => byte === contents[at]);
await writing;
await writer?.close();
await file.close();
await other.close();
if (isDisk) call("umount", diskMountPoint);
console.log(JSON.stringify({
  isPending: isWaiting,
  isRight,
  others: bytes.filter((count) => count === 9).length,
}));
