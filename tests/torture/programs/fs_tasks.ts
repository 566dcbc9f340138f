/**
 * Has a file system fail, lose what is written and tell of it once, or wait. Prints who
 * was told, and what goes on meanwhile.
 */
import { assert } from "@std/assert";
import { writeSync } from "node:fs";
import { AioFile, metrics } from "../../../mod.ts";
import {
  delay,
  Directory,
  evict,
  isPending,
  openSync,
  outcomeOf,
  pattern,
  succeeds,
} from "../../helpers/mod.ts";
import { printOutcome } from "../../programs/where.ts";
import { FailingFs } from "../failing_fs.ts";

/** What the test asks for. */
interface Options {
  where: "main" | "worker";
  program: string;
  directory: string;
  isWriteback?: boolean;
  tasks: (keyof typeof TASKS)[];
}

const options: Options = JSON.parse(Deno.args[0]);
const BLOCK_BYTES = 4096;
/** More calls than the runtime has threads for. */
const CALLS = 40;
/** After so long the library has closed what it does not use. */
const IDLE_MS = 3_000;
const ENOSPC = 28;
const EIO = 5;
const ECANCELED = 125;
const LOSE = `lose ${ENOSPC}`;

const bytes = () => new Uint8Array(BLOCK_BYTES).fill(7);

/** What comes of a synchronization, of another one, and of one after a write. */
async function outcomesOf(
  file: AioFile,
  sync: "sync" | "syncData",
  write: () => Promise<unknown>,
): Promise<string[]> {
  const first = await outcomeOf(file[sync]());
  const again = await outcomeOf(file[sync]());
  await write();
  return [first, again, await outcomeOf(file[sync]())];
}

async function copyTo(file: AioFile, path: string): Promise<number> {
  await using source = await AioFile.open(path);
  return await source.copyTo(file);
}

/** Closes a file twice, and another one on the same file. */
async function closings(file: AioFile, path: string): Promise<string[]> {
  const first = await outcomeOf(file.close());
  const second = await outcomeOf(file.close());
  const other = await AioFile.open(path, { write: true });
  return [first, second, await outcomeOf(other.close())];
}

/** Takes all descriptors that the process may have. */
function takeDescriptors(): Deno.FsFile[] {
  const most = [...Deno.readDirSync("/proc/self/fd")].length + 20;
  const limit = `--nofile=${most}:`;
  assert(succeeds("prlimit", "--pid", String(Deno.pid), limit));
  const taken = [];
  try {
    for (;;) taken.push(Deno.openSync("/dev/null"));
  } catch {
    return taken;
  }
}

/** Opens a file, does something with it, and closes it. */
async function closed(
  fs: FailingFs,
  use: (file: AioFile) => Promise<unknown>,
): Promise<string[]> {
  const path = fs.file("file");
  const file = await AioFile.open(path, { write: true });
  await use(file);
  return await closings(file, path);
}

/** What two synchronizations come to, of which one comes while the other fails. */
async function overlapping(fs: FailingFs, errno: number): Promise<string[]> {
  const file = await AioFile.open(fs.file("file"), { write: true });
  await file.writeAt(bytes(), 0);
  fs.control(`fail fsync 0 1 ${errno}`);
  const resume = fs.pause();
  const first = outcomeOf(file.sync());
  while (metrics().inFlight === 0) await delay(1);
  const second = outcomeOf(file.sync());
  resume();
  const outcomes = [await first, await second];
  await file.writeAt(bytes(), 0);
  outcomes.push(await outcomeOf(file.sync()));
  await file.close().catch(() => {});
  return outcomes;
}

