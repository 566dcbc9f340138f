/**
 * Every public function and method, with what each of its parameters takes and a
 * right value for it.
 *
 * @module
 */
import {
  aio_cancel,
  aio_error,
  aio_fsync,
  aio_init,
  aio_read,
  aio_return,
  aio_suspend,
  aio_write,
  Aiocb,
  type AiocbFields,
  AioError,
  AioFile,
  allocatePinned,
  CompletionQueue,
  configure,
  isPinned,
  lio_listio,
  LIO_NOWAIT,
  LIO_READ,
  LIO_WAIT,
  O_DSYNC,
  O_SYNC,
  SIGEV_NONE,
  SIGEV_SIGNAL,
  SIGEV_THREAD,
} from "../../../mod.ts";
import { closeSync, openSync } from "../../helpers/mod.ts";
import type { World } from "./trial.ts";
import { optional, type Refusal, type Takes, takes } from "./values.ts";

/** A parameter, or an option of one. */
export interface Parameter {
  readonly name: string;
  readonly takes: Takes;
  readonly right: (world: World) => unknown;
}

/** A function, and how it is called. */
export interface Call {
  readonly name: string;
  /** How it reports what is wrong. */
  readonly reports: "throwing" | "rejecting";
  readonly parameters: Parameter[];
  // deno-lint-ignore no-explicit-any
  readonly call: (world: World, ...values: any[]) => unknown;
  /** Undoes a call with right values. */
  // deno-lint-ignore no-explicit-any
  readonly undo?: (outcome: any) => unknown;
}

type ParameterOf = [
  name: string,
  takes: Takes,
  right?: (world: World) => unknown,
];

function row(
  reports: Call["reports"],
  name: string,
  parameters: ParameterOf[],
  call: Call["call"],
  undo?: Call["undo"],
): Call {
  return {
    name,
    reports,
    call,
    undo,
    parameters: parameters.map(([name, takes, right = () => undefined]) => ({
      name,
      takes,
      right,
    })),
  };
}

const throwing = row.bind(null, "throwing");
const rejecting = row.bind(null, "rejecting");

/** Stands for what is not called at all. */
const RIGHT = Symbol("right");

/** Only certain values; everything else is refused in one way. */
function only(values: unknown[], refusal: Refusal): Takes {
  return (value) => values.includes(value) ? null : refusal;
}

const into: ParameterOf = ["into", takes.bytes, () => new Uint8Array(8)];
const from: ParameterOf = ["from", takes.bytes, () => new Uint8Array(8)];
const intoAll: ParameterOf = ["into", takes.buffers, () => new Uint8Array(8)];
const fromAll: ParameterOf = ["from", takes.buffers, () => new Uint8Array(8)];
const offset: ParameterOf = ["offset", takes.offset, () => 0];
const options: ParameterOf = ["options", takes.options];
const priority: ParameterOf = ["priority", optional(takes.priority)];
const signal: ParameterOf = ["signal", optional(takes.signal)];
const tag: ParameterOf = ["tag", takes.anything];
const file: ParameterOf = ["file", takes.nothing, ({ file }) => file];
const cb: ParameterOf = ["cb", takes.nothing, ({ fd }) => newBlock(fd)];

const path: ParameterOf = [
  "path",
  // A name is a right one, but there is no such file.
  (value) =>
    typeof value === "string" && !value.includes("\0") ||
      isNoBytes(value)
      ? "AioError"
      : "TypeError",
  ({ path }) => path,
];

/** A path that has no bytes; what is gone or only looks like it is none. */
function isNoBytes(value: unknown): boolean {
  if (!ArrayBuffer.isView(value) || value.byteLength > 0) return false;
  const { detached, resizable } = value.buffer as ArrayBuffer;
  return Object.getPrototypeOf(value) === Uint8Array.prototype &&
    !detached && !resizable;
}

/** A descriptor; those that are open are left alone. */
const takesFd: Takes = (value) =>
  takes.int32(value) ?? (value as number >= 0 ? null : "AioError");

function flag(name: string): ParameterOf {
  return [name, optional(takes.boolean)];
}

