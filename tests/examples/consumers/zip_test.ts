/**
 * zip.js on the library: the same entries as through `node:fs`.
 *
 * @module
 */
import { assertEquals, assertRejects } from "@std/assert";
import {
  BlobReader,
  type Entry,
  type Reader,
  TextWriter,
  ZipReader,
} from "@zip.js/zip.js";
import { openAsBlob } from "node:fs";
import { truncate } from "node:fs/promises";
import { AioReader } from "../../../examples/consumers/zip.ts";
import { AioError, AioFile } from "../../../mod.ts";
import {
  entryName,
  entryText,
  makeZip,
} from "../../../scripts/bench/consumers/samples.ts";
import { Directory, execute, succeeds, testWith } from "../../helpers/mod.ts";

const ENTRIES = 12;

const test = testWith(() => new Directory());

async function sample(directory: Directory): Promise<string> {
  const path = directory.at("entries.zip");
  await makeZip(path, ENTRIES);
  return path;
}

async function textOf(entry: Entry): Promise<string> {
  if (entry.directory) throw new Error(`${entry.filename} has no contents`);
  return await entry.getData(new TextWriter(), { checkSignature: true });
}

/** The names and the texts of all entries, read at the same time. */
async function contentsOf<T>(
  reader: Reader<T>,
): Promise<[name: string, text: string][]> {
  const zip = new ZipReader(reader);
  const entries = await zip.getEntries();
  const texts = await Promise.all(entries.map(textOf));
  await zip.close();
  return entries.map(({ filename }, i) => [filename, texts[i]]);
}

test("AioReader gives zip.js every entry as node:fs does", async (directory) => {
  const path = await sample(directory);
  await using file = await AioFile.open(path);
  const contents = await contentsOf(new AioReader(file));
  assertEquals(
    contents.map(([name]) => name),
    Array.from({ length: ENTRIES }, (_, index) => entryName(index)),
  );
  assertEquals(contents[7][1], entryText(7));
  const throughFs = new BlobReader(await openAsBlob(path));
  assertEquals(contents, await contentsOf(throughFs));
});

test("AioReader has zip.js find an archive behind other bytes", async (directory) => {
  const path = await sample(directory);
  const shifted = directory.file("some program that unpacks itself\n");
  await Deno.writeFile(shifted, await Deno.readFile(path), { append: true });
  await using file = await AioFile.open(shifted);
  const contents = await contentsOf(new AioReader(file));
  assertEquals(contents[3], [entryName(3), entryText(3)]);
});

test("file.writable() has zip.js write what others read", {
  ignore: !succeeds("python3", "--version"),
}, async (directory) => {
  const path = await sample(directory);
  const program = "import sys, zipfile; z = zipfile.ZipFile(sys.argv[1]); " +
    "assert z.testzip() is None; " +
    "sys.stdout.write(z.read(sys.argv[2]).decode())";
  const command = ["python3", "-c", program, path, entryName(5)];
  const { code, stdout, stderr } = await execute(command);
  assertEquals({ code, stderr }, { code: 0, stderr: "" });
  assertEquals(stdout, entryText(5));
});

test("AioReader hands the library's errors on, and leaves zip.js its own", async (directory) => {
  const path = await sample(directory);
  await truncate(path, 1_000);
  const file = await AioFile.open(path);
  await assertRejects(
    () => contentsOf(new AioReader(file)),
    Error,
    "End of central directory not found",
  );
  await file.close();
  const error = await assertRejects(
    () => contentsOf(new AioReader(file)),
    AioError,
  );
  assertEquals(error.code, "EBADF");
});
