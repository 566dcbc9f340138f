/**
 * The CommonJS build in a realm of its own, as test runners load it: one that
 * has nothing but the language, and the few globals that its arguments name.
 * Prints as JSON what it did there.
 */
import {
  closeSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { pathToFileURL } from "node:url";
import { createContext, runInContext } from "node:vm";

const WAITS_MAX = 500;

/** A URL that is none of this runtime's. */
class OtherUrl {
  readonly #href: string;

  constructor(href: string) {
    this.#href = href;
  }

  get href(): string {
    return this.#href;
  }
}

const names = process.argv.slice(2);
const globals = Object.fromEntries(
  names.map((name) => [name, Reflect.get(globalThis, name)]),
);
// As that of jsdom: another class, with nothing of its own where it is looked for.
if (names.includes("URL")) globals.URL = class extends OtherUrl {};
const realm = createContext(globals);
const require = createRequire(import.meta.url);
const modules = new Map<string, { exports: unknown }>();

/** What `require()` does, with the code of the package in the realm. */
function load(path: string): unknown {
  const loaded = modules.get(path);
  if (loaded !== undefined) return loaded.exports;
  const module = { exports: {} };
  modules.set(path, module);
  const code = readFileSync(path, "utf8");
  const run = runInContext(
    `(function (exports, require, module, __filename) {${code}\n})`,
    realm,
  );
  const resolve = createRequire(path);
  const requireInRealm = (name: string) =>
    name.startsWith(".") ? load(resolve.resolve(name)) : resolve(name);
  run(module.exports, requireInRealm, module, path);
  return module.exports;
}

const main = require.resolve("@posix/aio");
const { AioError, AioFile, isPinned, supported } = load(
  main,
) as typeof import("@posix/aio");

const directory = mkdtempSync(join(tmpdir(), "posix-aio-"));
const path = join(directory, "file");
writeFileSync(path, "0123456789");

async function failure(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
    return null;
  } catch (error) {
    const { name, code, errno } = error as InstanceType<typeof AioError>;
    return [error instanceof AioError, name, code, errno];
  }
}

const report: Record<string, unknown> = { supported: supported().available };
report.open = await failure(AioFile.open(join(directory, "none")));

const fd = openSync(path, "r");
const readOnly = AioFile.adopt(fd, { closeFd: false });
report.truncate = await failure(readOnly.truncate(5));
await readOnly.close();
closeSync(fd);

const url = pathToFileURL(path);
const file = await AioFile.open(url, { read: true, write: true });
const shared = new Uint8Array(new SharedArrayBuffer(4));
report.isPinned = [isPinned(shared), isPinned(new Uint8Array(4))];
report.readAt = [await file.readAt(shared, 6), [...shared]];
// The system writes to it while the event loop stands still.
const cells = new Int32Array(new SharedArrayBuffer(4));
const reading = file.readAt(new Uint8Array(cells.buffer), 0);
for (let wait = 0; wait < WAITS_MAX && cells[0] === 0; wait++) {
  Atomics.wait(cells, 0, 0, 10);
}
report.inPlace = cells[0] !== 0;
await reading;
report.append = await file.append(new Uint8Array([1, 2, 3]));
report.syncData = await failure(file.syncData());
report.size = await file.size();
const notASignal = { aborted: false } as AbortSignal;
report.notASignal = await failure(
  file.readAt(shared, 0, { signal: notASignal }),
);

if (names.includes("URL")) {
  const other = new globals.URL(url.href);
  const same = await AioFile.open(other);
  report.url = await same.size();
  await same.close();
}
if (names.includes("AbortController")) {
  const chunks = [];
  for await (const chunk of file.readable({ chunkSize: 8 })) {
    chunks.push(chunk.length);
  }
  report.readable = chunks;
  const writer = file.writable({ offset: 13 }).getWriter();
  await writer.write(new Uint8Array(7));
  await writer.close();
  report.writable = await file.size();
  const signal = AbortSignal.abort(new Error("enough"));
  report.signal = await file.readAt(shared, 0, { signal })
    .catch(({ message }) => message);
}

await file.close();
report.closed = await failure(file.size());
console.log(JSON.stringify(report));
rmSync(directory, { recursive: true });