const FIELDS: ParameterOf[] = [
  ["aio_fildes", takes.int32, ({ fd }) => fd],
  ["aio_offset", takes.aioOffset, () => 0],
  ["aio_buf", takes.pinned, () => allocatePinned(8)],
  ["aio_nbytes", takes.count, () => 8],
  ["aio_lio_opcode", takes.int32, () => LIO_READ],
  ["aio_reqprio", takes.int32, () => 0],
  ["aio_sigevent", takes.object, () => ({ sigev_notify: SIGEV_NONE })],
];

const FIELD_NAMES = FIELDS.map(([name]) => name);

function object(names: string[], values: unknown[]): object {
  return Object.fromEntries(names.map((name, index) => [name, values[index]]));
}

const blocks: Call[] = [
  throwing(
    "new Aiocb()",
    [["fields", takes.options]],
    (_, fields) => new Aiocb(fields),
  ),
  throwing(
    "new Aiocb() with fields",
    FIELDS.map(([name, take, right]) => [name, optional(take), right]),
    (_, ...values) => new Aiocb(object(FIELD_NAMES, values) as AiocbFields),
  ),
  ...FIELDS.map(([name, take, right]) =>
    throwing(
      `Aiocb.${name} =`,
      [[name, take, right]],
      (_, value) => Reflect.set(new Aiocb(), name, value),
    )
  ),
];

const SIGEV_NAMES = [
  "sigev_notify",
  "sigev_signo",
  "sigev_value",
  "sigev_notify_function",
];

const takesValue: Takes = (value) =>
  typeof value === "number" && ((value | 0) === value || value >>> 0 === value)
    ? null
    : "AioError";

const takesSignal: Takes = (value) =>
  Number.isInteger(value) && value as number >= 1 && value as number <= 64
    ? null
    : "AioError";

/** What of a `Sigevent` is looked at only when a request is submitted. */
function sigevent(
  notify: number,
  signo: Takes,
  function_: Takes,
): ParameterOf[] {
  const notifies = [SIGEV_NONE, SIGEV_SIGNAL, SIGEV_THREAD];
  return [
    ["sigev_notify", only(notifies, "AioError"), () => notify],
    ["sigev_signo", signo, () => 10],
    ["sigev_value", optional(takesValue), () => 7],
    ["sigev_notify_function", function_, () => () => {}],
  ];
}

/** 0 is no signal, where none is sent. */
const takesNoSignal: Takes = (value) =>
  value === undefined || value === 0 ? null : takesSignal(value);

/** Nothing is to be announced by a signal, so there is no right call. */
const announcements: Call[] = [
  ["SIGEV_NONE", sigevent(SIGEV_NONE, takesNoSignal, takes.anything)],
  [
    "SIGEV_THREAD",
    sigevent(
      SIGEV_THREAD,
      takesNoSignal,
      (value) => typeof value === "function" ? null : "TypeError",
    ),
  ],
].flatMap(([name, parameters]) => [
  rejecting(
    `lio_listio() with ${name}`,
    parameters as ParameterOf[],
    (_, ...values) =>
      lio_listio(LIO_NOWAIT, [], object(SIGEV_NAMES, values) as never),
  ),
  throwing(
    `aio_read() with ${name}`,
    parameters as ParameterOf[],
    ({ fd }, ...values) => {
      const block = newBlock(fd);
      block.aio_sigevent = object(SIGEV_NAMES, values) as never;
      aio_read(block);
      return block;
    },
    done,
  ),
]);

function newBlock(fd: number): Aiocb {
  return new Aiocb({ aio_fildes: fd, aio_buf: allocatePinned(8) });
}

async function done(block: Aiocb): Promise<void> {
  await aio_suspend([block]);
  aio_return(block);
}

