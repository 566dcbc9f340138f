/** Who takes part: the library in its variants, and every peer on this machine. */

import {
  type Command,
  consumer,
  type Contestant,
  here,
  isForFs,
  isLargeCachedRead,
  isOneCachedRead,
  isRandomRead,
  isTransfer,
  type Machine,
  output,
} from "./contestant.ts";
import { findFio } from "./fio.ts";
import { findBun, findNode, workerPool } from "./js_peers.ts";
import { addNpmPackage } from "./npm_package.ts";
import { FIXED_LANES, type Task, type Work } from "./workloads.ts";

/** Finds every contestant; `directory` takes the npm package, installed. */
export async function findContestants(directory: string): Promise<Machine> {
  const machine: Machine = {
    contestants: [...library(), ...denoPeers(), ...consumers()],
    missing: [],
    versions: { deno: Deno.version.deno, v8: Deno.version.v8 },
  };
  const node = await findNode(machine);
  const bun = await findBun(machine);
  await addNpmPackage(machine, directory, [
    { key: "node", label: "Node", program: node },
    { key: "bun", label: "Bun", program: bun },
  ]);
  await findFio(machine);
  const libc = await output("ldd", ["--version"]);
  if (libc) machine.versions.libc = libc.split("\n")[0];
  return machine;
}

/** The library: what is set for it, and variables of its environment. */
function libraryVariant(
  key: string,
  label: string,
  offers: (work: Work) => boolean,
  options: Partial<Task> = {},
  env: Record<string, string> = {},
): Contestant {
  const all = { variant: "pinned", ...options };
  return {
    key,
    label,
    offers,
    command: (task) => ({
      ...denoScript(
        "library_worker.ts",
        task,
        all,
        task.group === "soak" ? FIXED_NURSERY : [],
      ),
      env,
    }),
  };
}

/**
 * V8 enlarges its nursery in steps, at moments of its own choosing and whatever
 * allocates in it. Where memory is measured, it has its largest size from the
 * beginning.
 */
const FIXED_NURSERY = [
  "--v8-flags=--min-semi-space-size=16,--max-semi-space-size=16",
];

/** The library in its variants. */
export function library(): Contestant[] {
  const inMain = (work: Work) => work.group === "main";
  // These differ by what they cost, which one depth of each kind shows.
  const interfaces = (work: Work) =>
    inMain(work) && isRandomRead(work) &&
    (work.depth === 32 || work.depth === 64);
  return [
    libraryVariant(
      "library",
      "posix-aio, pinned memory",
      ({ group }) => group !== "lanes" && group !== "consumers",
    ),
    libraryVariant(
      "library-ordinary",
      "posix-aio, ordinary memory",
      (work) => inMain(work) || work.group === "soak",
      { variant: "ordinary" },
    ),
    libraryVariant(
      "library-fresh",
      "posix-aio, fresh ordinary memory",
      (work) => inMain(work) && work.operation === "read",
      { variant: "fresh" },
    ),
    libraryVariant(
      "library-no-page-cache",
      "posix-aio, page cache not asked first",
      (work) => work.group === "cold",
      {},
      { POSIX_AIO_PAGE_CACHE: "0" },
    ),
    libraryVariant(
      "library-librt",
      "posix-aio, engine librt",
      (work) => inMain(work) || ["lanes", "idle"].includes(work.group),
      {},
      { POSIX_AIO_ENGINE: "librt" },
    ),
    ...["pinned", "ordinary"].map((memory) =>
      libraryVariant(
        memory === "pinned" ? "library-fs" : `library-fs-${memory}`,
        `posix-aio, engine fs, ${memory} memory`,
        isForFs,
        { variant: memory },
        { POSIX_AIO_ENGINE: "fs" },
      )
    ),
    libraryVariant("library-batch", "posix-aio, batch()", interfaces, {
      variant: "batch",
    }),
    ...["auto", "suspend", "thread", "poll"].map((notify) =>
      libraryVariant(
        `library-queue-${notify}`,
        `posix-aio, CompletionQueue "${notify}"`,
        interfaces,
        { variant: `queue-${notify}` },
      )
    ),
    ...FIXED_LANES.map((lanes) =>
      libraryVariant(
        `library-lanes-${lanes}`,
        `posix-aio, ${lanes} lane${lanes > 1 ? "s" : ""}`,
        (work) => work.group === "lanes",
        { lanes },
        { POSIX_AIO_ENGINE: "librt" },
      )
    ),
  ];
}

/** What Deno has by itself, and prototypes on it. */
export function denoPeers(): Contestant[] {
  const MAX_FILES = 256; // descriptors are often limited to 1024
  return [
    {
      key: "prototype",
      label: "engine prototype",
      offers: (work) => work.group === "main" && isRandomRead(work),
      command: (task) =>
        denoScript("peers/prototype.ts", task, {
          variant: "prototype",
          lanes: task.direct ? 16 : Math.min(2, task.depth),
        }),
    },
    {
      key: "deno-pread",
      label: "Deno, pread by nonblocking FFI",
      offers: (work) => work.group === "main" && work.operation === "read",
      command: (task) =>
        denoScript("peers/pread_peer.ts", task, { variant: "pread" }),
    },
    {
      key: "deno-fsfile",
      label: "Deno FsFile, a file each",
      offers: (work) =>
        work.group === "main" && !work.direct && work.depth <= MAX_FILES,
      command: (task) =>
        denoScript("peers/fs_peer.mjs", task, { variant: "fsfile" }),
    },
    {
      key: "deno-node-fs",
      label: "Deno node:fs",
      offers: isTransfer,
      command: (task) =>
        denoScript("peers/fs_peer.mjs", task, { variant: "callback" }),
    },
    ...["ordinary", "fresh"].map((variant): Contestant => ({
      key: `deno-node-fs-${variant}`,
      label: `Deno node:fs, ${variant} memory`,
      offers: isLargeCachedRead,
      command: (task) => denoScript("peers/fs_peer.mjs", task, { variant }),
    })),
    {
      key: "deno-sync",
      label: "Deno readSync",
      offers: isOneCachedRead,
      command: (task) =>
        denoScript("peers/fs_peer.mjs", task, { variant: "sync" }),
    },
    {
      key: "deno-stream",
      label: "Deno.open().readable",
      offers: (work) => work.group === "streams",
      command: (task) =>
        denoScript("peers/stream_peer.mjs", task, { variant: "deno" }),
    },
    {
      key: "deno-open",
      label: "Deno.open()",
      offers: (work) => work.group === "opens",
      command: (task) =>
        denoScript("peers/open_peer.mjs", task, { variant: "deno" }),
    },
    {
      key: "deno-filehandle",
      label: "Deno FileHandle",
      offers: (work) => work.group === "opens",
      command: (task) =>
        denoScript("peers/open_peer.mjs", task, { variant: "filehandle" }),
    },
    workerPool("deno-workers", "Deno, workers", denoScript),
  ];
}

/** The library and `node:fs` under packages that read files of their formats. */
export function consumers(): Contestant[] {
  const command = (task: Task, variant: string) =>
    denoScript("consumers/worker.ts", task, { variant });
  return [
    consumer("library", "posix-aio", "library", command),
    consumer("deno-node-fs", "Deno node:fs", "node-fs", command),
  ];
}

function denoScript(
  script: string,
  task: Task,
  options: Partial<Task> = {},
  flags: string[] = [],
): Command {
  return {
    program: Deno.execPath(),
    args: [
      "run",
      "-A",
      ...flags,
      here(script),
      JSON.stringify({ ...task, ...options }),
    ],
  };
}
