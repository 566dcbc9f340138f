/** The same scripts on Node, on Bun and, for workers, on Deno. */

import {
  type Command,
  type Contestant,
  here,
  isLargeCachedRead,
  isOneCachedRead,
  isTransfer,
  type Machine,
  output,
} from "./contestant.ts";
import type { Task } from "./workloads.ts";

/** `npx` may have to download what it runs. */
const NPX_TIMEOUT_MS = 180_000;

function jsPeer(
  key: string,
  label: string,
  program: string,
  env: Record<string, string> = {},
): Contestant {
  return {
    key,
    label,
    offers: isTransfer,
    command: (task) => ({
      program,
      args: [
        here("peers/fs_peer.mjs"),
        JSON.stringify({ ...task, variant: "callback" }),
      ],
      env,
    }),
  };
}

/** The runtime's own ways for which there is one work each. */
function ownWays(
  runtime: string,
  label: string,
  program: string,
): Contestant[] {
  const way = (
    what: string,
    name: string,
    script: string,
    variant: string,
    offers: Contestant["offers"],
  ): Contestant => ({
    key: `${runtime}-${what}`,
    label: name,
    offers,
    command: (task) => ({
      program,
      args: [here(script), JSON.stringify({ ...task, variant })],
    }),
  });
  const stream = runtime === "bun"
    ? "Bun.file().stream()"
    : `${label} createReadStream()`;
  return [
    ...["ordinary", "fresh"].map((memory) =>
      way(
        memory,
        `${label} fs, ${memory} memory`,
        "peers/fs_peer.mjs",
        memory,
        isLargeCachedRead,
      )
    ),
    way(
      "sync",
      `${label} readSync`,
      "peers/fs_peer.mjs",
      "sync",
      isOneCachedRead,
    ),
    way(
      "stream",
      stream,
      "peers/stream_peer.mjs",
      runtime,
      (work) => work.group === "streams",
    ),
    way(
      "open",
      `${label} FileHandle`,
      "peers/open_peer.mjs",
      "filehandle",
      (work) => work.group === "opens",
    ),
  ];
}

/**
 * One worker for each processor, for they are never idle while the file is cached;
 * of those that wait for a device some more. `command` runs the script.
 */
export function workerPool(
  key: string,
  label: string,
  command: (script: string, task: Task) => Command,
): Contestant {
  const script = "peers/worker_pool_peer.mjs";
  return {
    key,
    label,
    offers: ({ group, order }) => group === "main" && order === "random",
    command: (task) =>
      command(script, {
        ...task,
        variant: "workers",
        workers: task.direct ? 16 : navigator.hardwareConcurrency,
      }),
  };
}

/** Returns the executable, if there is one. */
export async function findNode(
  { contestants, missing, versions }: Machine,
): Promise<string | undefined> {
  // Deno runs as `node` where there is none: that is not the peer meant here.
  const ask = [
    "-p",
    "process.versions.deno ? '' : process.execPath + ' ' + process.versions.node",
  ];
  const answers = [
    await output("npx", ["-y", "node@26", ...ask], NPX_TIMEOUT_MS),
    await output("npx", ["-y", "node@20", ...ask], NPX_TIMEOUT_MS),
    await output("node", ask),
  ];
  const found = answers
    .flatMap((answer) => answer ? [answer.split("\n").at(-1)!.split(" ")] : [])
    .filter(([, version], i, all) =>
      all.findIndex(([, other]) => other === version) === i
    )
    .sort(([, a], [, b]) => parseInt(b) - parseInt(a));
  if (found.length === 0) {
    missing.push({ what: "Node", how: "https://nodejs.org/en/download" });
    return;
  }
  const [[program, version]] = found;
  const major = parseInt(version);
  versions.node = version;
  contestants.push(
    jsPeer("node", `Node ${major} fs`, program),
    jsPeer("node-32", `Node ${major} fs, 32 threads`, program, {
      UV_THREADPOOL_SIZE: "32",
    }),
    ...ownWays("node", `Node ${major}`, program),
    workerPool("node-workers", `Node ${major}, workers`, (script, task) => ({
      program,
      args: [here(script), JSON.stringify(task)],
    })),
  );
  // The last one that reads files by io_uring, if it is told to.
  const node20 = found.find(([, version]) => parseInt(version) === 20);
  if (node20 !== undefined) {
    const [program, version] = node20;
    versions["node-20"] = version;
    contestants.push(
      jsPeer("node-20", "Node 20 fs", program),
      jsPeer("node-20-io_uring", "Node 20 fs, by io_uring", program, {
        UV_USE_IO_URING: "1",
      }),
    );
  }
  return program;
}

/** Returns the executable, if there is one. */
export async function findBun(
  { contestants, missing, versions }: Machine,
): Promise<string | undefined> {
  const ask = ["-e", "console.log(process.execPath + ' ' + Bun.version)"];
  const answer = await output("bun", ask) ??
    await output("npx", ["-y", "bun", ...ask], NPX_TIMEOUT_MS);
  if (answer === undefined) {
    missing.push({ what: "Bun", how: "npm install -g bun" });
    return;
  }
  const [program, version] = answer.split("\n").at(-1)!.split(" ");
  versions.bun = version;
  contestants.push(
    jsPeer("bun", "Bun fs", program),
    ...ownWays("bun", "Bun", program),
  );
  return program;
}