const standard: Call[] = [
  ...[aio_read, aio_write].map((submit) =>
    throwing(`${submit.name}()`, [cb], (_, cb) => {
      submit(cb);
      return cb;
    }, done)
  ),
  throwing(
    "aio_fsync()",
    [
      [
        "op",
        (value) =>
          takes.int32(value) ?? only([O_SYNC, O_DSYNC], "AioError")(value),
        () => O_SYNC,
      ],
      cb,
    ],
    (_, op, cb) => {
      aio_fsync(op, cb);
      return cb;
    },
    done,
  ),
  // A block that was not submitted is a wrong one as well, by another reason.
  ...[aio_error, aio_return].map((ask) =>
    throwing(
      `${ask.name}()`,
      [["cb", (value) => value === RIGHT ? null : "TypeError", () => RIGHT]],
      (_, cb) => cb === RIGHT ? undefined : ask(cb),
    )
  ),
  throwing(
    "aio_cancel()",
    [
      ["fd", takesFd, ({ fd }) => fd],
      ["cb", (value) => value == null ? null : "TypeError"],
    ],
    (_, fd, cb) => aio_cancel(fd, cb),
  ),
  rejecting(
    "aio_suspend()",
    [
      ["list", takes.array, () => []],
      [
        "timeout_ms",
        (value) =>
          value === undefined || typeof value === "number" && value >= 0
            ? null
            : typeof value === "number"
            ? "AioError"
            : "TypeError",
      ],
    ],
    (_, list, timeout_ms) => aio_suspend(list, timeout_ms),
  ),
  rejecting(
    "aio_suspend() of entries",
    [["entry", only([null], "TypeError"), () => null]],
    (_, entry) => aio_suspend([null, entry, null]),
  ),
  rejecting(
    "lio_listio()",
    [
      ["mode", only([LIO_WAIT, LIO_NOWAIT], "AioError"), () => LIO_NOWAIT],
      ["list", takes.array, () => []],
      [
        "sigevent",
        (value) => value == null ? null : takes.object(value) ?? "AioError",
      ],
    ],
    (_, mode, list, sigevent) => lio_listio(mode, list, sigevent),
  ),
  rejecting(
    "lio_listio() of entries",
    [["entry", only([null], "TypeError"), () => null]],
    (_, entry) => lio_listio(LIO_WAIT, [null, entry, null]),
  ),
  throwing(
    "aio_init()",
    [["tuning", takes.object, () => ({})]],
    (_, tuning) => aio_init(tuning),
  ),
  throwing(
    "aio_init() with numbers",
    ["aio_threads", "aio_num", "aio_idle_time"].map((name) => [
      name,
      optional(takes.positiveInt32),
      () => 20,
    ]),
    (_, aio_threads, aio_num, aio_idle_time) =>
      aio_init({ aio_threads, aio_num, aio_idle_time }),
  ),
];

const memory: Call[] = [
  throwing(
    "allocatePinned()",
    [
      [
        "byteLength",
        (value) =>
          Number.isSafeInteger(value) && value as number >= 0 &&
            value as number <= 2 ** 32
            ? null
            : "RangeError",
        () => 8,
      ],
      options,
    ],
    (_, byteLength, options) => allocatePinned(byteLength, options),
  ),
  throwing(
    "allocatePinned() with alignment",
    [[
      "alignment",
      only([undefined, 1, 2, 4096], "RangeError"),
      () => 4096,
    ]],
    (_, alignment) => allocatePinned(8, { alignment }),
  ),
  throwing(
    "isPinned()",
    [["view", takes.bytes, () => new Uint8Array(8)]],
    (_, view) => isPinned(view),
  ),
];

const OPEN_FLAGS = [
  "read",
  "write",
  "append",
  "truncate",
  "create",
  "createNew",
  "direct",
];

const opening: Call[] = [
  rejecting(
    "AioFile.open()",
    [path, options],
    (_, path, options) => AioFile.open(path, options),
    (file: AioFile) => file.close(),
  ),
  rejecting(
    "AioFile.open() with flags",
    OPEN_FLAGS.map(flag),
    ({ path }, ...values) => AioFile.open(path, object(OPEN_FLAGS, values)),
    (file: AioFile) => file.close(),
  ),
  rejecting(
    "AioFile.open() with mode and synchronous",
    [
      [
        "mode",
        (value) =>
          value === undefined || Number.isInteger(value) &&
              value as number >= 0 && value as number <= 0o7777
            ? null
            : takes.int32(value) ?? "RangeError",
      ],
      ["synchronous", only([undefined, "data", "full"], "TypeError")],
    ],
    ({ path }, mode, synchronous) => AioFile.open(path, { mode, synchronous }),
    (file: AioFile) => file.close(),
  ),
  throwing(
    "AioFile.adopt()",
    [["fd", takesFd, ({ fd }) => fd], options],
    (_, fd, options) => AioFile.adopt(fd, options),
  ),
  throwing(
    "AioFile.adopt() with closeFd",
    [flag("closeFd")],
    ({ path }, closeFd) => {
      const fd = openSync(path, "r");
      try {
        return AioFile.adopt(fd, { closeFd });
      } catch (error) {
        closeSync(fd);
        throw error;
      }
    },
    (file: AioFile) => file.close(),
  ),
];