const TASKS = {
  /** The runtime's own close() does not say what close(2) does. */
  "no library"(fs: FailingFs) {
    const { close } = Deno.dlopen("libc.so.6", {
      close: { parameters: ["i32"], result: "i32" },
    }).symbols;
    const fd = openSync(fs.file("file"), "r+");
    fs.control(LOSE);
    writeSync(fd, bytes());
    return Promise.resolve(close(fd));
  },

  "close after writeAt": (fs: FailingFs) =>
    closed(fs, async (file) => {
      fs.control(LOSE);
      await file.writeAt(bytes(), 0);
    }),

  async "close with a descriptor"(fs: FailingFs) {
    const paths = Array.from({ length: 8 }, (_, at) => fs.file(`file${at}`));
    const files = await Promise.all(
      paths.map((path) => AioFile.open(path, { write: true })),
    );
    fs.control(LOSE);
    // Before there are writes: another process closes them as well, and is told.
    const taken = takeDescriptors();
    await Promise.all(files.map((file) => file.writeAt(bytes(), 0)));
    taken.pop()!.close();
    return await Promise.all(files.map((file) => outcomeOf(file.close())));
  },

  "close after many writes at once": (fs: FailingFs) =>
    closed(fs, async (file) => {
      fs.control(LOSE);
      const writes = Array.from(
        { length: 100 },
        (_, at) => file.writeAt(bytes(), at * BLOCK_BYTES),
      );
      await Promise.all(writes);
    }),

  "close after syncData and writeAt": (fs: FailingFs) =>
    closed(fs, async (file) => {
      await file.writeAt(bytes(), 0);
      await file.syncData();
      fs.control(LOSE);
      await file.writeAt(bytes(), BLOCK_BYTES);
    }),

  "close after syncData, writeAt and some time": (fs: FailingFs) =>
    closed(fs, async (file) => {
      await file.writeAt(bytes(), 0);
      await file.syncData();
      fs.control(LOSE);
      await file.writeAt(bytes(), BLOCK_BYTES);
      await delay(IDLE_MS);
    }),

  "close after append": (fs: FailingFs) =>
    closed(fs, async (file) => {
      fs.control(LOSE);
      await file.append(bytes());
    }),

  "close after append and writeAt, per open file": (fs: FailingFs) =>
    closed(fs, async (file) => {
      fs.control("per_handle 1");
      await file.writeAt(bytes(), 0);
      fs.control(LOSE);
      await file.append(bytes());
      fs.control("lose 0");
      await file.writeAt(bytes(), BLOCK_BYTES);
    }),

  "close that fails by itself": (fs: FailingFs) =>
    closed(fs, async (file) => {
      await file.writeAt(bytes(), 0);
      await file.append(bytes());
      fs.control(`fail flush 0 1 ${EIO}`);
    }),

  "close of the second descriptor that fails": (fs: FailingFs) =>
    closed(fs, async (file) => {
      await file.writeAt(bytes(), 0);
      await file.append(bytes());
      fs.control(`fail flush 1 1 ${EIO}`);
    }),

  "syncs that fail with EIO": (fs: FailingFs) => overlapping(fs, EIO),

  "syncs that fail with ECANCELED": (fs: FailingFs) =>
    overlapping(fs, ECANCELED),

  /** The file system takes a part of each write, and nothing is kept of it. */
  async "writes that come short"(fs: FailingFs) {
    const path = fs.file("file");
    const contents = pattern(3000);
    const outcomes: Record<string, unknown> = {};
    const parts = [contents.subarray(0, 1000), contents.subarray(1000)];
    fs.control("direct 1");
    for (const append of [false, true]) {
      const file = await AioFile.open(path, {
        read: true,
        write: true,
        append,
      });
      const writes = {
        writeAt: () => file.writeAt(contents, 0),
        list: () => file.writeAt(parts, 0),
        append: () => file.append(contents),
      };
      for (const [name, write] of Object.entries(writes)) {
        if (append && name !== "append") continue;
        await file.truncate(0);
        fs.control("short -1 777");
        const bytes = await write().catch(({ code }) => code);
        const found = Deno.readFileSync(path);
        const isRight = found.every((byte, at) => byte === contents[at]);
        const key = append ? `${name}, open for appending` : name;
        outcomes[key] = [bytes, found.length, isRight];
      }
      await file.close();
    }
    return outcomes;
  },

  /** It opens the file once more. */
  async "append where fstat fails"(fs: FailingFs) {
    const file = await AioFile.open(fs.file("file"), { write: true });
    fs.control(`fail getattr 0 -1 ${EIO}`);
    const outcome = await outcomeOf(file.append(bytes()));
    fs.control("reset");
    await file.close().catch(() => {});
    return outcome;
  },

  /** Nobody canceled anything. */
  async "what fails with ECANCELED for ever"(fs: FailingFs) {
    const options = { read: true, write: true };
    const file = await AioFile.open(fs.file("file"), options);
    await file.writeAt(bytes(), 0);
    evict(fs.at("file"));
    const calls = ["read", "write", "fsync"];
    fs.control(...calls.map((call) => `fail ${call} 0 -1 ${ECANCELED}`));
    const before = metrics();
    const outcomes = {
      readAt: await outcomeOf(file.readAt(bytes(), 0)),
      writeAt: await outcomeOf(file.writeAt(bytes(), 0)),
      append: await outcomeOf(file.append(bytes())),
      sync: await outcomeOf(file.sync()),
      syncData: await outcomeOf(file.syncData()),
    };
    await file.close().catch(() => {});
    const { failed, canceled } = metrics();
    const counts = [failed - before.failed, canceled - before.canceled];
    return { ...outcomes, counts };
  },

  /** The library's own closing of what it does not use is told instead. */
  async "syncData after syncData, writeAt and some time"(fs: FailingFs) {
    const file = await AioFile.open(fs.file("file"), { write: true });
    await file.writeAt(bytes(), 0);
    await file.syncData();
    fs.control(LOSE);
    await file.writeAt(bytes(), BLOCK_BYTES);
    await delay(IDLE_MS);
    fs.control("lose 0");
    const write = () => file.writeAt(bytes(), 0);
    return await outcomesOf(file, "syncData", write);
  },

  /** What each kind of synchronization says of each kind of write. */
  async "sync of what one open file has written"(fs: FailingFs) {
    const outcomes: Record<string, string[]> = {};
    Deno.writeFileSync(fs.at("source"), bytes());
    for (const lost of ["writeAt", "append", "copyTo"] as const) {
      for (const sync of ["sync", "syncData"] as const) {
        for (const isSynced of [false, true]) {
          const path = fs.file("file");
          const file = await AioFile.open(path, { write: true });
          const write = {
            writeAt: () => file.writeAt(bytes(), 0),
            append: () => file.append(bytes()),
            copyTo: () => copyTo(file, fs.at("source")),
          };
          await write.writeAt();
          await write.append();
          if (isSynced) await file[sync]();
          fs.control("per_handle 1", LOSE);
          await write[lost]();
          fs.control("lose 0");
          const before = isSynced ? " synced before" : "";
          outcomes[`${lost}, ${sync}${before}`] = await outcomesOf(
            file,
            sync,
            write[lost],
          );
          await file.close().catch(() => {});
        }
      }
    }
    return outcomes;
  },

  /** The same of a synchronization that is asked for together with the write. */
  async "sync beside what one open file writes"(fs: FailingFs) {
    const file = await AioFile.open(fs.file("file"), { write: true });
    await file.writeAt(bytes(), 0);
    await file.syncData();
    fs.control("per_handle 1", LOSE);
    const outcomes = await Promise.all([
      outcomeOf(file.writeAt(bytes(), 0)),
      outcomeOf(file.syncData()),
    ]);
    await file.close().catch(() => {});
    return outcomes;
  },

  /** Somebody else has the page cache written back, which fails. */
  async "sync after a write-back that failed"(fs: FailingFs) {
    const outcomes: Record<string, string[]> = {};
    for (const how of ["writeAt", "append"] as const) {
      for (const isSynced of [false, true]) {
        const file = await AioFile.open(fs.file("file"), {
          read: true,
          write: true,
        });
        if (isSynced) await file.syncData();
        fs.control(`fail write 0 100 ${EIO}`);
        const write = () =>
          how === "append" ? file.append(bytes()) : file.writeAt(bytes(), 0);
        await write();
        const args = ["--file-system", fs.at("file")];
        await new Deno.Command("sync", { args, stderr: "null" }).output();
        fs.control("reset");
        const before = isSynced ? ", synced before" : "";
        const told = await outcomesOf(file, "syncData", write);
        // The other descriptor's own report would come now.
        await file.append(bytes());
        await file.writeAt(bytes(), 0);
        told.push(await outcomeOf(file.syncData()));
        outcomes[`${how}${before}`] = told;
        await file.close().catch(() => {});
      }
    }
    return outcomes;
  },

  /** Calls that change one file, and those of another one. */
  async "calls of another file"(fs: FailingFs) {
    const silent = await AioFile.open(fs.file("file"), { write: true });
    using directory = new Directory();
    const path = directory.file(new Uint8Array(0));
    const other = await AioFile.open(path, { read: true, write: true });
    // A worker opens the file once more, at once, for what changes it first.
    await silent.truncate(0);
    const resume = fs.pause();
    const waiting = Array.from({ length: CALLS }, () => silent.truncate(1));
    const outcomes = [
      outcomeOf(other.size()),
      outcomeOf(other.stat()),
      outcomeOf(other.truncate(BLOCK_BYTES)),
      outcomeOf(other.advise("sequential")),
      outcomeOf(other.close()),
    ];
    const others = await Promise.all(outcomes);
    const areWaiting = await Promise.all(waiting.map(isPending));
    resume();
    await Promise.all(waiting);
    await silent.close();
    return { others, waiting: areWaiting.filter(Boolean).length };
  },

  /** Closing a file that was written, by several descriptors. */
  async "close that waits"(fs: FailingFs) {
    const file = await AioFile.open(fs.file("file"), { write: true });
    await file.writeAt(new Uint8Array(BLOCK_BYTES), 0);
    await file.syncData();
    await file.append(new Uint8Array(BLOCK_BYTES));
    const resume = fs.pause();
    const closing = file.close();
    const isWaiting = await isPending(closing);
    resume();
    return [isWaiting, await outcomeOf(closing)];
  },
};

await printOutcome(import.meta.url, options.where, async () => {
  const { program, directory, isWriteback, tasks } = options;
  await using fs = await FailingFs.mount(program, directory, isWriteback);
  const outcomes: Record<string, unknown> = {};
  for (const task of tasks) outcomes[task] = await TASKS[task](fs);
  return outcomes;
});
