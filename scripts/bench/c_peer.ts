/** A program in C, compiled for the occasion. */

import { here, isRandomRead, type Machine, output } from "./contestant.ts";

/** What the program reads, whatever it is asked for. */
const BLOCK_BYTES = 4096;

/** `directory` takes the compiled program. */
export async function findCompiler(machine: Machine, directory: string) {
  const program = `${directory}/aio_peer`;
  const source = here("peers/aio_peer.c");
  const version = await output("cc", ["--version"]);
  const built = version !== undefined &&
    await output("cc", ["-O2", source, "-o", program, "-lrt"]) !== undefined;
  if (!built) {
    machine.missing.push({
      what: "C on aio(3)",
      how: "a C compiler: apt-get install gcc libc6-dev",
    });
    return;
  }
  machine.versions.cc = version.split("\n")[0];
  for (const descriptors of [1, 16]) {
    machine.contestants.push({
      key: `c-aio-${descriptors}`,
      label: `C, aio(3), ${descriptors} descriptor${
        descriptors > 1 ? "s" : ""
      }`,
      offers: (work) =>
        work.group === "main" && isRandomRead(work) &&
        work.blockBytes === BLOCK_BYTES,
      command: (task) => ({
        program,
        args: [
          task.path,
          task.direct ? 1 : 0,
          task.depth,
          descriptors,
          task.seconds,
          task.rampSeconds,
        ].map(String),
      }),
    });
  }
}
