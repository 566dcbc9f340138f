/**
 * 64 files, four workers and the event loop of a HTTP server, all at work at the
 * same time. Prints how long requests waited, and how long the server took to
 * answer, alone and under load.
 */
import { fileURLToPath } from "node:url";
import { type Work, workOn } from "./load_work.ts";

const [directory, seconds] = Deno.args;
const duration_ms = Number(seconds) * 1000;
const WORKERS = 4;
/** 64 in all; those that are left over are the server's. */
const FILES_PER_WORKER = 12;
const FILES_BESIDE_SERVER = 16;

const beside = (name: string) => new URL(name, import.meta.url);

const server = Deno.serve(
  { hostname: "127.0.0.1", port: 0, onListen() {} },
  () => new Response("hello"),
);
const url = `http://127.0.0.1:${server.addr.port}/`;

async function client(duration_ms: number) {
  const { success, stdout } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--allow-all",
      fileURLToPath(beside("load_client.ts")),
      url,
      String(duration_ms),
    ],
    stderr: "inherit",
  }).output();
  if (!success) throw new Error("The client failed");
  return JSON.parse(new TextDecoder().decode(stdout));
}

function inWorker(index: number): Promise<Work> {
  const path = `${directory}/worker${index}`;
  Deno.mkdirSync(path);
  const worker = new Worker(beside("load_worker.ts"), { type: "module" });
  return new Promise((resolve, reject) => {
    worker.onmessage = ({ data }) => resolve(data);
    worker.onerror = reject;
    worker.postMessage({
      directory: path,
      files: FILES_PER_WORKER,
      duration_ms,
    });
  });
}

const idle = await client(duration_ms / 2);
const [loaded, ...work] = await Promise.all([
  client(duration_ms),
  workOn(directory, FILES_BESIDE_SERVER, duration_ms),
  ...Array.from({ length: WORKERS }, (_, index) => inWorker(index)),
]);
await server.shutdown();

const sum = (of: (work: Work) => number) =>
  work.reduce((sum, each) => sum + of(each), 0);
const most = (of: (work: Work) => number) => Math.max(...work.map(of));
console.log(JSON.stringify({
  idle,
  loaded,
  requests: sum(({ requests }) => requests),
  wrong: sum(({ wrong }) => wrong),
  inFlight: sum(({ inFlight }) => inFlight),
  p99_ms: most(({ p99_ms }) => p99_ms),
  max_ms: most(({ max_ms }) => max_ms),
  commit_max_ms: most(({ commit_max_ms }) => commit_max_ms),
}));