const SYNCS = ["sync", "syncData"] as const;

const transfers: Call[] = [
  rejecting(
    "readAt()",
    [intoAll, offset, options],
    ({ file }, into, offset, options) => file.readAt(into, offset, options),
  ),
  rejecting(
    "readAt() of a list",
    [into, offset],
    ({ file }, into, offset) => file.readAt([new Uint8Array(8), into], offset),
  ),
  rejecting(
    "readAt() with options",
    [priority, signal],
    ({ file }, priority, signal) =>
      file.readAt(new Uint8Array(8), 0, { priority, signal }),
  ),
  rejecting(
    "writeAt()",
    [fromAll, offset, options],
    ({ file }, from, offset, options) => file.writeAt(from, offset, options),
  ),
  rejecting(
    "writeAt() of a list",
    [from, offset],
    ({ file }, from, offset) => file.writeAt([from, new Uint8Array(8)], offset),
  ),
  rejecting(
    "writeAt() with options",
    [priority, signal],
    ({ file }, priority, signal) =>
      file.writeAt(new Uint8Array(8), 0, { priority, signal }),
  ),
  rejecting(
    "append()",
    [fromAll, options],
    ({ file }, from, options) => file.append(from, options),
  ),
  rejecting(
    "append() with options",
    [priority, signal],
    ({ file }, priority, signal) =>
      file.append(new Uint8Array(8), { priority, signal }),
  ),
  ...SYNCS.flatMap((name) => [
    rejecting(
      `${name}()`,
      [options],
      ({ file }, options) => file[name](options),
    ),
    rejecting(
      `${name}() with options`,
      [priority, signal],
      ({ file }, priority, signal) => file[name]({ priority, signal }),
    ),
  ]),
  rejecting(
    "batch()",
    [["requests", takes.array, () => []]],
    ({ file }, requests) => file.batch(requests),
  ),
  rejecting(
    "batch() of entries",
    [["request", takes.nothing, rightRequest]],
    ({ file }, request) => file.batch([rightRequest(), request]),
  ),
  rejecting(
    "batch() of requests",
    [
      ["type", only(["read", "write"], "TypeError"), () => "read"],
      ["buffer", takes.bytes, () => new Uint8Array(8)],
      offset,
      priority,
      signal,
    ],
    ({ file }, type, buffer, offset, priority, signal) =>
      file.batch([rightRequest(), { type, buffer, offset, priority, signal }]),
  ),
  rejecting(
    "truncate()",
    [[
      "length",
      (value) =>
        value === undefined
          ? null
          // No file can be that long.
          : takes.count(value) ??
            (value as number > 2 ** 50 ? "AioError" : null),
      () => 64,
    ]],
    ({ file }, length) => file.truncate(length),
  ),
];

function rightRequest() {
  return { type: "read" as const, buffer: new Uint8Array(8), offset: 0 };
}

const streamOffset: ParameterOf = ["offset", optional(takes.offset)];
const depth: ParameterOf = [
  "depth",
  optional((value) =>
    takes.countFromOne(value) ?? (value as number > 1024 ? "RangeError" : null)
  ),
];

const streams: Call[] = [
  throwing(
    "readable()",
    [options],
    ({ file }, options) => file.readable(options),
  ),
  throwing(
    "readable() with options",
    [
      streamOffset,
      [
        "length",
        (value) => value === Infinity ? null : optional(takes.count)(value),
      ],
      [
        "chunkSize",
        optional((value) =>
          takes.countFromOne(value) ??
            (value as number > 2 ** 30 ? "RangeError" : null)
        ),
      ],
      depth,
    ],
    ({ file }, offset, length, chunkSize, depth) =>
      file.readable({ offset, length, chunkSize, depth }),
  ),
  throwing(
    "writable()",
    [options],
    ({ file }, options) => file.writable(options),
  ),
  throwing(
    "writable() with options",
    [streamOffset, depth],
    ({ file }, offset, depth) => file.writable({ offset, depth }),
  ),
  rejecting(
    "writable().getWriter().write()",
    [["chunk", takes.bytes, () => new Uint8Array(8)]],
    ({ file }, chunk) => {
      const writer = file.writable().getWriter();
      writer.closed.catch(() => {}); // As write() does.
      return writer.write(chunk);
    },
  ),
];

