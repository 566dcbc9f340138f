// The layouts of C: what is packed is what the headers and the compilers of each
// platform say.

import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { FLOCK } from "../../ffi/flock.ts";
import { IOVEC } from "../../ffi/iovec.ts";
import {
  type AiocbLayout,
  type AiocbValues,
  packAiocb,
  packAioInit,
  packSigevent,
  readSize,
  readTimespec,
  TIMESPEC,
  writeAddress,
  writeOffset,
  writeSize,
  writeTimespec,
} from "../../ffi/layout.ts";
import type { Platform } from "../../ffi/platform.ts";
import { platformFor } from "../../ffi/platforms.ts";
import { POLLFD } from "../../ffi/pollfd.ts";
import { CQE, OPCODE, PARAMS, SQE, WAIT } from "../../ffi/io_uring.ts";
import { STATX } from "../../ffi/statx.ts";
import { test } from "../helpers/test.ts";

// The table against the headers: a compiler puts offsets, constants and error
// numbers into an object file behind a marker, and the test reads them there.
// That needs no processor or emulator of the target. Where the target's
// programs run as well, one shows how C understands a packed block.

interface Target {
  readonly name: string;
  readonly platform: Platform | null;
  readonly compiler: readonly string[];
  /** What starts a program of the target; nothing where the machine does. */
  readonly runner: readonly string[];
}

const { os, arch } = Deno.build;

const targets: Target[] = [
  {
    name: "this machine's C library",
    platform: platformFor(os, arch, await isMuslCompiler("cc")),
    compiler: ["cc"],
    runner: [],
  },
  {
    name: `musl on ${arch}`,
    platform: platformFor(os, arch, true),
    compiler: ["musl-gcc", "-static"],
    runner: [],
  },
  {
    name: "glibc on aarch64",
    platform: platformFor("linux", "aarch64"),
    compiler: ["aarch64-linux-gnu-gcc", "-static"],
    runner: arch === "aarch64" ? [] : ["qemu-aarch64-static"],
  },
];

testInC(
  "the rings have the layout of linux/io_uring.h",
  await whatIsMissingOfRings(),
  () => assertSameInC(["cc"], ringsRows(), RING_HEADERS),
);

for (const target of targets) {
  const { platform, compiler, runner } = target;
  const noCompiler = await whatIsMissing(target);
  const noRunner = noCompiler ??
    (runner.length === 0 || await run([...runner, "--version"])
      ? null
      : runner[0]);

  testInC(
    `platformFor() gives the layout and the constants of ${target.name}`,
    noCompiler,
    async () => {
      const rows = layoutRows(platform!).concat(constantRows(platform!));
      await assertSameInC(compiler, rows);
    },
  );

  testInC(
    `platformFor() gives the error numbers of ${target.name}`,
    noCompiler,
    async () => {
      const names = await errnoNamesOfHeaders(compiler);
      assert(names.length > 50);
      const values = await evaluateInC(compiler, names);
      const headers = new Map(names.map((name, i) => [name, values[i]]));

      // The table may know errors that are newer than the headers, but where
      // these use a number, it has to be under a name that they have as well.
      const numbers = new Set(values);
      const named = new Set<number>();
      for (const [name, number] of Object.entries(platform!.errno)) {
        if (!headers.has(name) && !numbers.has(number)) continue;
        assertEquals(`${name} = ${number}`, `${name} = ${headers.get(name)}`);
        named.add(number);
      }
      assertEquals(names.filter((name) => !named.has(headers.get(name)!)), []);
    },
  );

  testInC(
    `packAiocb() and writeTimespec() write what C reads with ${target.name}`,
    noRunner,
    async () => {
      await withTempDir(async (dir) => {
        const program = `${dir}/layout`;
        const source = new URL("layout.c", import.meta.url).pathname;
        await output([...compiler, "-o", program, source]);
        for (const values of sampleBlocks(platform!)) {
          const { aiocb } = platform!;
          const bytes = new Uint8Array(aiocb.size + TIMESPEC.size).fill(0xa5);
          const view = new DataView(bytes.buffer);
          packAiocb(view, 0, aiocb, values);
          writeTimespec(view, aiocb.size, 86_400_001.25);
          const { sigevent, ...fields } = values;
          const expected = {
            ...fields,
            ...sigevent,
            attributes: 0,
            tv_sec: 86_400,
            tv_nsec: 1_250_000,
          };
          assertEquals(
            JSON.parse(await output([...runner, program], bytes)),
            Object.fromEntries(
              Object.entries(expected).map(([name, n]) => [name, String(n)]),
            ),
          );
        }
      });
    },
  );
}

