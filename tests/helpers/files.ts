/**
 * Files and directories, in places that clean up after themselves.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { closeSync, constants, openSync } from "node:fs";

export { closeSync, constants, openSync };

/** A directory that is removed at the end. */
export class Directory implements Disposable {
  readonly path: string;
  #files = 0;

  /** @param parent Where to make it, unless where temporary files belong. */
  constructor(parent?: string) {
    this.path = Deno.makeTempDirSync({ dir: parent, prefix: "posix_aio_" });
  }

  /** The path of a name in it. */
  at(name: string): string {
    return `${this.path}/${name}`;
  }

  /** Makes a file. Returns its path. */
  file(contents: string | Uint8Array = ""): string {
    const path = this.at(`file${this.#files++}`);
    if (typeof contents === "string") Deno.writeTextFileSync(path, contents);
    else Deno.writeFileSync(path, contents);
    return path;
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.path, { recursive: true });
  }
}

/** Whether the file system of temporary files has direct transfers. */
export function hasDirectTransfers(): boolean {
  using directory = new Directory();
  try {
    const flags = constants.O_RDONLY | constants.O_DIRECT;
    closeSync(openSync(directory.file(), flags));
    return true;
  } catch (error) {
    assertEquals((error as { code?: string }).code, "EINVAL");
    return false;
  }
}
