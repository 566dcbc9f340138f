/** Synchronizes two files, one each way, and prints their descriptors. */
import { aio_fsync, aio_return, Aiocb, O_DSYNC, O_SYNC } from "../../../mod.ts";
import { Directory, done } from "../helpers.ts";

using directory = new Directory();
const [full, dataOnly] = [directory.file("abc"), directory.file("abc")];
for (const [op, fd] of [[O_SYNC, full], [O_DSYNC, dataOnly]]) {
  const block = new Aiocb({ aio_fildes: fd });
  aio_fsync(op, block);
  await done(block);
  aio_return(block);
}
console.log(JSON.stringify({ full, dataOnly }));