test("platformFor() takes the architecture names of every runtime", () => {
  for (
    const [arch, name] of [
      ["x86_64", "linux-glibc-x86_64"],
      ["x64", "linux-glibc-x86_64"],
      ["aarch64", "linux-glibc-aarch64"],
      ["arm64", "linux-glibc-aarch64"],
    ]
  ) assertEquals(platformFor("linux", arch)?.name, name);
});

test("platformFor() returns null where there is no table", () => {
  assertEquals(platformFor("windows", "x86_64"), null);
  assertEquals(platformFor("linux", "riscv64"), null);
  assertEquals(platformFor("linux", "toString"), null);
  assertEquals(platformFor("darwin", "aarch64", true), null);
});

test("platformFor() has a table for five C libraries on two architectures", () => {
  assertEquals(everyPlatform().map((platform) => platform.name), [
    "linux-glibc-x86_64",
    "linux-glibc-aarch64",
    "linux-musl-x86_64",
    "linux-musl-aarch64",
    "darwin-x86_64",
    "darwin-aarch64",
    "freebsd-x86_64",
    "freebsd-aarch64",
    "netbsd-x86_64",
    "netbsd-aarch64",
  ]);
});

test("platformFor() gives O_DIRECT its value of the architecture on Linux", () => {
  const value = (arch: string) =>
    platformFor("linux", arch)!.constants.O_DIRECT;
  assertNotEquals(value("x86_64"), value("aarch64"));
});

test("platformFor() places fields as C does with their order in the headers", () => {
  const notifyFirst: Member[] = [
    ["notify", 4],
    ["signo", 4],
    ["value", 8],
    ["function", 8],
    ["", 8],
  ];
  const darwin: Member[] = [
    ["fildes", 4],
    ["offset", 8],
    ["buf", 8],
    ["nbytes", 8],
    ["reqprio", 4],
    ["sigevent", 32],
    ["lio_opcode", 4],
  ];
  const freebsd: Member[] = [
    ["fildes", 4],
    ["offset", 8],
    ["buf", 8],
    ["nbytes", 8],
    ["", 16],
    ["lio_opcode", 4],
    ["reqprio", 4],
    ["", 24],
    ["sigevent", 80],
  ];
  const netbsd: Member[] = [
    ["offset", 8],
    ["buf", 8],
    ["nbytes", 8],
    ["fildes", 4],
    ["lio_opcode", 4],
    ["reqprio", 4],
    ["sigevent", 32],
    ["", 8],
    ["", 8],
  ];
  const orders: [os: string, Member[], Member[]][] = [
    ["darwin", darwin, notifyFirst],
    ["freebsd", freebsd, [...notifyFirst, ["", 48]]],
    ["netbsd", netbsd, notifyFirst],
  ];
  for (const [os, order, sigeventOrder] of orders) {
    for (const arch of ["x86_64", "aarch64"]) {
      const { aiocb } = platformFor(os, arch)!;
      const { sigeventLayout, status: _, ...offsets } = aiocb;
      assertEquals(offsets, placeInOrder(order), os);
      assertEquals({ ...sigeventLayout }, placeInOrder(sigeventOrder), os);
    }
  }
});