const queues: Call[] = [
  throwing(
    "new CompletionQueue()",
    [options],
    (_, options) => new CompletionQueue(options),
  ),
  throwing(
    "new CompletionQueue() with notify",
    [["notify", only([undefined, "auto"], "TypeError"), () => "auto"]],
    (_, notify) => new CompletionQueue({ notify }),
  ),
  throwing(
    "CompletionQueue.read()",
    [file, into, offset, tag],
    ({ queue }, file, into, offset, tag) => queue.read(file, into, offset, tag),
  ),
  throwing(
    "CompletionQueue.write()",
    [file, from, offset, tag],
    ({ queue }, file, from, offset, tag) =>
      queue.write(file, from, offset, tag),
  ),
  throwing(
    "CompletionQueue.sync()",
    [file, tag, options],
    ({ queue }, file, tag, options) => queue.sync(file, tag, options),
  ),
  throwing(
    "CompletionQueue.sync() with dataOnly",
    [flag("dataOnly")],
    ({ queue, file }, dataOnly) => queue.sync(file, 1, { dataOnly }),
  ),
  throwing(
    "CompletionQueue.submit()",
    [["requests", takes.array, () => []]],
    ({ queue }, requests) => queue.submit(requests),
  ),
  throwing(
    "CompletionQueue.submit() of entries",
    [["request", takes.nothing, ({ file }) => rightQueued(file)]],
    ({ queue, file }, request) => queue.submit([rightQueued(file), request]),
  ),
  throwing(
    "CompletionQueue.submit() of requests",
    [
      [
        "type",
        only(["read", "write", "sync", "syncData"], "TypeError"),
        () => "write",
      ],
      file,
      ["buffer", takes.bytes, () => new Uint8Array(8)],
      offset,
      tag,
      priority,
    ],
    (world, type, file, buffer, offset, tag, priority) =>
      world.queue.submit([
        rightQueued(world.file),
        { type, file, buffer, offset, tag, priority },
      ]),
  ),
];

function rightQueued(file: AioFile) {
  return { ...rightRequest(), file, tag: 0 };
}

const NUMBERS = ["threads", "lanes", "maxInFlight"];

const others: Call[] = [
  throwing(
    "configure()",
    [["options", takes.object, () => ({})]],
    (_, options) => configure(options),
  ),
  throwing(
    "configure() with pageCache",
    [flag("pageCache")],
    (_, pageCache) => configure(object(["pageCache"], [pageCache])),
  ),
  throwing(
    "configure() with numbers",
    [
      ...NUMBERS.map((name): ParameterOf => [
        name,
        optional(takes.positiveInt32),
        () => 32,
      ]),
      ["pollMicroseconds", optional(takes.notNegative), () => 100],
    ],
    (_, ...values) =>
      configure(object([...NUMBERS, "pollMicroseconds"], values)),
  ),
  throwing(
    "new AioError()",
    [
      [
        "what",
        (value) => typeof value === "string" ? null : "TypeError",
        () => "text",
      ],
      ["options", takes.object, () => ({ errno: 5, syscall: "aio_read" })],
    ],
    (_, what, options) => new AioError(what, options),
  ),
  throwing(
    "new AioError() with options",
    [
      ["errno", takes.int32, () => 5],
      [
        "syscall",
        (value) => typeof value === "string" ? null : "TypeError",
        () => "aio_read",
      ],
    ],
    (_, errno, syscall) => new AioError("text", { errno, syscall }),
  ),
];

/** What takes arguments. */
export const CALLS: Call[] = [
  ...blocks,
  ...announcements,
  ...standard,
  ...memory,
  ...opening,
  ...transfers,
  ...streams,
  ...queues,
  ...others,
];
