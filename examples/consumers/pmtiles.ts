/**
 * A module to take into a project: a PMTiles archive, for the package `pmtiles`.
 *
 * An archive has the tiles of a map in one file, and directories of where each lies.
 * The package keeps directories, so that most tiles take one read.
 *
 * @module
 */
import type { RangeResponse, Source } from "pmtiles";
import type { AioFile } from "../../mod.ts";

/** What `new PMTiles()` takes. The file stays open and is the caller's to close. */
export class AioSource implements Source {
  readonly #file: AioFile;
  readonly #key: string;

  /**
   * @param file The archive.
   * @param key What tells archives apart that share a cache: the path, for one.
   */
  constructor(file: AioFile, key: string) {
    this.#file = file;
    this.#key = key;
  }

  getKey(): string {
    return this.#key;
  }

  async getBytes(
    offset: number,
    length: number,
    signal?: AbortSignal,
  ): Promise<RangeResponse> {
    const options = signal && { signal };
    const { buffer } = await this.#file.read(offset, length, options);
    return { data: buffer };
  }
}