test("platformFor() places every field aligned and apart from the others", () => {
  for (const { name, aiocb } of everyPlatform()) {
    const { sigevent: start, sigeventLayout: sigevent } = aiocb;
    const fields: [at: number, size: number][] = [
      [aiocb.fildes, 4],
      [aiocb.lio_opcode, 4],
      [aiocb.reqprio, 4],
      [aiocb.buf, 8],
      [aiocb.nbytes, 8],
      [aiocb.offset, 8],
      [start + sigevent.notify, 4],
      [start + sigevent.signo, 4],
      [start + sigevent.value, 8],
      [start + sigevent.function, 8],
    ];
    const used = new Uint8Array(aiocb.size);
    for (const [at, size] of fields) {
      assertEquals(at % size, 0, name);
      for (let byte = at; byte < at + size; byte++) used[byte]++;
    }
    assertEquals(Math.max(...used), 1, name);
    assertEquals(
      used.reduce((sum, n) => sum + n),
      3 * 4 + 3 * 8 + 2 * 4 + 16,
    );
    assert(start + sigevent.size <= aiocb.size, name);
  }
});

test("platformFor() puts the error name of node:fs before its synonyms", () => {
  for (const { name, errno } of everyPlatform()) {
    const first = (number: number) =>
      Object.keys(errno).find((key) => errno[key] === number);
    assertEquals(first(errno.EWOULDBLOCK), "EAGAIN", name);
    assertEquals(first(errno.ENOTSUP), "ENOTSUP", name);
    assertEquals(first(errno.EDEADLK), "EDEADLK", name);
  }
});

test("writeOffset() writes the 64 bits of setBigInt64(), given a number", () => {
  const view = new DataView(new ArrayBuffer(24));
  for (const value of edgesAndRandomIntegers()) {
    writeOffset(view, 8, value);
    assertEquals(view.getBigInt64(8, true), BigInt(value));
  }
  assertEquals(view.getBigUint64(0), 0n);
  assertEquals(view.getBigUint64(16), 0n);
});

test("writeOffset() writes a bigint above 2^53 exactly", () => {
  const view = new DataView(new ArrayBuffer(8));
  for (
    const value of [
      2n ** 53n + 1n,
      2n ** 63n - 1n,
      -(2n ** 53n) - 1n,
      -(2n ** 63n),
      2n ** 32n,
      -1n,
      0n,
    ]
  ) {
    writeOffset(view, 0, value);
    assertEquals(view.getBigInt64(0, true), value);
  }
});

test("writeAddress() and writeSize() write 64 unsigned bits", () => {
  const view = new DataView(new ArrayBuffer(8));
  for (const value of edgesAndRandomIntegers()) {
    if (value < 0) continue;
    for (const write of [writeAddress, writeSize]) {
      view.setFloat64(0, NaN);
      write(view, 0, value);
      assertEquals(view.getBigUint64(0, true), BigInt(value));
    }
  }
});

test("writeTimespec() splits milliseconds into seconds and nanoseconds", () => {
  for (
    const [milliseconds, seconds, nanoseconds] of [
      [0, 0, 0],
      [1, 0, 1_000_000],
      [999, 0, 999_000_000],
      [1000, 1, 0],
      [1.5, 0, 1_500_000],
      [0.000001, 0, 1],
      [0.1, 0, 100_000],
      [1234.567891, 1, 234_567_891],
      [2 ** 31 * 1000 + 250, 2 ** 31, 250_000_000],
      [2 ** 33 * 1000, 2 ** 33, 0],
    ]
  ) {
    assertEquals(timespecOf(milliseconds), [seconds, nanoseconds]);
  }
});

test("writeTimespec() carries what rounds up to a full second", () => {
  assertEquals(timespecOf(999.9999999), [1, 0]);
  assertEquals(timespecOf(1999.9999999), [2, 0]);
});

