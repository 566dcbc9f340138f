/** Where the figures were taken. */

import { cpus, loadavg, release, totalmem } from "node:os";

export async function describeMachine(
  directory: string,
): Promise<Record<string, string | number>> {
  const [processor] = cpus();
  return {
    processor: processor.model,
    cores: cpus().length,
    memory: `${(totalmem() / 2 ** 30).toFixed(1)} GiB`,
    system: `${Deno.build.os} ${release()} ${Deno.build.arch}`,
    // Above zero, somebody else was at work, and figures are worth less.
    "load average": loadavg()[0].toFixed(2),
    filesystem: await describeFilesystem(directory),
  };
}

async function describeFilesystem(directory: string): Promise<string> {
  const types = Deno.build.os === "linux" ? "-PT" : "-P";
  const { stdout } = await new Deno.Command("df", {
    args: [types, directory],
    stderr: "null",
  }).output();
  const [device, type] = new TextDecoder().decode(stdout).trim().split("\n")
    .at(-1)!.split(/\s+/);
  return types === "-PT" ? `${type} on ${device}` : device;
}
