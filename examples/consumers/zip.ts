/**
 * A module to take into a project: a ZIP file for zip.js.
 *
 * zip.js reads the directory at the end of the file, then each entry where it lies.
 * Several entries can be read at the same time. To write a ZIP file, give zip.js
 * `file.writable()`: for that there is nothing to adapt.
 *
 * @module
 */
import { Reader } from "@zip.js/zip.js";
import type { AioFile } from "../../mod.ts";

/** What `new ZipReader()` takes. The file stays open and is the caller's to close. */
export class AioReader extends Reader<AioFile> {
  readonly #file: AioFile;

  /** Nothing is read before zip.js asks for it. */
  constructor(file: AioFile) {
    super(file);
    this.#file = file;
  }

  override async init(): Promise<void> {
    this.size = await this.#file.size();
    await super.init?.();
  }

  override readUint8Array(offset: number, length: number): Promise<Uint8Array> {
    return this.#file.read(offset, length);
  }
}