test("writeTimespec() is right to the nanosecond for fractions of a millisecond", () => {
  for (let round = 0; round < 10_000; round++) {
    const milliseconds = Math.random() * 10 ** (round % 8);
    const [seconds, nanoseconds] = timespecOf(milliseconds);
    assert(nanoseconds >= 0 && nanoseconds < 1e9, `${milliseconds} ms`);
    const back = seconds * 1e3 + nanoseconds / 1e6;
    assert(Math.abs(back - milliseconds) <= 0.6e-6, `${milliseconds} ms`);
  }
});

test("packAiocb() writes its own bytes and no others, on every platform", () => {
  for (const platform of everyPlatform()) {
    const { aiocb } = platform;
    const margin = 16;
    const bytes = new Uint8Array(aiocb.size + 2 * margin).fill(0xa5);
    const view = new DataView(bytes.buffer);
    const [values] = sampleBlocks(platform);
    packAiocb(view, margin, aiocb, values);

    const untouched = new Uint8Array(margin).fill(0xa5);
    assertEquals(bytes.subarray(0, margin), untouched);
    assertEquals(bytes.subarray(margin + aiocb.size), untouched);
    const block = bytes.slice(margin, margin + aiocb.size);
    assertEquals(unpack(new DataView(block.buffer), aiocb), values);
    const fields = new DataView(block.buffer);
    packAiocb(fields, 0, aiocb, ZEROS);
    assertEquals(block, new Uint8Array(aiocb.size));
  }
});

test("readTimespec() reads what writeTimespec() has written", () => {
  const view = new DataView(new ArrayBuffer(24));
  for (const milliseconds of [0, 0.5, 1, 999.75, 1000, 2 ** 33 * 1000]) {
    writeTimespec(view, 8, milliseconds);
    assertEquals(readTimespec(view, 8), milliseconds);
  }
});

test("readSize() reads what writeSize() has written", () => {
  const view = new DataView(new ArrayBuffer(16));
  for (const value of edgesAndRandomIntegers()) {
    if (value < 0) continue;
    writeSize(view, 8, value);
    assertEquals(readSize(view, 8), value);
  }
});

test("packAioInit() writes each field to its place", () => {
  const { aioinit } = platformFor("linux", "x86_64")!;
  const values = { aio_threads: 20, aio_num: 64, aio_idle_time: 1 };
  const view = new DataView(new ArrayBuffer(8 + aioinit!.size));
  packAioInit(view, 8, aioinit!, values);
  for (const name of ["aio_threads", "aio_num", "aio_idle_time"] as const) {
    assertEquals(view.getInt32(8 + aioinit![name], true), values[name]);
  }
});

test("packSigevent() writes its own bytes and no others, on every platform", () => {
  for (const platform of everyPlatform()) {
    const { sigeventLayout: layout } = platform.aiocb;
    const bytes = new Uint8Array(layout.size + 16).fill(0xa5);
    const view = new DataView(bytes.buffer);
    const [{ sigevent }] = sampleBlocks(platform);
    packSigevent(view, 8, layout, sigevent);
    assertEquals(bytes[7], 0xa5);
    assertEquals(bytes[8 + layout.size], 0xa5);
    assertEquals(view.getInt32(8 + layout.notify, true), sigevent.notify);
    assertEquals(view.getInt32(8 + layout.signo, true), sigevent.signo);
    assertEquals(view.getInt32(8 + layout.value, true), sigevent.value);
    assertEquals(view.getInt32(8 + layout.value + 4, true), 0);
    assertEquals(
      view.getBigUint64(8 + layout.function, true),
      BigInt(sigevent.function),
    );
  }
});

const ZEROS: AiocbValues = {
  fildes: 0,
  lio_opcode: 0,
  reqprio: 0,
  buf: 0,
  nbytes: 0,
  offset: 0,
  sigevent: { notify: 0, signo: 0, value: 0, function: 0 },
};

