/**
 * Transfers through a pipe or a socket in every way that matters, and prints what
 * came of it. A tracer, or rights that are missing, decide how the library does
 * that.
 */
import { readdirSync, readlinkSync } from "node:fs";
import { type AioError, AioFile, allocatePinned, metrics } from "../../mod.ts";
import {
  type Channel,
  openFifo,
  openPipe,
  openSockets,
} from "../helpers/channels.ts";
import { decode, encode, isPending, pattern, turn } from "../helpers/mod.ts";
import { becomeOrdinaryUser } from "../posix/programs/libc.ts";

const [directory, kind, right] = Deno.args;
let opened = 0;

function openChannel(): Channel {
  if (kind === "socket") {
    const [reader, writer] = openSockets();
    return { reader, writer };
  }
  if (kind === "pipe") return openPipe();
  const path = `${directory}/fifo${opened++}`;
  const channel = openFifo(path);
  // Whoever is not root cannot open it again.
  if (right === "none") Deno.chmodSync(path, 0);
  return channel;
}

// Those of an ordinary user are made before it becomes one.
const channels = Array.from({ length: 12 }, openChannel);
if (right === "none") becomeOrdinaryUser();

function nextFiles(): { reader: AioFile; writer: AioFile } {
  const { reader, writer } = channels.pop()!;
  return { reader: AioFile.adopt(reader), writer: AioFile.adopt(writer) };
}

/** What came of a call: bytes, or what it was rejected with. */
async function outcome(call: Promise<number>): Promise<unknown> {
  try {
    return await call;
  } catch (reason) {
    return (reason as AioError).code ?? reason;
  }
}

/** Reads so many bytes, in whatever pieces. */
async function take(file: AioFile, byteLength: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(byteLength);
  for (let at = 0; at < byteLength;) {
    const read = await file.readAt(bytes.subarray(at), 0);
    if (read === 0) return bytes.subarray(0, at);
    at += read;
  }
  return bytes;
}

function isPattern(bytes: Uint8Array, start = 0): boolean {
  const expected = pattern(bytes.length, start);
  return bytes.every((byte, at) => byte === expected[at]);
}

