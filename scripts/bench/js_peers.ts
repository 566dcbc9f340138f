/** The same script on Node and on Bun. */

import { type Contestant, here, type Machine, output } from "./contestant.ts";

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
    offers: (work) => work.group === "main",
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
  const [[program, version], ...older] = found;
  const major = parseInt(version);
  versions.node = version;
  contestants.push(
    jsPeer("node", `Node ${major} fs`, program),
    jsPeer("node-32", `Node ${major} fs, 32 threads`, program, {
      UV_THREADPOOL_SIZE: "32",
    }),
  );
  for (const [program, version] of older) {
    versions["node-older"] = version;
    contestants.push(
      jsPeer("node-older", `Node ${parseInt(version)} fs`, program),
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
  contestants.push(jsPeer("bun", "Bun fs", program));
  return program;
}
