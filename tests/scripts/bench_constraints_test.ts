// Runs of the benchmark that do not have the machine to themselves.

import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  constrain,
  findCgroups,
  parseMounts,
  removeConstraints,
} from "../../scripts/bench/constraints.ts";
import { isLinux, test } from "../helpers/mod.ts";

const COMMAND = { program: "cat", args: ["/proc/self/cgroup"] };
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

test(
  "constrain() runs a command with a share of a processor, and leaves nothing behind",
  {
    ignore: cgroups === undefined,
  },
  async () => {
    let directory: string | undefined;
    {
      using constrained = await constrain(
        { processors: 0.5 },
        COMMAND,
        cgroups,
        10,
      );
      const text = await outputOf(constrained.command);
      directory = /posix-aio-bench-\S+/.exec(text)?.[0];
      assert(directory !== undefined, text);
      Deno.statSync(`${cgroups!.path}/${directory}`);
    }
    const left = [...Deno.readDirSync(cgroups!.path)].map(({ name }) => name);
    assert(!left.includes(directory!));
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
    await assertRejects(() =>
      constrain({ processors: 0 }, COMMAND, cgroups, 10)
    );
    assertEquals(cgroupsLeft(), []);
  },
);

test(
  "removeConstraints() ends who runs in a cgroup, and removes it",
  { ignore: cgroups === undefined },
  async () => {
    const command = { program: "sh", args: ["-c", "echo here; exec sleep 60"] };
    const constrained = await constrain(
      { processors: 0.5 },
      command,
      cgroups,
      10,
    );
    const { program, args } = constrained.command;
    const child = new Deno.Command(program, { args, stdout: "piped" }).spawn();
    const reader = child.stdout.getReader();
    assert(!(await reader.read()).done);
    removeConstraints();
    assertEquals(cgroupsLeft(), []);
    assertEquals((await child.status).signal, "SIGKILL");
    await reader.cancel();
    constrained[Symbol.dispose]();
  },
);

test("constrain() runs a command with a niceness", async () => {
  const command = { program: "nice", args: [] };
  using constrained = await constrain({ niceness: 7 }, command, undefined, 10);
  assertEquals((await outputOf(constrained.command)).trim(), "7");
});

test("removeConstraints() ends the busy processes of a run that is interrupted", async () => {
  const busy = async () =>
    (await outputOf({ program: "ps", args: ["-eo", "args"] }))
      .split("\n").filter((line) => line.includes('console.log("busy")'))
      .length;
  const before = await busy();
  const constrained = await constrain(
    { isBesideBusy: true },
    COMMAND,
    undefined,
    30,
  );
  assert(await busy() > before);
  removeConstraints();
  while (await busy() > before) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  constrained[Symbol.dispose]();
});