/** What the descriptors of the process are on. */
function descriptors(): string[] {
  return readdirSync("/proc/self/fd").flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/self/fd/${fd}`)];
    } catch {
      return []; // The one that lists the others.
    }
  });
}

const scenarios: Record<string, () => Promise<unknown>> = {
  async "long writes in pieces keep their order"() {
    const { reader, writer } = nextFiles();
    const lengths = [300_000, 1, 0, 200_000, 5_000];
    const total = lengths.reduce((sum, length) => sum + length);
    let at = 0;
    const writes = lengths.map((length, index) => {
      const allocate = index % 2 === 0
        ? allocatePinned
        : (byteLength: number) => new Uint8Array(byteLength);
      const from = length === 0 ? new Uint8Array() : allocate(length);
      from.set(pattern(length, at));
      at += length;
      return writer.writeAt(from, 0);
    });
    const first = await take(reader, 100_000);
    const rest = await take(reader, total - 100_000);
    const isRight = isPattern(first) && isPattern(rest, 100_000);
    return [isRight, await Promise.all(writes)];
  },

  async "reads take what is there, in the order of the calls"() {
    const { reader, writer } = nextFiles();
    const buffers = [3, 0, 100, 100].map((length) => new Uint8Array(length));
    const reads = buffers.map((into) => reader.readAt(into, 0));
    await turn();
    await writer.writeAt(encode("abcde"), 0);
    const counts = await Promise.all(reads.slice(0, 3));
    const isWaiting = await isPending(reads[3]);
    await writer.writeAt(encode("f"), 0);
    counts.push(await reads[3]);
    return [
      counts,
      isWaiting,
      buffers.map((b, i) => decode(b.subarray(0, counts[i]))),
    ];
  },

  async "one of several reads is aborted"() {
    const { reader, writer } = nextFiles();
    const controllers = [0, 1, 2].map(() => new AbortController());
    const reads = controllers.map(({ signal }) =>
      outcome(reader.readAt(new Uint8Array(1), 0, { signal }))
    );
    await turn();
    controllers[0].abort("first");
    const first = await reads[0];
    controllers[2].abort("last");
    const last = await reads[2];
    await writer.writeAt(encode("ab"), 0);
    const rest = new Uint8Array(9);
    return [
      first,
      await reads[1],
      last,
      await reader.readAt(rest, 0),
      decode(rest.subarray(0, 1)),
    ];
  },

  async "a write is aborted of which a part is written"() {
    const { reader, writer } = nextFiles();
    const controller = new AbortController();
    const { signal } = controller;
    const length = 1_000_000;
    const write = writer.writeAt(pattern(length), 0, { signal });
    const next = writer.writeAt(encode("next"), 0);
    const taken = await take(reader, 50_000);
    controller.abort("enough");
    const error = await write.catch((error) => error) as AioError;
    const rest = await take(reader, error.bytesTransferred! - taken.length);
    const last = new Uint8Array(9);
    await reader.readAt(last, 0);
    return [
      error.code,
      error.cause,
      error.bytesTransferred! >= 50_000 && error.bytesTransferred! < length,
      isPattern(taken) && isPattern(rest, taken.length),
      decode(last.subarray(0, 4)),
      await next,
    ];
  },

  async "a write that has not begun is aborted"() {
    const { reader, writer } = nextFiles();
    const controller = new AbortController();
    const { signal } = controller;
    const long = writer.writeAt(pattern(1_000_000), 0);
    const aborted = outcome(writer.writeAt(encode("no"), 0, { signal }));
    const next = writer.writeAt(encode("yes"), 0);
    await turn();
    controller.abort("enough");
    const bytes = await take(reader, 1_000_003);
    return [
      await aborted,
      await Promise.all([long, next]),
      isPattern(bytes.subarray(0, 1_000_000)),
      decode(bytes.subarray(1_000_000)),
    ];
  },

  async "a read ends at the end of file, also one that waits"() {
    const { reader, writer } = nextFiles();
    const reads = [0, 1].map(() => reader.readAt(new Uint8Array(9), 0));
    await turn();
    await writer.writeAt(encode("end"), 0);
    await writer.close();
    const last = await reader.readAt(new Uint8Array(9), 0);
    return [await Promise.all(reads), last];
  },

  async "a write fails when nobody reads, also one that waits"() {
    const { reader, writer } = nextFiles();
    const long = outcome(writer.writeAt(new Uint8Array(1_000_000), 0));
    await turn();
    await reader.close();
    return [await long, await outcome(writer.writeAt(encode("x"), 0))];
  },

  async "nothing is transferred by transfers without a length"() {
    const { reader, writer } = nextFiles();
    const counts = [
      await writer.writeAt(new Uint8Array(), 0),
      await writer.writeAt(allocatePinned(1).subarray(1), 0),
    ];
    const read = reader.readAt(new Uint8Array(4), 0);
    const isWaiting = await isPending(read);
    await writer.writeAt(encode("x"), 0);
    return [counts, isWaiting, await read];
  },

  async "what was canceled leaves no descriptor, and nothing behind"() {
    const { reader, writer } = nextFiles();
    const name = readlinkSync(`/proc/self/fd/${reader.fd}`);
    const count = () => descriptors().filter((other) => other === name).length;
    const all = descriptors().length;
    const before = count();
    const into = new Uint8Array(4);
    const read = outcome(reader.readAt(into, 0));
    await turn();
    const during = count() - before;
    const canceled = await reader.cancel();
    const code = await read;
    await Promise.all([reader.close(), writer.close()]);
    const { inFlight, queued } = metrics();
    while (descriptors().length > all - 2) await turn();
    const closed = count();
    return [during, canceled, code, closed, inFlight, queued];
  },
};

const outcomes: Record<string, unknown> = {};
for (const [name, run] of Object.entries(scenarios)) {
  outcomes[name] = await run();
}
console.log(JSON.stringify(outcomes));
Deno.exit();