function sampleBlocks({ constants }: Platform): AiocbValues[] {
  const sample: AiocbValues = {
    fildes: 1021,
    lio_opcode: constants.LIO_WRITE,
    reqprio: 19,
    buf: 0x7ffe_8765_4321,
    nbytes: 2 ** 33 + 5,
    offset: 2 ** 41 + 3,
    sigevent: {
      notify: constants.SIGEV_THREAD,
      signo: 34,
      value: -2_000_000_001,
      function: 0x5555_ffff_0008,
    },
  };
  return [
    sample,
    { ...sample, offset: -1, fildes: -1 },
    { ...sample, offset: 2n ** 62n + 1n, nbytes: Number.MAX_SAFE_INTEGER },
  ];
}

function unpack(view: DataView, layout: AiocbLayout): AiocbValues {
  const int = (at: number) => view.getInt32(at, true);
  const long = (at: number) => Number(view.getBigInt64(at, true));
  const { sigevent: start, sigeventLayout: sigevent } = layout;
  return {
    fildes: int(layout.fildes),
    lio_opcode: int(layout.lio_opcode),
    reqprio: int(layout.reqprio),
    buf: long(layout.buf),
    nbytes: long(layout.nbytes),
    offset: long(layout.offset),
    sigevent: {
      notify: int(start + sigevent.notify),
      signo: int(start + sigevent.signo),
      value: int(start + sigevent.value),
      function: long(start + sigevent.function),
    },
  };
}

function timespecOf(milliseconds: number): [number, number] {
  const view = new DataView(new ArrayBuffer(24));
  writeTimespec(view, 8, milliseconds);
  return [
    Number(view.getBigInt64(8, true)),
    Number(view.getBigInt64(16, true)),
  ];
}

function edgesAndRandomIntegers(): number[] {
  const integers: number[] = [];
  for (let bits = 0; bits <= 53; bits++) {
    for (const delta of [-2, -1, 0, 1, 2]) {
      const value = 2 ** bits + delta;
      if (Number.isSafeInteger(value)) integers.push(value, 0 - value);
    }
  }
  for (let round = 0; round < 10_000; round++) {
    const scale = 2 ** (round % 53);
    integers.push(Math.floor((Math.random() * 2 - 1) * scale));
  }
  return integers;
}

function everyPlatform(): Platform[] {
  const systems: [os: string, isMusl: boolean][] = [
    ["linux", false],
    ["linux", true],
    ["darwin", false],
    ["freebsd", false],
    ["netbsd", false],
  ];
  return systems.flatMap(([os, isMusl]) =>
    ["x86_64", "aarch64"].map((arch) => platformFor(os, arch, isMusl)!)
  );
}

/** A field of a structure, or an internal one without a name, and its bytes. */
type Member = [name: string, size: number];

/** The offsets that C gives to fields in this order, and the size. */
function placeInOrder(members: Member[]): Record<string, number> {
  const layout: Record<string, number> = {};
  let size = 0;
  const alignTo = (bytes: number) => Math.ceil(size / bytes) * bytes;
  for (const [name, bytes] of members) {
    size = alignTo(Math.min(bytes, 8));
    if (name !== "") layout[name] = size;
    size += bytes;
  }
  return { ...layout, size: alignTo(8) };
}

/** A label, an expression in C, and the value of the table. */
type Row = [label: string, expression: string, value: number];

