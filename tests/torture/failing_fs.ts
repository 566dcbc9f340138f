/**
 * The file system of `failing_fs.c`, for programs in a namespace of their own, see
 * `namespace.ts`.
 *
 * @module
 */
import { assert } from "@std/assert";
import { existsSync } from "node:fs";
import { delay, Directory, succeeds } from "../helpers/mod.ts";
import { succeedsInNamespace } from "./namespace.ts";

/** It is mounted within this time. */
const PATIENCE_MS = 5_000;
/** Who waits for it for ever cannot be killed. */
const PAUSE_S_MAX = 15;

/**
 * Builds the file system.
 *
 * @returns The path of the program that serves it; `null` where it cannot be built
 * or mounted.
 */
export function buildFailingFs(): string | null {
  if (!existsSync("/dev/fuse")) return null;
  const source = new URL("./failing_fs.c", import.meta.url).pathname;
  const directory = new Directory();
  addEventListener("unload", () => directory[Symbol.dispose]());
  const path = directory.at("failing_fs");
  const build = 'cc -O2 -Wall -o "$0" "$1" $(pkg-config --cflags --libs fuse3)';
  return succeedsInNamespace(build, path, source) ? path : null;
}

/** See the module's documentation. */
export class FailingFs implements AsyncDisposable {
  readonly #mountPoint: string;
  readonly #server: Deno.ChildProcess;

  private constructor(server: Deno.ChildProcess, mountPoint: string) {
    this.#server = server;
    this.#mountPoint = mountPoint;
  }

  /**
   * Mounts it.
   *
   * @param program From {@linkcode buildFailingFs}.
   * @param mountPoint An empty directory.
   * @param isWriteback Whether the page cache keeps what is written for a while.
   */
  static async mount(
    program: string,
    mountPoint: string,
    isWriteback = false,
  ): Promise<FailingFs> {
    const server = new Deno.Command(program, {
      args: isWriteback ? [mountPoint, "writeback"] : [mountPoint],
      stdin: "piped", // It ends when that does.
      stderr: "null", // libfuse warns of its own defaults.
    }).spawn();
    const fs = new FailingFs(server, mountPoint);
    const deadline = performance.now() + PATIENCE_MS;
    while (!existsSync(fs.at("control"))) {
      assert(performance.now() < deadline, "it is not mounted");
      await delay(5);
    }
    return fs;
  }

  /** The path of a name in it. */
  at(name: string): string {
    return `${this.#mountPoint}/${name}`;
  }

  /** Gives it commands, see `failing_fs.c`. */
  control(...commands: string[]): void {
    Deno.writeTextFileSync(this.at("control"), commands.join("\n"), {
      create: false,
    });
  }

  /** Makes an empty file. Returns its path. */
  file(name: string): string {
    this.control("reset");
    Deno.writeFileSync(this.at(name), new Uint8Array(0));
    return this.at(name);
  }

  /** What would be left of a file after a loss of power. */
  durable(name: string): Uint8Array {
    return Deno.readFileSync(this.at(`${name}.durable`));
  }

  /**
   * Has whatever it is asked for wait.
   *
   * @returns What has it go on; it does by itself if nobody calls that.
   */
  pause(): () => void {
    const { pid } = this.#server;
    const wake = `sleep ${PAUSE_S_MAX}; kill -CONT ${pid}`;
    const waker = new Deno.Command("sh", {
      args: ["-c", wake],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    waker.unref();
    Deno.kill(pid, "SIGSTOP");
    // A thread that runs answers until it notices.
    const deadline = performance.now() + PATIENCE_MS;
    while (!isStopped(pid)) {
      assert(performance.now() < deadline, "it goes on");
    }
    return () => {
      Deno.kill(pid, "SIGCONT");
      try {
        waker.kill();
      } catch {
        // It has woken it.
      }
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    succeeds("umount", "--lazy", this.#mountPoint);
    this.#server.stdin.close();
    await this.#server.status;
  }
}

/** Whether no thread of a process runs. */
function isStopped(pid: number): boolean {
  const threads = `/proc/${pid}/task`;
  return [...Deno.readDirSync(threads)].every(({ name }) => {
    const stat = Deno.readTextFileSync(`${threads}/${name}/stat`);
    // Behind the name, which may have anything in it.
    return stat.slice(stat.lastIndexOf(")")).startsWith(") T");
  });
}
