/**
 * Every function that reads the properties of an object, with a right object.
 *
 * @module
 */
import {
  aio_init,
  Aiocb,
  AioError,
  AioFile,
  allocatePinned,
  CompletionQueue,
  configure,
  lio_listio,
  LIO_NOWAIT,
  LIO_READ,
  SIGEV_NONE,
} from "../../../mod.ts";
import { closeSync, openSync } from "../../helpers/mod.ts";
import type { Call } from "./calls.ts";
import type { World } from "./trial.ts";

/** A function that reads properties. */
export interface Reader {
  readonly name: string;
  readonly reports: Call["reports"];
  /** An object that has every property that is read. */
  readonly right: (world: World) => object;
  // deno-lint-ignore no-explicit-any
  readonly call: (world: World, object: any) => unknown;
}

function reader(
  reports: Call["reports"],
  name: string,
  right: Reader["right"],
  call: Reader["call"],
): Reader {
  return { name, reports, right, call };
}

const throwing = reader.bind(null, "throwing");
const rejecting = reader.bind(null, "rejecting");

const ioOptions = () => ({
  priority: 0,
  signal: new AbortController().signal,
});
const sigevent = () => ({
  sigev_notify: SIGEV_NONE,
  sigev_signo: 0,
  sigev_value: 0,
  sigev_notify_function: () => {},
});

/** See the module's documentation. */
export const READERS: Reader[] = [
  throwing(
    "new Aiocb()",
    ({ fd }) => ({
      aio_fildes: fd,
      aio_offset: 0,
      aio_buf: allocatePinned(8),
      aio_nbytes: 8,
      aio_lio_opcode: LIO_READ,
      aio_reqprio: 0,
      aio_sigevent: sigevent(),
    }),
    (_, fields) => new Aiocb(fields),
  ),
  throwing(
    "Aiocb.aio_sigevent =",
    sigevent,
    (_, sigevent) => void (new Aiocb().aio_sigevent = sigevent),
  ),
  rejecting(
    "lio_listio()",
    sigevent,
    (_, sigevent) => lio_listio(LIO_NOWAIT, [], sigevent),
  ),
  throwing(
    "aio_init()",
    () => ({ aio_threads: 32, aio_num: 64, aio_idle_time: 1 }),
    (_, tuning) => aio_init(tuning),
  ),
  throwing(
    "allocatePinned()",
    () => ({ alignment: 512 }),
    (_, options) => allocatePinned(8, options),
  ),
  rejecting(
    "AioFile.open()",
    () => ({
      read: true,
      write: true,
      append: false,
      truncate: false,
      create: true,
      createNew: false,
      mode: 0o600,
      direct: false,
      synchronous: "data",
      flags: 0,
    }),
    async ({ path }, options) => {
      await using _ = await AioFile.open(path, options);
    },
  ),
  throwing(
    "AioFile.adopt()",
    () => ({ closeFd: false }),
    ({ path }, options) => {
      const fd = openSync(path, "r");
      try {
        AioFile.adopt(fd, options).close();
      } finally {
        closeSync(fd);
      }
    },
  ),
  rejecting(
    "readAt()",
    ioOptions,
    ({ file }, options) => file.readAt(new Uint8Array(8), 0, options),
  ),
  rejecting(
    "writeAt()",
    ioOptions,
    ({ file }, options) => file.writeAt(allocatePinned(8), 0, options),
  ),
  rejecting(
    "append()",
    ioOptions,
    ({ file }, options) => file.append(new Uint8Array(8), options),
  ),
  rejecting("sync()", ioOptions, ({ file }, options) => file.sync(options)),
  rejecting(
    "syncData()",
    ioOptions,
    ({ file }, options) => file.syncData(options),
  ),
  rejecting(
    "batch()",
    () => ({
      type: "write",
      buffer: new Uint8Array(8),
      offset: 0,
      ...ioOptions(),
    }),
    async ({ file }, request) => {
      const first = { type: "read", buffer: allocatePinned(8), offset: 0 };
      for (const { status } of await file.batch([first as never, request])) {
        if (status === "rejected") throw new Error("a request failed");
      }
    },
  ),
  throwing(
    "readable()",
    () => ({ offset: 0, length: 8, chunkSize: 8, depth: 1 }),
    ({ file }, options) => file.readable(options),
  ),
  throwing(
    "writable()",
    () => ({ offset: 0, depth: 1 }),
    ({ file }, options) => file.writable(options),
  ),
  throwing(
    "new CompletionQueue()",
    () => ({ notify: "auto" }),
    (_, options) => new CompletionQueue(options),
  ),
  throwing(
    "CompletionQueue.sync()",
    () => ({ dataOnly: true }),
    ({ queue, file }, options) => queue.sync(file, 1, options),
  ),
  throwing(
    "CompletionQueue.submit()",
    ({ file }) => ({
      type: "write",
      file,
      buffer: new Uint8Array(8),
      offset: 0,
      tag: 1,
      priority: 0,
    }),
    ({ queue, file }, request) => {
      const buffer = allocatePinned(8);
      queue.submit([
        { type: "read", file, buffer, offset: 0, tag: 0 },
        request,
      ]);
    },
  ),
  throwing(
    "configure()",
    () => ({
      threads: 32,
      lanes: 2,
      maxInFlight: 512,
      pollMicroseconds: 100,
      engine: "auto",
      pageCache: true,
    }),
    (_, options) => configure(options),
  ),
  throwing(
    "new AioError()",
    () => ({
      errno: 5,
      syscall: "aio_read",
      fd: 3,
      offset: 0,
      bytesTransferred: 0,
      path: "path",
    }),
    (_, options) => new AioError("text", options),
  ),
];