function layoutRows(platform: Platform): Row[] {
  const { aiocb, aioinit } = platform;
  const rows: Row[] = [];
  const add = (struct: string, members: string, layout: object) => {
    const { size, ...offsets } = layout as Record<string, number>;
    rows.push([`${struct} size`, `sizeof(struct ${struct})`, size]);
    for (const [field, offset] of Object.entries(offsets)) {
      const member = members + field;
      const expression = `offsetof(struct ${struct}, ${member})`;
      rows.push([`${struct} ${member}`, expression, offset]);
    }
  };
  const {
    sigeventLayout: { function: fn, ...sigevent },
    status,
    ...block
  } = aiocb;
  add("aiocb", "aio_", block);
  if (status !== null) {
    const expression = "offsetof(struct aiocb, __error_code)";
    rows.push(["aiocb __error_code", expression, status]);
  }
  add("sigevent", "sigev_", { ...sigevent, notify_function: fn });
  add("timespec", "", TIMESPEC);
  add("pollfd", "", POLLFD);
  add("iovec", "", IOVEC);
  if (platform.os === "linux") add("flock", "l_", FLOCK);
  for (const [field, value] of Object.entries(STATX)) {
    const expression = field === "size"
      ? "sizeof(struct statx)"
      : `offsetof(struct statx, ${field})`;
    // Headers older than Linux 6.1 lack it.
    const known = ifDefined("STATX_DIOALIGN", expression, value);
    rows.push([`statx ${field}`, known, value]);
  }
  if (aioinit !== null) add("aioinit", "", aioinit);
  return rows;
}

const RING_HEADERS = "#include <stddef.h>\n#include <linux/io_uring.h>\n";

/** The structures that `io_uring(7)` has. */
const RINGS: Record<string, Record<string, unknown>> = {
  io_uring_params: PARAMS,
  io_uring_sqe: SQE,
  io_uring_cqe: CQE,
  io_uring_getevents_arg: WAIT,
};

function ringsRows(): Row[] {
  const structs = Object.entries(RINGS).flatMap(([struct, fields]) =>
    ringRows(struct, "", fields)
  );
  const opcodes = Object.entries(OPCODE).map(([name, value]): Row => [
    name,
    `IORING_OP_${name}`,
    value,
  ]);
  return [...structs, ...opcodes];
}

/** The fields of a structure, and of those in it. */
function ringRows(struct: string, path: string, fields: object): Row[] {
  return Object.entries(fields).flatMap(([name, value]): Row[] => {
    if (typeof value === "object") {
      return ringRows(struct, `${path}${name}.`, value);
    }
    const expression = name === "size"
      ? `sizeof(struct ${struct})`
      : `offsetof(struct ${struct}, ${path}${name})`;
    return [[`${struct} ${path}${name}`, expression, value]];
  });
}

/** The values of the table for what the system does not define. */
const UNDEFINED: Record<string, number> = {
  O_DIRECT: 0,
  F_NOCACHE: 0,
  F_OFD_SETLK: 0,
  SEEK_DATA: 0,
  SEEK_HOLE: 0,
  FALLOC_FL_KEEP_SIZE: 0,
  FALLOC_FL_PUNCH_HOLE: 0,
  SYS_gettid: 0,
  _SC_AIO_PRIO_DELTA_MAX: -1,
};

function constantRows({ constants }: Platform): Row[] {
  return Object.entries(constants).map(([name, value]) => {
    // musl does not name what the kernel has; macOS has no posix_fadvise().
    const isNameless = name === "RWF_NOWAIT" || name.startsWith("POSIX_FADV_");
    const missing = isNameless ? value : UNDEFINED[name];
    const expression = missing === undefined
      ? name
      : ifDefined(name, name, missing);
    return [name, expression, value];
  });
}

/** An expression in C that has another value where a macro is not defined. */
function ifDefined(macro: string, expression: string, value: number): string {
  return `\n#ifdef ${macro}\n${expression}\n#else\n${value}\n#endif\n`;
}

async function assertSameInC(
  compiler: readonly string[],
  rows: Row[],
  headers = HEADERS,
): Promise<void> {
  const expressions = rows.map((row) => row[1]);
  const values = await evaluateInC(compiler, expressions, headers);
  assertEquals(
    rows.map(([label, , value]) => `${label} = ${value}`),
    rows.map(([label], index) => `${label} = ${values[index]}`),
  );
}

