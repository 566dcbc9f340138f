// Runs of the benchmark that do not have the machine to themselves.

import { assert, assertEquals, assertRejects } from "@std/assert";
import { getPriority } from "node:os";
import {
  constrain,
  findCgroups,
  parseMounts,
  removeConstraints,
} from "../../scripts/bench/constraints.ts";
import { isLinux, test } from "../helpers/mod.ts";

const cgroups = isLinux ? findCgroups() : undefined;

async function outputOf(
  { program, args }: { program: string; args: string[] },
): Promise<string> {
  const { stdout } = await new Deno.Command(program, { args }).output();
  return new TextDecoder().decode(stdout);
}

test("parseMounts() finds what divides processor time, the newer kind first", () => {
  const text = [
    "proc /proc proc rw 0 0",
    "cgroup /sys/fs/cgroup/memory cgroup rw,memory 0 0",
    "cgroup /sys/fs/cgroup/cpu cgroup rw,cpu,cpuacct 0 0",
    "cgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0",
    "",
  ].join("\n");
  assertEquals(parseMounts(text), [
    { path: "/sys/fs/cgroup/unified", version: 2 },
    { path: "/sys/fs/cgroup/cpu", version: 1 },
  ]);
});

/** A process that does nothing, until it is ended. */
function startWaiting(): Deno.ChildProcess {
  return new Deno.Command("sleep", { args: ["60"] }).spawn();
}

async function end(child: Deno.ChildProcess): Promise<void> {
  child.kill("SIGKILL");
  await child.status;
}

test(
  "constrain() gives a process a share of a processor, and leaves nothing behind",
  { ignore: cgroups === undefined },
  async () => {
    const child = startWaiting();
    let directory: string | undefined;
    {
      using constrained = await constrain({ processors: 0.5 }, cgroups, 10);
      const cgroupOf = () => Deno.readTextFileSync(`/proc/${child.pid}/cgroup`);
      assert(!cgroupOf().includes("posix-aio-bench-"), "not yet");
      constrained.apply(child.pid);
      directory = /posix-aio-bench-\S+/.exec(cgroupOf())?.[0];
      assert(directory !== undefined, cgroupOf());
      Deno.statSync(`${cgroups!.path}/${directory}`);
    }
    const left = [...Deno.readDirSync(cgroups!.path)].map(({ name }) => name);
    assert(!left.includes(directory!));
    await child.status;
  },
);

function cgroupsLeft(): string[] {
  return [...Deno.readDirSync(cgroups!.path)].map(({ name }) => name)
    .filter((name) => name.startsWith(`posix-aio-bench-${Deno.pid}-`));
}

test(
  "constrain() leaves no cgroup where the system refuses the share",
  { ignore: cgroups === undefined },
  async () => {
    await assertRejects(() => constrain({ processors: 0 }, cgroups, 10));
    assertEquals(cgroupsLeft(), []);
  },
);

test(
  "removeConstraints() ends who runs in a cgroup, and removes it",
  { ignore: cgroups === undefined },
  async () => {
    const constrained = await constrain({ processors: 0.5 }, cgroups, 10);
    const child = startWaiting();
    constrained.apply(child.pid);
    removeConstraints();
    assertEquals(cgroupsLeft(), []);
    assertEquals((await child.status).signal, "SIGKILL");
    constrained[Symbol.dispose]();
  },
);

test("constrain() makes all threads of a process nice", {
  ignore: !isLinux,
}, async () => {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["eval", "console.log(1); setInterval(() => {}, 1000)"],
    stdout: "piped",
  }).spawn();
  const reader = child.stdout.getReader();
  await reader.read();
  using constrained = await constrain({ niceness: 7 }, undefined, 10);
  constrained.apply(child.pid);
  const threads = [...Deno.readDirSync(`/proc/${child.pid}/task`)];
  const niceness = threads.map(({ name }) => getPriority(Number(name)));
  await reader.cancel();
  await end(child);
  assert(threads.length > 1, `${threads.length}`);
  assertEquals(new Set(niceness), new Set([7]));
});

test("apply() leaves a process alone that has ended", async () => {
  const child = startWaiting();
  await end(child);
  using constrained = await constrain(
    { niceness: 7, processors: cgroups && 0.5 },
    cgroups,
    10,
  );
  constrained.apply(child.pid);
});

test("removeConstraints() ends the busy processes of a run that is interrupted", async () => {
  const busy = async () =>
    (await outputOf({ program: "ps", args: ["-eo", "args"] }))
      .split("\n").filter((line) => line.includes('console.log("busy")'))
      .length;
  const before = await busy();
  const constrained = await constrain({ isBesideBusy: true }, undefined, 30);
  assert(await busy() > before);
  removeConstraints();
  while (await busy() > before) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  constrained[Symbol.dispose]();
});
