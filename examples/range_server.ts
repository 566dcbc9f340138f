/**
 * A tool to use: serves the files of a directory over HTTP, ranges included.
 *
 * ```sh
 * deno run --allow-ffi --allow-net --allow-read examples/range_server.ts DIRECTORY
 * ```
 *
 * Each answer streams from its file with several reads in flight, as fast as the
 * client takes it. {@linkcode createFileHandler} is the server without the
 * program: a function from `Request` to `Response`.
 *
 * @module
 */

import process from "node:process";
import {
  createFileHandler,
  DEPTH_DEFAULT,
  OPEN_FILES_DEFAULT,
} from "./range_server/handler.ts";
import { Log } from "./range_server/log.ts";
import { CommandLine, UsageError } from "./shared/command_line.ts";
import { reasonOf } from "./shared/reasons.ts";
import { print, runTool } from "./shared/tool.ts";

export {
  createFileHandler,
  type FileHandler,
  type FileHandlerOptions,
} from "./range_server/handler.ts";
export { RANGES_MAX } from "./range_server/plan.ts";

const DEPTH_MAX = 64;
const OPEN_FILES_MAX = 65_536;
const PORT_DEFAULT = 8080;
const PORT_MAX = 65_535;
const GRACE_S_DEFAULT = 10;
const GRACE_S_MAX = 86_400;

const USAGE = `Serves the files of a directory over HTTP, ranges included.

usage: range_server.ts [options] DIRECTORY

  --port N     the port; 0 takes a free one (default ${PORT_DEFAULT})
  --host HOST  the address to listen on (default 127.0.0.1, this machine only;
               0.0.0.0 is all of them)
  --depth N    reads of 256 KiB that an answer may be ahead of its client,
               1 to ${DEPTH_MAX} (default ${DEPTH_DEFAULT})
  --open-files N
               files to keep open for the next answer, 0 to ${OPEN_FILES_MAX}
               (default ${OPEN_FILES_DEFAULT}); one that nobody asks for is closed soon
  --hidden     serve names that begin with a dot, too
  --cors       let pages of other origins read what is served
  --grace N    seconds that answers may go on once it is told to stop, up to
               ${GRACE_S_MAX} (default ${GRACE_S_DEFAULT})
  --log        print a line on standard error at the end of each answer: time,
               client, method, path, status, bytes of the body that were sent,
               milliseconds, range, and "cut" if the client did not get all
  --help       print this

Symbolic links are followed as long as they stay in DIRECTORY. A directory is its
index.html, or a list of what is in it.

SIGINT and SIGTERM tell it to stop; the second one cuts what is being sent.

Exit status: 0 stopped by a signal, 1 cannot serve, 2 wrong usage.`;

/** What the arguments ask for. */
export function parseCommandLine(args: string[]) {
  const line = new CommandLine(USAGE, args);
  if (line.names.length !== 1) {
    throw new UsageError(
      `one directory is needed, not ${line.names.length} names`,
    );
  }
  return {
    directory: line.names[0],
    port: line.integer("port", 0, PORT_MAX) ?? PORT_DEFAULT,
    host: line.text("host") ?? "127.0.0.1",
    depth: line.integer("depth", 1, DEPTH_MAX),
    openFiles: line.integer("open-files", 0, OPEN_FILES_MAX),
    hidden: line.flag("hidden"),
    cors: line.flag("cors"),
    grace_s: line.integer("grace", 0, GRACE_S_MAX) ?? GRACE_S_DEFAULT,
    hasLog: line.flag("log"),
  };
}

type Command = ReturnType<typeof parseCommandLine>;

/** Does something, and says in words what could not be done. */
function attempt<T>(what: string, act: () => T): T {
  try {
    return act();
  } catch (error) {
    throw new Error(`${what}: ${reasonOf(error)}`, { cause: error });
  }
}

async function serve(
  { directory, host, port, grace_s, hasLog, ...options }: Command,
): Promise<void> {
  using handler = attempt(
    `cannot serve ${directory}`,
    () => createFileHandler(directory, options),
  );
  const listening = {
    hostname: host,
    port,
    onListen({ hostname, port }: Deno.NetAddr) {
      const name = hostname.includes(":") ? `[${hostname}]` : hostname;
      print(`Serving ${directory} at http://${name}:${port}/\n`);
    },
  };
  const log = hasLog ? new Log(handler) : null;
  const server = attempt(
    `cannot listen on ${host}, port ${port}`,
    () => Deno.serve(listening, log?.handler ?? handler),
  );
  let isStopping = false;
  const stop = () => {
    if (isStopping) process.exit(0);
    isStopping = true;
    server.shutdown();
    setTimeout(() => process.exit(0), grace_s * 1000);
  };
  process.on("SIGINT", stop);
  process.on("SIGTERM", stop);
  await server.finished;
  await log?.written();
}

if (import.meta.main) {
  await runTool("range_server", (args) => serve(parseCommandLine(args)));
}
