/** Does what the message says, and tells the outcome. */
import {
  aio_read,
  aio_return,
  aio_suspend,
  Aiocb,
  AioFile,
  allocatePinned,
  lio_listio,
  LIO_READ,
  LIO_WAIT,
  metrics,
  SIGEV_THREAD,
} from "../../mod.ts";
import { pattern } from "../helpers/mod.ts";

function isPattern(bytes: Uint8Array, start: number): boolean {
  const expected = pattern(bytes.length, start);
  return bytes.every((byte, index) => byte === expected[index]);
}

async function everything(path: string) {
  const file = await AioFile.open(path, { read: true, write: true });
  const ordinary = new Uint8Array(50_000);
  await file.readAt(ordinary, 1);
  const pinned = allocatePinned(50_000);
  await file.readAt(pinned, 2);

  await file.writeAt(pattern(1000, 100_000), 100_000);
  await file.append(pattern(1000, 101_000));
  await file.sync();
  const options = { write: true, synchronous: "data" } as const;
  const synchronous = await AioFile.open(path, options);
  await synchronous.append(pattern(1000, 102_000));
  await synchronous.close();
  const written = new Uint8Array(4000);
  const writtenBytes = await file.readAt(written, 100_000);

  const blocks = Array.from({ length: 10 }, (_, at) =>
    new Aiocb({
      aio_fildes: file.fd,
      aio_offset: at * 1000,
      aio_buf: allocatePinned(1000),
      aio_lio_opcode: LIO_READ,
    }));
  await lio_listio(LIO_WAIT, blocks);
  const listed = blocks.every((block, at) =>
    aio_return(block) === 1000 && isPattern(block.aio_buf!, at * 1000)
  );

  const notified: number[] = [];
  await new Promise<void>((resolve) => {
    for (let value = 0; value < 5; value++) {
      aio_read(
        new Aiocb({
          aio_fildes: file.fd,
          aio_buf: allocatePinned(8),
          aio_sigevent: {
            sigev_notify: SIGEV_THREAD,
            sigev_value: value,
            sigev_notify_function: (value) => {
              if (notified.push(value) === 5) resolve();
            },
          },
        }),
      );
    }
  });

  const broken = new Aiocb({ aio_fildes: 9999, aio_buf: allocatePinned(1) });
  aio_read(broken);
  await aio_suspend([broken]);
  let code = "";
  try {
    aio_return(broken);
  } catch (error) {
    code = (error as { code: string }).code;
  }

  await file.close();
  return {
    read: isPattern(ordinary, 1),
    pinned: isPattern(pinned, 2),
    written: isPattern(written.subarray(0, 1000), 100_000),
    appended: writtenBytes === 3000 &&
      isPattern(written.subarray(1000, 3000), 101_000),
    listed,
    notified: notified.sort(),
    code,
    inFlight: metrics().inFlight,
  };
}

async function write(path: string, offset: number, length: number) {
  await using file = await AioFile.open(path, { write: true });
  const writes = [];
  for (let at = offset; at < offset + length; at += 1024) {
    writes.push(file.writeAt(pattern(1024, at), at));
  }
  await Promise.all(writes);
}

async function share(path: string, shared: Uint8Array, offset: number) {
  await using file = await AioFile.open(path);
  return await file.readAt(shared, offset);
}

const scope = self as unknown as Worker;

scope.onmessage = async ({ data }) => {
  const { task, path, offset, length, shared } = data;
  switch (task) {
    case "everything":
      return scope.postMessage(await everything(path));
    case "write":
      return scope.postMessage(await write(path, offset, length));
    case "share":
      return scope.postMessage(await share(path, shared, offset));
  }
};