const HEADERS = [
  "aio",
  "errno",
  "fcntl",
  "poll",
  "signal",
  "stddef",
  "sys/resource",
  "sys/socket",
  "sys/stat",
  "sys/uio",
  "time",
  "unistd",
]
  .map((header) => `#include <${header}.h>\n`).join("") +
  // Other systems have system calls of other numbers, and no use of these here.
  "#ifdef __linux__\n#include <sys/syscall.h>\n#include <sys/mman.h>\n#endif\n";

/** The values of constant expressions, read from a compiled object. */
async function evaluateInC(
  compiler: readonly string[],
  expressions: string[],
  headers = HEADERS,
): Promise<number[]> {
  const marker = "aio layout table";
  const source = `#define _GNU_SOURCE\n${headers}
const struct { char marker[${marker.length}]; long long values[${expressions.length}]; }
table = { "${marker}", { ${expressions.join(",\n")} } };\n`;
  return await withTempDir(async (dir) => {
    const [input, object] = [`${dir}/table.c`, `${dir}/table.o`];
    await Deno.writeTextFile(input, source);
    await output([...compiler, "-c", "-o", object, input]);
    const bytes = await Deno.readFile(object);
    const at = new TextDecoder("latin1").decode(bytes).indexOf(marker);
    assert(at >= 0, "the object has no table");
    const view = new DataView(bytes.buffer, at + marker.length);
    return expressions.map((_, i) => Number(view.getBigInt64(8 * i, true)));
  });
}

async function errnoNamesOfHeaders(
  compiler: readonly string[],
): Promise<string[]> {
  const macros = await output(
    [...compiler, "-E", "-dM", "-x", "c", "-"],
    new TextEncoder().encode("#define _GNU_SOURCE\n#include <errno.h>\n"),
  );
  return [...macros.matchAll(/^#define (E[A-Z0-9]+) /gm)].map(([, n]) => n);
}

async function isMuslCompiler(compiler: string): Promise<boolean> {
  const triple = await run([compiler, "-dumpmachine"]);
  return triple?.includes("musl") ?? false;
}

/** What keeps a target from being compiled for, or `null`. */
async function whatIsMissing(target: Target): Promise<string | null> {
  const { platform, compiler } = target;
  if (platform === null) return `a table for ${target.name}`;
  if (await run([...compiler, "--version"]) === null) return compiler[0];
  const source = new TextEncoder().encode("#include <aio.h>\n");
  const aio = await run([...compiler, "-E", "-x", "c", "-"], source);
  return aio === null ? `aio.h of ${compiler[0]}` : null;
}

/** What keeps the rings from being compared with the kernel's header, or `null`. */
async function whatIsMissingOfRings(): Promise<string | null> {
  const source = new TextEncoder().encode("#include <linux/io_uring.h>\n");
  const found = await run(["cc", "-E", "-x", "c", "-"], source);
  return found === null ? "linux/io_uring.h" : null;
}

function testInC(
  name: string,
  missing: string | null,
  fn: () => Promise<void>,
): void {
  if (missing !== null) console.log(`ignored, ${missing} is missing: ${name}`);
  test(name, { ignore: missing !== null }, fn);
}

/** What a command prints, or `null` where it fails or is not there. */
async function run(
  command: readonly string[],
  input?: Uint8Array<ArrayBuffer>,
): Promise<string | null> {
  return await output(command, input).catch(() => null);
}

/** What a command prints. */
async function output(
  [command, ...args]: readonly string[],
  input?: Uint8Array<ArrayBuffer>,
): Promise<string> {
  const child = new Deno.Command(command, {
    args,
    stdin: input === undefined ? "null" : "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  if (input !== undefined) {
    const writer = child.stdin.getWriter();
    await writer.write(input);
    await writer.close();
  }
  const { success, stdout, stderr } = await child.output();
  const decoder = new TextDecoder();
  assert(success, `${command} failed: ${decoder.decode(stderr)}`);
  return decoder.decode(stdout);
}

async function withTempDir<T>(fn: (dir: string) => Promise<T>): Promise<T> {
  const dir = await Deno.makeTempDir();
  try {
    return await fn(dir);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}
