// The example server: its handler, asked directly, and the program, as a client
// meets it.

import {
  assert,
  assertEquals,
  assertMatch,
  assertNotEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { unescape } from "@std/html/entities";
import fc from "fast-check";
import { Buffer } from "node:buffer";
import * as fs from "node:fs";
import { basename } from "node:path";
import {
  createFileHandler,
  type FileHandler,
  type FileHandlerOptions,
  parseCommandLine,
  RANGES_MAX,
} from "../../examples/range_server.ts";
import { OpenFiles } from "../../examples/range_server/open_files.ts";
import { UsageError } from "../../examples/shared/command_line.ts";
import { metrics } from "../../mod.ts";
import {
  assertBytes,
  concat,
  delay,
  Directory,
  encode,
  executeForBytes,
  isLinux,
  makeFifo,
  pattern,
  Program,
  run,
  succeeds,
  test,
  until,
} from "../helpers/mod.ts";

const PROGRAM = "../../examples/range_server";
const PERMISSIONS = ["--allow-ffi", "--allow-net", "--allow-read"];
const ORIGIN = "http://server";
/** Larger than what an answer may be ahead of its client. */
const LARGE_BYTES = 16 * 2 ** 20 + 12_345;

/** A directory and its handler; nothing of it may be open once that is disposed of. */
class Site implements AsyncDisposable {
  readonly directory = new Directory();
  readonly handler: FileHandler;

  constructor(options?: FileHandlerOptions) {
    this.handler = createFileHandler(this.directory.path, options);
  }

  write(name: string, contents: string | Uint8Array): string {
    const path = this.directory.at(name);
    fs.writeFileSync(path, contents);
    return path;
  }

  ask(
    path: string,
    headers: Record<string, string> = {},
    method = "GET",
  ): Promise<Response> {
    return this.handler(new Request(ORIGIN + path, { method, headers }));
  }

  async status(path: string, headers?: Record<string, string>) {
    const response = await this.ask(path, headers);
    await response.body?.cancel();
    return response.status;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.handler[Symbol.dispose]();
      await untilNothingIsOpen(this.directory.path);
    } finally {
      this.directory[Symbol.dispose]();
    }
  }
}

/** The descriptors that a process has of what begins with a path. */
function openDescriptors(
  start: string,
  pid = Deno.pid,
): { fd: string; path: string }[] {
  return fs.readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    try {
      const path = fs.readlinkSync(`/proc/${pid}/fd/${fd}`);
      return path.startsWith(start) ? [{ fd, path }] : [];
    } catch {
      return []; // It was closed meanwhile.
    }
  });
}

/** The files in a directory that a process has open. */
function openFiles(directory: string, pid?: number): string[] {
  return openDescriptors(`${directory}/`, pid).map(({ path }) => path);
}

async function untilNothingIsOpen(directory: string, pid?: number) {
  const nothing = () => openFiles(directory, pid).length === 0;
  if (isLinux) await until(nothing, "not everything is closed");
  if (pid === undefined) await untilNothingIsInFlight();
}

function untilNothingIsInFlight(): Promise<void> {
  const nothing = () => metrics().inFlight + metrics().queued === 0;
  return until(nothing, "something is in flight");
}

interface Piece {
  start: number;
  size: number;
  bytes: Uint8Array;
}

function pieceOf(contentRange: string, bytes: Uint8Array): Piece {
  const [, start, end, size] = contentRange.match(/^bytes (\d+)-(\d+)\/(\d+)$/)!
    .map(Number);
  assertEquals(bytes.length, end - start + 1, contentRange);
  return { start, size, bytes };
}

/** Takes a partial answer apart, whether it is of one part or of several. */
async function piecesOf(response: Response, type: string): Promise<Piece[]> {
  assertEquals(response.status, 206);
  const { headers } = response;
  const body = Buffer.from(await response.arrayBuffer());
  assertEquals(Number(headers.get("content-length")), body.length);
  const contentRange = headers.get("content-range");
  const boundary = headers.get("content-type")!
    .match(/^multipart\/byteranges; boundary=(.+)$/)?.[1];
  if (boundary === undefined) {
    assertEquals(headers.get("content-type"), type);
    return [pieceOf(contentRange!, body)];
  }
  assertEquals(contentRange, null);
  const pieces: Piece[] = [];
  const delimiter = `\r\n--${boundary}`;
  let at = body.indexOf(delimiter) + delimiter.length;
  while (body.indexOf("--\r\n", at) !== at) {
    const begin = body.indexOf("\r\n\r\n", at) + 4;
    const head = body.toString("latin1", at, begin);
    const [, partType, partRange] = head.match(
      /^\r\nContent-Type: (.+)\r\nContent-Range: (.+)\r\n\r\n$/,
    )!;
    assertEquals(partType, type);
    const end = body.indexOf(delimiter, begin);
    pieces.push(pieceOf(partRange, body.subarray(begin, end)));
    at = end + delimiter.length;
  }
  assertEquals(at + 4, body.length);
  return pieces;
}

test("createFileHandler() answers with the file and what is known of it", async () => {
  await using site = new Site();
  const path = site.write("page.html", "<p>hello");
  fs.utimesSync(path, 0, new Date("2024-01-02T03:04:05.678Z"));
  const response = await site.ask("/page.html");
  assertEquals(response.status, 200);
  assertEquals(await response.text(), "<p>hello");
  const { headers } = response;
  assertMatch(headers.get("etag")!, /^"[!#-~]+"$/);
  assertEquals(headers.get("last-modified"), "Tue, 02 Jan 2024 03:04:05 GMT");
  assertEquals(headers.get("accept-ranges"), "bytes");
  assertEquals(headers.get("content-length"), "8");
  assertEquals(headers.get("content-type"), "text/html; charset=UTF-8");
  assertEquals(headers.get("x-content-type-options"), "nosniff");
  assertEquals(headers.get("cache-control"), "no-cache");
  assertEquals(headers.get("content-range"), null);
});

test("createFileHandler() knows types by the end of the name", async () => {
  await using site = new Site();
  const types = {
    "a.txt": /^text\/plain; charset=utf-8$/i,
    "a.PNG": /^image\/png$/,
    "a.wav": /^audio\//,
    "a.mp4": /^video\/mp4$/,
    "a.unheard-of": /^application\/octet-stream$/,
    "no-end": /^application\/octet-stream$/,
  };
  for (const [name, type] of Object.entries(types)) {
    site.write(name, "x");
    const response = await site.ask(`/${name}`);
    assertMatch(response.headers.get("content-type")!, type);
    await response.body?.cancel();
  }
});

for (const size of [0, 1, 2 ** 18 - 1, 2 ** 18, 2 ** 18 + 1, LARGE_BYTES]) {
  test(`createFileHandler() sends all of a file of ${size} bytes`, async () => {
    await using site = new Site();
    const bytes = pattern(size);
    site.write("file", bytes);
    const response = await site.ask("/file");
    assertEquals(response.status, 200);
    assertEquals(response.headers.get("content-length"), String(size));
    assertBytes(await response.bytes(), bytes);
  });
}

const DIGITS = "0123456789";

const RANGES: [string, string, string][] = [
  ["bytes=0-0", "bytes 0-0/10", "0"],
  ["bytes=2-5", "bytes 2-5/10", "2345"],
  ["bytes=9-9", "bytes 9-9/10", "9"],
  ["bytes=5-", "bytes 5-9/10", "56789"],
  ["bytes=0-", "bytes 0-9/10", DIGITS],
  ["bytes=-3", "bytes 7-9/10", "789"],
  ["bytes=-100", "bytes 0-9/10", DIGITS],
  ["bytes=8-100", "bytes 8-9/10", "89"],
  ["bytes=8-99999999999999999999999", "bytes 8-9/10", "89"],
  ["BYTES=1-2", "bytes 1-2/10", "12"],
  ["bytes= 1-2 , ", "bytes 1-2/10", "12"],
  ["bytes=1-2,20-30", "bytes 1-2/10", "12"],
  ["bytes=1-2,3-4", "bytes 1-4/10", "1234"],
  ["bytes=3-6,0-4", "bytes 0-6/10", "0123456"],
];
for (const [range, contentRange, text] of RANGES) {
  test(`createFileHandler() answers "Range: ${range}" with those bytes`, async () => {
    await using site = new Site();
    site.write("digits.txt", DIGITS);
    const response = await site.ask("/digits.txt", { range });
    assertEquals(response.status, 206);
    assertEquals(response.headers.get("content-range"), contentRange);
    assertEquals(response.headers.get("content-length"), String(text.length));
    assertEquals(await response.text(), text);
  });
}

for (const range of ["bytes=10-", "bytes=20-30", "bytes=-0", "bytes=10-,-0"]) {
  test(`createFileHandler() answers "Range: ${range}" of 10 bytes with 416`, async () => {
    await using site = new Site();
    site.write("digits.txt", DIGITS);
    const response = await site.ask("/digits.txt", { range });
    assertEquals(response.status, 416);
    assertEquals(response.headers.get("content-range"), "bytes */10");
    assertStringIncludes(await response.text(), "416");
  });
}

const IGNORED = ["bytes", "bytes=", "bytes=-", "bytes=a-b", "bytes=5-2"].concat(
  ["bytes=1-2-3", "bytes=1-2,x", "bytes=1.5-2", "lines=0-1", "bytes 0-1"],
  `bytes=${Array.from({ length: RANGES_MAX + 1 }, () => "0-0").join()}`,
);
for (const range of IGNORED) {
  test(`createFileHandler() ignores "Range: ${range.slice(0, 20)}"`, async () => {
    await using site = new Site();
    site.write("digits.txt", DIGITS);
    const response = await site.ask("/digits.txt", { range });
    assertEquals(response.status, 200);
    assertEquals(response.headers.get("content-range"), null);
    assertEquals(await response.text(), DIGITS);
  });
}

test("createFileHandler() has no range of an empty file but its last bytes", async () => {
  await using site = new Site();
  site.write("empty", "");
  const first = await site.ask("/empty", { range: "bytes=0-" });
  assertEquals(first.status, 416);
  assertEquals(first.headers.get("content-range"), "bytes */0");
  const last = await site.ask("/empty", { range: "bytes=-5" });
  assertEquals(last.status, 200);
  assertEquals(last.headers.get("content-length"), "0");
  assertEquals(last.body, null);
});

test("createFileHandler() sends several ranges in the order they were asked for", async () => {
  await using site = new Site();
  site.write("digits.txt", DIGITS);
  const response = await site.ask("/digits.txt", {
    range: "bytes=-2,0-1,4-5,30-",
  });
  const pieces = await piecesOf(response, "text/plain; charset=UTF-8");
  assertEquals(
    pieces.map(({ start, bytes }) => [start, new TextDecoder().decode(bytes)]),
    [[8, "89"], [0, "01"], [4, "45"]],
  );
});

test("createFileHandler() sends what ranges ask for, whatever they are", async () => {
  await using site = new Site();
  // More than a chunk of the stream.
  const size = 2 ** 18 + 4321;
  const bytes = pattern(size);
  site.write("file.bin", bytes);
  const position = fc.oneof(
    fc.nat(size + 100),
    fc.nat(20),
    fc.integer({ min: size - 20, max: size + 20 }),
  );
  const range = fc.oneof(
    fc.tuple(position, position)
      .map(([a, b]) => `${Math.min(a, b)}-${Math.max(a, b)}`),
    position.map((first) => `${first}-`),
    position.map((length) => `-${length}`),
  );
  const asked = (text: string): [number, number] => {
    const [first, last] = text.split("-");
    if (first === "") return [Math.max(size - Number(last), 0), size];
    return [Number(first), last === "" ? size : Math.min(+last + 1, size)];
  };
  const ranges = fc.array(range, { minLength: 1, maxLength: 6 });
  await fc.assert(
    fc.asyncProperty(ranges, async (ranges) => {
      const expected = new Uint8Array(size);
      for (const text of ranges) expected.fill(1, ...asked(text));
      const response = await site.ask("/file.bin", {
        range: `bytes=${ranges.join()}`,
      });
      if (!expected.includes(1)) {
        await response.body?.cancel();
        return assertEquals(response.status, 416);
      }
      const sent = new Uint8Array(size);
      const pieces = await piecesOf(response, "application/octet-stream");
      for (const { start, size: total, bytes: piece } of pieces) {
        assertEquals(total, size);
        const end = start + piece.length;
        assertBytes(piece, bytes.subarray(start, end));
        assert(!sent.subarray(start, end).includes(1), "a byte came twice");
        sent.fill(1, start, end);
      }
      assertBytes(sent, expected);
    }),
    { numRuns: 100 },
  );
});

const MODIFIED = "Tue, 02 Jan 2024 03:04:05 GMT";
const EARLIER = "Tue, 02 Jan 2024 03:04:04 GMT";
const LATER = "Tue, 02 Jan 2024 03:04:06 GMT";

/** What stands for the file's own tag in the tables below. */
const TAG = "<tag>";

/** A file that was last modified at MODIFIED. */
function dated(site: Site): Promise<Response> {
  const path = site.write("digits.txt", DIGITS);
  fs.utimesSync(path, 0, new Date("2024-01-02T03:04:05.678Z"));
  return site.ask("/digits.txt", {}, "HEAD");
}

const CONDITIONS: [Record<string, string>, number][] = [
  [{ "if-none-match": TAG }, 304],
  [{ "if-none-match": `W/${TAG}` }, 304],
  [{ "if-none-match": `"a", ${TAG}` }, 304],
  [{ "if-none-match": "*" }, 304],
  [{ "if-none-match": '"a"' }, 200],
  [{ "if-modified-since": MODIFIED }, 304],
  [{ "if-modified-since": LATER }, 304],
  [{ "if-modified-since": EARLIER }, 200],
  [{ "if-modified-since": "Tuesday, 02-Jan-24 03:04:05 GMT" }, 304],
  [{ "if-modified-since": "Tuesday, 02-Jan-24 03:04:04 GMT" }, 200],
  [{ "if-modified-since": "Tue Jan  2 03:04:05 2024" }, 304],
  [{ "if-modified-since": "Tue Jan  2 03:04:04 2024" }, 200],
  [{ "if-modified-since": "yesterday" }, 200],
  [{ "if-modified-since": "2030-01-01" }, 200],
  [{ "if-none-match": '"a"', "if-modified-since": MODIFIED }, 200],
  [{ "if-none-match": TAG, "if-modified-since": EARLIER }, 304],
  [{ "if-match": TAG }, 200],
  [{ "if-match": `"a", ${TAG}` }, 200],
  [{ "if-match": "*" }, 200],
  [{ "if-match": '"a"' }, 412],
  [{ "if-match": `W/${TAG}` }, 412],
  [{ "if-unmodified-since": MODIFIED }, 200],
  [{ "if-unmodified-since": LATER }, 200],
  [{ "if-unmodified-since": EARLIER }, 412],
  [{ "if-unmodified-since": "yesterday" }, 200],
  [{ "if-match": TAG, "if-unmodified-since": EARLIER }, 200],
  [{ "if-match": '"a"', "if-unmodified-since": LATER }, 412],
  [{ "if-match": '"a"', "if-none-match": TAG }, 412],
  [{ "if-match": TAG, "if-none-match": TAG }, 304],
  [{ "if-unmodified-since": EARLIER, "if-modified-since": MODIFIED }, 412],
  [{ "if-unmodified-since": MODIFIED, "if-modified-since": MODIFIED }, 304],
  [{ "if-none-match": TAG, range: "bytes=0-1" }, 304],
  [{ "if-none-match": TAG, range: "bytes=99-" }, 304],
  [{ "if-none-match": '"a"', range: "bytes=0-1" }, 206],
  [{ "if-match": '"a"', range: "bytes=0-1" }, 412],
  [{ "if-match": TAG, range: "bytes=0-1" }, 206],
  [{ "if-range": TAG, range: "bytes=0-1" }, 206],
  [{ "if-range": `W/${TAG}`, range: "bytes=0-1" }, 200],
  [{ "if-range": '"a"', range: "bytes=0-1" }, 200],
  [{ "if-range": '"a"', range: "bytes=99-" }, 200],
  [{ "if-range": TAG, range: "bytes=99-" }, 416],
  [{ "if-range": MODIFIED, range: "bytes=0-1" }, 206],
  [{ "if-range": EARLIER, range: "bytes=0-1" }, 200],
  [{ "if-range": LATER, range: "bytes=0-1" }, 200],
  [{ "if-range": "yesterday", range: "bytes=0-1" }, 200],
  [{ "if-range": '"a"' }, 200],
];
for (const [conditions, status] of CONDITIONS) {
  const text = Object.entries(conditions).map((pair) => pair.join(": "))
    .join(", ");
  test(`createFileHandler() answers ${text} with ${status}`, async () => {
    await using site = new Site();
    const etag = (await dated(site)).headers.get("etag")!;
    const headers = Object.fromEntries(
      Object.entries(conditions)
        .map(([name, value]) => [name, value.replace(TAG, etag)]),
    );
    const response = await site.ask("/digits.txt", headers);
    assertEquals(response.status, status);
    if (status === 304) {
      assertEquals(response.body, null);
      assertEquals(response.headers.get("etag"), etag);
      assertEquals(response.headers.get("last-modified"), MODIFIED);
      return;
    }
    const body = await response.text();
    if (status === 200) assertEquals(body, DIGITS);
    if (status === 206) assertEquals(body, "01");
  });
}

test("createFileHandler() takes no date in If-Range whose second is not over", async () => {
  await using site = new Site();
  const path = site.write("digits.txt", DIGITS);
  // A file from the future counts as modified now, whenever that is.
  fs.utimesSync(path, 0, new Date(Date.now() + 86_400_000));
  const { headers } = await site.ask("/digits.txt", {}, "HEAD");
  const modified = headers.get("last-modified")!;
  assert(Date.parse(modified) <= Date.now(), modified);
  const response = await site.ask("/digits.txt", {
    "if-range": modified,
    range: "bytes=0-1",
  });
  assertEquals(response.status, 200);
  assertEquals(await response.text(), DIGITS);
});

test("createFileHandler() ignores conditions on what is not there", async () => {
  await using site = new Site();
  for (const name of ["if-match", "if-none-match"]) {
    assertEquals(await site.status("/nothing", { [name]: "*" }), 404);
  }
});

test("createFileHandler() keeps the ETag of what is unchanged", async () => {
  await using site = new Site();
  const first = await dated(site);
  const second = await site.ask("/digits.txt", {}, "HEAD");
  assertEquals(first.headers.get("etag"), second.headers.get("etag"));
});

test("createFileHandler() has another ETag after any change", async () => {
  await using site = new Site();
  const first = (await dated(site)).headers.get("etag")!;
  const path = site.directory.at("digits.txt");
  const { ctimeMs } = fs.statSync(path);
  // The file system's clock ticks every few milliseconds.
  while (fs.statSync(path).ctimeMs === ctimeMs) {
    await delay(1);
    fs.writeFileSync(path, "9876543210");
    fs.utimesSync(path, 0, new Date("2024-01-02T03:04:05.678Z"));
  }
  const { headers } = await site.ask("/digits.txt", {}, "HEAD");
  assertEquals(headers.get("last-modified"), MODIFIED);
  assertNotEquals(headers.get("etag"), first);
  const other = site.write("other", "9876543210");
  fs.renameSync(other, path);
  const replaced = await site.ask("/digits.txt", {}, "HEAD");
  assertNotEquals(replaced.headers.get("etag"), headers.get("etag"));
});

test("createFileHandler() answers HEAD as GET, without a body and without reading", async () => {
  await using site = new Site();
  fs.mkdirSync(site.directory.at("list"));
  const etag = (await dated(site)).headers.get("etag")!;
  const cases: [string, Record<string, string>][] = [
    ["/digits.txt", {}],
    ["/digits.txt", { "if-none-match": etag }],
    ["/digits.txt", { "if-match": '"a"' }],
    ["/nothing", {}],
    ["/list", {}],
    ["/list/", {}],
  ];
  for (const [path, headers] of cases) {
    const { submitted } = metrics();
    const head = await site.ask(path, headers, "HEAD");
    assertEquals(head.body, null);
    assertEquals(metrics().submitted, submitted);
    const get = await site.ask(path, headers);
    await get.body?.cancel();
    assertEquals(head.status, get.status);
    assertEquals([...head.headers], [...get.headers]);
  }
});

test("createFileHandler() ignores Range in HEAD", async () => {
  await using site = new Site();
  site.write("digits.txt", DIGITS);
  const response = await site.ask(
    "/digits.txt",
    { range: "bytes=0-1" },
    "HEAD",
  );
  assertEquals(response.status, 200);
  assertEquals(response.headers.get("content-length"), "10");
});

test("createFileHandler() tells by OPTIONS which methods there are", async () => {
  await using site = new Site();
  const response = await site.ask("/", {}, "OPTIONS");
  assertEquals(response.status, 204);
  assertEquals(response.headers.get("allow"), "GET, HEAD, OPTIONS");
});

for (const method of ["POST", "PUT", "DELETE", "PATCH", "PROPFIND"]) {
  test(`createFileHandler() refuses ${method} with 405 and the methods there are`, async () => {
    await using site = new Site();
    const path = site.write("digits.txt", DIGITS);
    const response = await site.ask("/digits.txt", {}, method);
    assertEquals(response.status, 405);
    assertEquals(response.headers.get("allow"), "GET, HEAD, OPTIONS");
    assertStringIncludes(await response.text(), "405");
    assertEquals(fs.readFileSync(path, "utf8"), DIGITS);
  });
}

test("createFileHandler() answers a directory with its index.html", async () => {
  await using site = new Site();
  fs.mkdirSync(site.directory.at("a b"));
  site.write("a b/index.html", DIGITS);
  const response = await site.ask("/a%20b/", { range: "bytes=0-1" });
  assertEquals(response.status, 206);
  assertEquals(
    response.headers.get("content-type"),
    "text/html; charset=UTF-8",
  );
  assertEquals(await response.text(), "01");
});

test("createFileHandler() sends a directory without its slash to the one with it", async () => {
  await using site = new Site();
  fs.mkdirSync(site.directory.at("a?b"));
  fs.mkdirSync(site.directory.at("host.example"));
  const locations = {
    "/a%3Fb": "/a%3Fb/",
    "/a%3Fb?query": "/a%3Fb/?query",
    // Not //host.example/, which would be another host.
    "//host.example": "/host.example/",
  };
  for (const [path, location] of Object.entries(locations)) {
    const response = await site.ask(path);
    assertEquals(response.status, 301);
    assertEquals(response.headers.get("location"), location);
    await response.body?.cancel();
  }
});

const ODD_NAMES = [
  "plain.txt",
  "with blank",
  "100%.txt",
  "%41",
  "a?b#c&d;e",
  "javascript:alert(1)",
  "<b>bold",
  "quote\"'s",
  "back\\slash",
  "line\nbreak",
  "\u00e4\u00f6\u00fc \u6f22 \u{1f600}",
  "..two-dots",
];

test("createFileHandler() lists a directory with links that lead to its files", async () => {
  await using site = new Site({ hidden: true });
  for (const name of ODD_NAMES) site.write(name, `this is ${name}`);
  const page = await (await site.ask("/")).text();
  const links = [...page.matchAll(/<a href="([^"]*)">([^<]*)<\/a>/g)]
    .map(([, href, name]) => [unescape(href), unescape(name)]);
  assertEquals(
    links.map(([, name]) => name).sort(),
    ODD_NAMES.toSorted(),
  );
  for (const [href, name] of links) {
    const { origin, pathname, search } = new URL(href, `${ORIGIN}/`);
    assertEquals(origin, ORIGIN);
    const response = await site.ask(pathname + search);
    assertEquals(await response.text(), `this is ${name}`);
  }
});

test("createFileHandler() lists subdirectories, sizes, and the way up", async () => {
  await using site = new Site();
  fs.mkdirSync(site.directory.at("sub/deep"), { recursive: true });
  site.write("sub/file", new Uint8Array(1234));
  const response = await site.ask("/sub/");
  assertEquals(
    response.headers.get("content-type"),
    "text/html; charset=utf-8",
  );
  const page = await response.text();
  assertStringIncludes(page, "<title>Index of /sub/</title>");
  assertStringIncludes(page, '<a href="./../">../</a>');
  assertStringIncludes(page, '<a href="./deep/">deep/</a>');
  assertStringIncludes(page, "1.23 kB");
});

const NOT_THERE = [
  "/nothing",
  "/digits.txt/",
  "/digits.txt/more",
  "/.hidden",
  "/.secret/file",
  "/to-hidden",
  "/.to-digits",
  "/outside",
  "/outside-directory/file",
  "/dangling",
  "/loop",
  `/${"x".repeat(300)}`,
];
for (const path of NOT_THERE) {
  test(`createFileHandler() has nothing at ${path.slice(0, 40)}`, async () => {
    using elsewhere = new Directory();
    elsewhere.file(DIGITS);
    await using site = new Site();
    const at = (name: string) => site.directory.at(name);
    site.write("digits.txt", DIGITS);
    site.write(".hidden", DIGITS);
    fs.mkdirSync(at(".secret"));
    site.write(".secret/file", DIGITS);
    fs.symlinkSync(".secret/file", at("to-hidden"));
    fs.symlinkSync("digits.txt", at(".to-digits"));
    fs.symlinkSync(elsewhere.at("file0"), at("outside"));
    fs.symlinkSync(elsewhere.path, at("outside-directory"));
    fs.symlinkSync("nowhere", at("dangling"));
    fs.symlinkSync("loop", at("loop"));
    assertEquals(await site.status(path), 404);
    const page = await (await site.ask("/")).text();
    assertEquals(page.match(/<a /g)!.length, 1, page);
  });
}

test("createFileHandler() never leaves its directory by any spelling", async () => {
  await using site = new Site({ hidden: true });
  // A sibling whose name begins alike.
  const sibling = `${site.directory.path}-sibling`;
  fs.writeFileSync(sibling, DIGITS);
  try {
    const name = basename(sibling);
    for (
      const up of [
        "..",
        "%2e%2e",
        ".%2E",
        "..%2f",
        "%2e%2e%2f",
        "..%5c",
        "\\..",
      ]
    ) {
      for (
        const path of [`/${up}/${name}`, `/${up}${name}`, `//${up}/${name}`]
      ) {
        const status = await site.status(path);
        assert(status === 404 || status === 400, `${path}: ${status}`);
      }
    }
  } finally {
    fs.rmSync(sibling);
  }
});

for (const path of ["/%", "/%zz", "/%ff", "/a%00b", "/%00", "/sub%2ffile"]) {
  test(`createFileHandler() refuses ${path} as a bad request`, async () => {
    await using site = new Site();
    fs.mkdirSync(site.directory.at("sub"));
    site.write("sub/file", DIGITS);
    assertEquals(await site.status(path), 400);
  });
}

test("createFileHandler() serves hidden names when told to", async () => {
  await using site = new Site({ hidden: true });
  site.write(".hidden", DIGITS);
  assertEquals(await (await site.ask("/.hidden")).text(), DIGITS);
  assertStringIncludes(await (await site.ask("/")).text(), ".hidden");
});

test("createFileHandler() takes the type of a link from the link's name", async () => {
  await using site = new Site();
  site.write("version-1", DIGITS);
  fs.symlinkSync("version-1", site.directory.at("current.html"));
  const { headers } = await site.ask("/current.html", {}, "HEAD");
  assertEquals(headers.get("content-type"), "text/html; charset=UTF-8");
});

test("createFileHandler() follows links that stay in the directory", async () => {
  await using site = new Site();
  fs.mkdirSync(site.directory.at("sub"));
  site.write("sub/file", DIGITS);
  fs.symlinkSync("sub/file", site.directory.at("link"));
  fs.symlinkSync(site.directory.at("sub"), site.directory.at("absolute"));
  assertEquals(await (await site.ask("/link")).text(), DIGITS);
  assertEquals(await (await site.ask("/absolute/file")).text(), DIGITS);
});

test("createFileHandler() follows no link out of the directory", async () => {
  using elsewhere = new Directory();
  elsewhere.file(DIGITS);
  await using site = new Site({ hidden: true });
  fs.symlinkSync(elsewhere.path, site.directory.at("link"));
  fs.symlinkSync(`../${basename(elsewhere.path)}`, site.directory.at("up"));
  for (const path of ["/link", "/link/", "/link/file0", "/up/file0"]) {
    assertEquals(await site.status(path), 404);
  }
});

test("createFileHandler() serves a directory that is named by a link", async () => {
  await using site = new Site();
  fs.mkdirSync(site.directory.at("real"));
  site.write("real/file", DIGITS);
  fs.symlinkSync("real", site.directory.at("link"));
  using handler = createFileHandler(site.directory.at("link"));
  const response = await handler(new Request(`${ORIGIN}/file`));
  assertEquals(await response.text(), DIGITS);
});

test("createFileHandler() refuses pipes, and does not wait for them", async () => {
  await using site = new Site();
  makeFifo(site.directory.at("pipe"));
  assertEquals(await site.status("/pipe"), 403);
});

test("createFileHandler() refuses what the system does not let it read", {
  ignore: Deno.uid() === 0,
}, async () => {
  await using site = new Site();
  fs.chmodSync(site.write("file", DIGITS), 0);
  // One that may be entered and not listed.
  fs.mkdirSync(site.directory.at("sub"), { mode: 0o300 });
  assertEquals(await site.status("/file"), 403);
  assertEquals(await site.status("/sub/"), 403);
  fs.chmodSync(site.directory.at("sub"), 0o700);
});

test("createFileHandler() fails for what is not a directory", () => {
  using directory = new Directory();
  assertThrows(
    () => createFileHandler(directory.at("nothing")),
    Error,
    "ENOENT",
  );
  assertThrows(
    () => createFileHandler(directory.file()),
    TypeError,
    "is not a directory",
  );
  return Promise.resolve();
});

test("createFileHandler() fails the answer when the file becomes shorter", async () => {
  await using site = new Site();
  const path = site.write("file", new Uint8Array(LARGE_BYTES));
  const { body } = await site.ask("/file");
  const reader = body!.getReader();
  await reader.read();
  fs.truncateSync(path, LARGE_BYTES - 5_000_000);
  await assertRejects(
    async () => {
      while (!(await reader.read()).done);
    },
    Error,
    "became shorter",
  );
});

test("createFileHandler() sends what it promised when the file grows", async () => {
  await using site = new Site();
  const path = site.write("file", pattern(LARGE_BYTES));
  const { body } = await site.ask("/file");
  const reader = body!.getReader();
  const chunks = [(await reader.read()).value!];
  fs.appendFileSync(path, "more");
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    chunks.push(value);
  }
  assertBytes(concat(chunks), pattern(LARGE_BYTES));
});

test("createFileHandler() sends the file that was there, not the one that took its name", async () => {
  await using site = new Site();
  const path = site.write("file", pattern(LARGE_BYTES));
  const { body } = await site.ask("/file");
  fs.renameSync(site.write("other", new Uint8Array(LARGE_BYTES)), path);
  assertBytes(await new Response(body).bytes(), pattern(LARGE_BYTES));
});

test("createFileHandler() reads no further ahead than it may", async () => {
  const depth = 2;
  await using site = new Site({ depth });
  site.write("file", new Uint8Array(LARGE_BYTES));
  const { submitted } = metrics();
  const { body } = await site.ask("/file");
  const reader = body!.getReader();
  for (let chunks = 1; chunks <= 5; chunks++) {
    await reader.read();
    await untilNothingIsInFlight();
    const reads = metrics().submitted - submitted;
    assert(reads <= chunks + depth, `${reads} reads for ${chunks} chunks`);
  }
  await reader.cancel();
});

for (const range of ["bytes=0-", "bytes=0-9999999,10000001-"]) {
  test(`createFileHandler() closes the file when an answer to ${range} is given up`, async () => {
    await using site = new Site();
    site.write("file", new Uint8Array(LARGE_BYTES));
    const untouched = await site.ask("/file", { range });
    await untouched.body!.cancel();
    const begun = (await site.ask("/file", { range })).body!.getReader();
    await begun.read();
    await begun.cancel();
    const reading = (await site.ask("/file", { range })).body!.getReader();
    const read = reading.read();
    await reading.cancel();
    await read;
    // That nothing is open is what the end of every test asserts.
  });
}

test("createFileHandler() opens a file once for many answers", {
  ignore: !isLinux,
}, async () => {
  await using site = new Site();
  const path = site.write("file", DIGITS);
  const ask = async () => await (await site.ask("/file")).text();
  const answers = await Promise.all(Array.from({ length: 20 }, ask));
  const [{ fd }] = openDescriptors(path);
  answers.push(await ask());
  assertEquals(new Set(answers), new Set([DIGITS]));
  assertEquals(openDescriptors(path), [{ fd, path }]);
});

test("createFileHandler() keeps the files open that were asked for last", {
  ignore: !isLinux,
}, async () => {
  await using site = new Site({ openFiles: 2 });
  for (const name of ["a", "b", "c"]) site.write(name, name);
  const expect = async (...names: string[]) => {
    const paths = names.map((name) => site.directory.at(name));
    await until(
      () => openFiles(site.directory.path).sort().join() === paths.join(),
      () => `open are ${openFiles(site.directory.path)}, not ${paths}`,
    );
  };
  for (const name of ["a", "b", "a"]) await (await site.ask(`/${name}`)).text();
  await expect("a", "b");
  await (await site.ask("/c")).text();
  await expect("a", "c");
});

test(
  "OpenFiles closes what nobody asks for",
  { ignore: !isLinux },
  async () => {
    using directory = new Directory();
    using files = new OpenFiles(8, 20);
    const path = directory.file(DIGITS);
    (await files.open(path, path)).release();
    assertEquals(openFiles(directory.path), [path]);
    await untilNothingIsOpen(directory.path);
  },
);

test("createFileHandler() finishes the answer from a file that it no longer keeps", async () => {
  await using site = new Site({ openFiles: 1 });
  site.write("large", pattern(LARGE_BYTES));
  site.write("other", DIGITS);
  const large = await site.ask("/large");
  assertEquals(await (await site.ask("/other")).text(), DIGITS);
  assertBytes(await large.bytes(), pattern(LARGE_BYTES));
});

const CHANGES: [string, (path: string) => void][] = [
  ["is replaced", (path) => {
    fs.writeFileSync(`${path}.new`, "replaced..");
    fs.renameSync(`${path}.new`, path);
  }],
  ["is written over", (path) => fs.writeFileSync(path, "over-write")],
  ["grows", (path) => fs.appendFileSync(path, "more")],
  ["becomes shorter", (path) => fs.truncateSync(path, 3)],
  ["becomes empty", (path) => fs.truncateSync(path, 0)],
];
for (const [what, change] of CHANGES) {
  test(`createFileHandler() notices that a file that it has open ${what}`, async () => {
    await using site = new Site();
    const path = site.write("file", DIGITS);
    const before = await site.ask("/file");
    assertEquals(await before.text(), DIGITS);
    // Changes within one tick of the clock of files can only be seen in their size.
    await untilClockOfFilesTicks(site.directory);
    change(path);
    const after = await site.ask("/file");
    assertEquals(await after.text(), fs.readFileSync(path, "utf8"));
    const length = after.headers.get("content-length");
    assertEquals(length, String(fs.statSync(path).size));
    assertNotEquals(after.headers.get("etag"), before.headers.get("etag"));
  });
}

/** What was changed before it was called has another time than what is changed after. */
async function untilClockOfFilesTicks(directory: Directory): Promise<void> {
  const times = new Set<bigint>();
  while (times.size < 2) {
    const probe = directory.file("x");
    times.add(fs.statSync(probe, { bigint: true }).mtimeNs);
    await delay(1);
  }
}

test("createFileHandler() serves a file no more that is gone, or is another thing now", async () => {
  await using site = new Site();
  const path = site.write("file", DIGITS);
  assertEquals(await site.status("/file"), 200);
  fs.rmSync(path);
  assertEquals(await site.status("/file"), 404);
  await untilNothingIsOpen(site.directory.path);
  fs.mkdirSync(path);
  assertEquals(await site.status("/file"), 301);
  fs.rmdirSync(path);
  using elsewhere = new Directory();
  fs.symlinkSync(elsewhere.file("secret"), path);
  assertEquals(await site.status("/file"), 404);
  fs.rmSync(path);
  site.write("file", "again");
  assertEquals(await (await site.ask("/file")).text(), "again");
});

test("createFileHandler() lets no other origin read, unless told to", async () => {
  await using site = new Site();
  site.write("digits.txt", DIGITS);
  const names = [...(await site.ask("/digits.txt", {}, "OPTIONS")).headers]
    .concat([...(await site.ask("/digits.txt", {}, "HEAD")).headers])
    .filter(([name]) => name.startsWith("access-control-"));
  assertEquals(names, []);
});

test("createFileHandler() lets pages of other origins read with cors", async () => {
  await using site = new Site({ cors: true });
  site.write("digits.txt", DIGITS);
  for (const path of ["/digits.txt", "/nothing", "/"]) {
    const { headers } = await site.ask(path, {}, "HEAD");
    assertEquals(headers.get("access-control-allow-origin"), "*");
    const exposed = headers.get("access-control-expose-headers")!.split(", ");
    assert(exposed.includes("content-range"), `${exposed}`);
  }
  const preflight = await site.ask("/digits.txt", {
    "access-control-request-headers": "if-range",
    "access-control-request-method": "GET",
    origin: "http://other",
  }, "OPTIONS");
  assertEquals(preflight.status, 204);
  assertEquals(preflight.headers.get("access-control-allow-origin"), "*");
  assertEquals(preflight.headers.get("access-control-allow-headers"), "*");
});

/**
 * A client that reads as it likes and goes when it likes. What fetch() has asked
 * for may go on after it is aborted.
 */
class Client implements Disposable {
  private constructor(readonly connection: Deno.TcpConn) {}

  /** Resolves when the answer has begun. */
  static async ask(port: number, path: string): Promise<Client> {
    const client = new Client(await Deno.connect({ port }));
    const request = `GET ${path} HTTP/1.1\r\nHost: server\r\n\r\n`;
    await client.connection.write(encode(request));
    await client.read();
    return client;
  }

  /** Reads what there is, or `null` at the end. */
  read(): Promise<number | null> {
    return this.connection.read(new Uint8Array(2 ** 18));
  }

  /** How many bytes come until the end, or until the connection is cut. */
  async rest(): Promise<number> {
    let bytes = 0;
    for (;;) {
      const more = await this.read().catch(() => null);
      if (more === null) return bytes;
      bytes += more;
    }
  }

  [Symbol.dispose](): void {
    this.connection.close();
  }
}

/** The handler behind a real listener, in this process. */
function listen(handler: Deno.ServeHandler): Deno.HttpServer<Deno.NetAddr> {
  return Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, handler);
}

test("createFileHandler() leaves nothing in flight when clients go away", async () => {
  await using site = new Site({ openFiles: 0 });
  site.write("file", new Uint8Array(LARGE_BYTES * 4));
  await using server = listen(site.handler);
  await Promise.all(Array.from({ length: 10 }, async (_, number) => {
    using client = await Client.ask(server.addr.port, "/file");
    for (let reads = 0; reads < 5 * number; reads++) await client.read();
  }));
  await untilNothingIsOpen(site.directory.path);
  // It goes on serving.
  const part = await fetch(`http://127.0.0.1:${server.addr.port}/file`, {
    headers: { range: "bytes=0-9" },
  });
  assertEquals((await part.bytes()).length, 10);
});

test("createFileHandler() leaves nothing open when a client goes before the answer", async () => {
  await using site = new Site({ openFiles: 0 });
  site.write("file", new Uint8Array(LARGE_BYTES));
  const asked = Promise.withResolvers<void>();
  const gone = Promise.withResolvers<void>();
  const answered = Promise.withResolvers<void>();
  await using server = listen(async (request) => {
    asked.resolve();
    await gone.promise;
    const response = await site.handler(request);
    answered.resolve();
    return response;
  });
  const client = await Deno.connect({ port: server.addr.port });
  await client.write(encode("GET /file HTTP/1.1\r\nHost: server\r\n\r\n"));
  await asked.promise;
  client.close();
  gone.resolve();
  await answered.promise;
  await untilNothingIsOpen(site.directory.path);
});

/** The program, and where it serves. */
class Server implements AsyncDisposable {
  private constructor(readonly program: Program, readonly url: string) {}

  static async start(...args: string[]): Promise<Server> {
    const program = new Program(PROGRAM, {
      args: ["--port=0", ...args],
      flags: PERMISSIONS,
    });
    const line = await program.line();
    return new Server(program, line.match(/^Serving .* at (http:.*\/)$/)![1]);
  }

  get port(): number {
    return Number(new URL(this.url).port);
  }

  kill(signal: Deno.Signal): void {
    Deno.kill(this.program.pid, signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.program[Symbol.asyncDispose]();
  }
}

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  test(`range_server.ts serves until ${signal}, though a connection is open`, async () => {
    using directory = new Directory();
    fs.writeFileSync(directory.at("file"), DIGITS);
    await using server = await Server.start(directory.path);
    using _idle = await Deno.connect({ port: server.port });
    const response = await fetch(`${server.url}file`);
    assertEquals(await response.text(), DIGITS);
    server.kill(signal);
    const { code, stdout, stderr } = await server.program.end();
    assertEquals({ code, stdout, stderr }, { code: 0, stdout: "", stderr: "" });
  });
}

test("range_server.ts answers 100 range requests at a time", async () => {
  using directory = new Directory();
  const bytes = pattern(LARGE_BYTES);
  fs.writeFileSync(directory.at("file"), bytes);
  await using server = await Server.start("--open-files=0", directory.path);
  await Promise.all(Array.from({ length: 100 }, async (_, index) => {
    const start = Math.floor(index * LARGE_BYTES / 101);
    const end = Math.min(start + 300_000 + index, LARGE_BYTES);
    const response = await fetch(`${server.url}file`, {
      headers: { range: `bytes=${start}-${end - 1}` },
    });
    assertEquals(response.status, 206);
    assertBytes(await response.bytes(), bytes.subarray(start, end));
  }));
  await untilNothingIsOpen(directory.path, server.program.pid);
});

test("range_server.ts closes the files of clients that went away", async () => {
  using directory = new Directory();
  fs.writeFileSync(directory.at("file"), new Uint8Array(4 * LARGE_BYTES));
  await using server = await Server.start("--open-files=0", directory.path);
  {
    using _client = await Client.ask(server.port, "/file");
    if (isLinux) {
      assert(openFiles(directory.path, server.program.pid).length > 0);
    }
  }
  await untilNothingIsOpen(directory.path, server.program.pid);
});

test("range_server.ts finishes what it is sending when it is told to stop", async () => {
  using directory = new Directory();
  const bytes = pattern(4 * LARGE_BYTES);
  fs.writeFileSync(directory.at("file"), bytes);
  await using server = await Server.start(directory.path);
  const { body } = await fetch(`${server.url}file`);
  const reader = body!.getReader();
  const chunks = [(await reader.read()).value!];
  server.kill("SIGTERM");
  // It takes no more connections, and that tells that it got the signal.
  while (await isListening(server.port)) await delay(5);
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    chunks.push(value);
  }
  assertBytes(concat(chunks), bytes);
  assertEquals((await server.program.end()).code, 0);
});

async function isListening(port: number): Promise<boolean> {
  try {
    (await Deno.connect({ hostname: "127.0.0.1", port })).close();
    return true;
  } catch {
    return false;
  }
}

async function assertCut(grace: string, signals: number): Promise<void> {
  using directory = new Directory();
  fs.writeFileSync(directory.at("file"), new Uint8Array(4 * LARGE_BYTES));
  await using server = await Server.start(grace, directory.path);
  using client = await Client.ask(server.port, "/file");
  for (let signal = 0; signal < signals; signal++) {
    server.kill("SIGINT");
    while (await isListening(server.port)) await delay(5);
  }
  assertEquals((await server.program.end()).code, 0);
  assert(await client.rest() < 4 * LARGE_BYTES);
}

test("range_server.ts cuts what it is sending on the second signal", async () => {
  await assertCut("--grace=86400", 2);
});

test("range_server.ts cuts what it is sending when its time is over", async () => {
  await assertCut("--grace=0", 1);
});

test("range_server.ts --log prints a line for each answer", async () => {
  using directory = new Directory();
  fs.writeFileSync(directory.at("a b"), DIGITS);
  await using server = await Server.start("--log", directory.path);
  const ask = async (path: string, init?: RequestInit) =>
    await (await fetch(server.url + path, init)).bytes();
  await ask("a%20b?q", { headers: { range: "bytes=2-4" } });
  await ask("nothing%0Ahere", { method: "HEAD" });
  fs.writeFileSync(directory.at("large"), new Uint8Array(4 * LARGE_BYTES));
  (await Client.ask(server.port, "/large"))[Symbol.dispose]();
  server.kill("SIGTERM");
  const { stderr } = await server.program.end();
  const lines = stderr.trimEnd().split("\n");
  const time = String.raw`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z`;
  assertEquals(lines.length, 3, stderr);
  const ms = String.raw`\d+\.\d`;
  assertMatch(
    lines[0],
    RegExp(`^${time} 127.0.0.1 GET /a%20b\\?q 206 3 ${ms} bytes 2-4/10$`),
  );
  assertMatch(
    lines[1],
    RegExp(`^${time} 127.0.0.1 HEAD /nothing%0Ahere 404 0 ${ms} -$`),
  );
  const cut = RegExp(`^${time} 127.0.0.1 GET /large 200 (\\d+) ${ms} - cut$`);
  assertMatch(lines[2], cut);
  const sent = Number(cut.exec(lines[2])![1]);
  assert(sent > 0 && sent < 4 * LARGE_BYTES, lines[2]);
});

const hasCurl = succeeds("curl", "--version");
if (!hasCurl) console.log("There is no curl here: its tests are skipped.");

async function curl(...args: string[]): Promise<Uint8Array<ArrayBuffer>> {
  const { code, stdout, stderr } = await executeForBytes(
    ["curl", "--silent", "--show-error", "--noproxy", "*", ...args],
  );
  assertEquals(code, 0, stderr);
  return stdout;
}

test(
  "range_server.ts lets curl resume a download",
  { ignore: !hasCurl },
  async () => {
    using directory = new Directory();
    const bytes = pattern(LARGE_BYTES);
    fs.writeFileSync(directory.at("file"), bytes);
    using target = new Directory();
    fs.writeFileSync(target.at("file"), bytes.subarray(0, 5_000_001));
    await using server = await Server.start(directory.path);
    await curl("-C", "-", "-o", target.at("file"), `${server.url}file`);
    assertBytes(fs.readFileSync(target.at("file")), bytes);
  },
);

test(
  "range_server.ts gives curl several ranges",
  { ignore: !hasCurl },
  async () => {
    using directory = new Directory();
    fs.writeFileSync(directory.at("digits.txt"), DIGITS);
    await using server = await Server.start(directory.path);
    const output = await curl("-i", "-r", "0-1,-2", `${server.url}digits.txt`);
    const [head] = new TextDecoder().decode(output).split("\r\n\r\n", 1);
    const [status, ...lines] = head.split("\r\n");
    assertMatch(status, /^HTTP\/1.1 206 /);
    const headers = new Headers(
      lines.map((line) => line.split(": ", 2) as [string, string]),
    );
    const body = output.subarray(head.length + 4);
    const response = new Response(body, { status: 206, headers });
    const pieces = await piecesOf(response, "text/plain; charset=UTF-8");
    assertEquals(pieces.map(({ start }) => start), [0, 8]);
  },
);

test("range_server.ts gives curl nothing outside of its directory", {
  ignore: !hasCurl,
}, async () => {
  using directory = new Directory();
  await using server = await Server.start("--hidden", directory.path);
  for (
    const path of ["../etc/passwd", "%2e%2e/etc/passwd", "..%2f/etc/passwd"]
      .map((path) => `../../../../${path}`)
  ) {
    const status = await curl(
      "--path-as-is",
      "-o",
      "/dev/null",
      "-w",
      "%{http_code}",
      server.url + path,
    );
    assertMatch(new TextDecoder().decode(status), /^40[04]$/);
  }
});

const MISUSES: [string, string[], string][] = [
  ["two directories", ["a", "b"], "one directory is needed, not 2 names"],
  ["an unknown option", ["--fast", "a"], "Unknown option '--fast'"],
  [
    "a port that is none",
    ["--port=x", "a"],
    '--port must be 0 to 65535, not "x"',
  ],
  ["a port beyond all", ["--port=65536", "a"], "--port must be 0 to 65535"],
  ["a depth of 0", ["--depth=0", "a"], '--depth must be 1 to 64, not "0"'],
];
for (const [what, args, message] of MISUSES) {
  test(`parseCommandLine() of range_server.ts refuses ${what}`, () => {
    assertThrows(() => parseCommandLine(args), UsageError, message);
  });
}

test("range_server.ts refuses no directory and exits with 2", async () => {
  const { code, stdout, stderr } = await run(PROGRAM, { flags: PERMISSIONS });
  assertEquals({ code, stdout }, { code: 2, stdout: "" });
  assertMatch(stderr, /^range_server: .* \(--help tells the usage\)\n$/);
  assertStringIncludes(stderr, "one directory is needed, not 0 names");
});

test("range_server.ts exits with 1 when it cannot serve", async () => {
  using directory = new Directory();
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = taken.addr;
  const [noNet, noRead] = ["--allow-net", "--allow-read"]
    .map((missing) => PERMISSIONS.filter((flag) => flag !== missing));
  const cases: [string[], string, string[]?][] = [
    [[directory.at("nothing")], "nothing: No such file or directory\n"],
    [[directory.file()], "is not a directory"],
    [[`--port=${port}`, directory.path], `cannot listen on 127.0.0.1, port`],
    [["--host=256.0.0.1", directory.path], "cannot listen on 256.0.0.1"],
    [["--port=0", directory.path], "--allow-net", noNet],
    [["--port=0", directory.path], "--allow-read", noRead],
  ];
  for (const [args, message, flags = PERMISSIONS] of cases) {
    const options = { args, flags };
    const { code, stdout, stderr } = await run(PROGRAM, options);
    assertEquals({ code, stdout }, { code: 1, stdout: "" }, stderr);
    assertMatch(stderr, /^range_server: .*\n$/);
    assertStringIncludes(stderr, message);
  }
});

test("range_server.ts --help names every option", async () => {
  const { code, stdout } = await run(PROGRAM, {
    args: ["--help"],
    flags: PERMISSIONS,
  });
  assertEquals(code, 0);
  for (
    const option of [
      "port",
      "host",
      "depth",
      "open-files",
      "hidden",
      "cors",
      "grace",
      "log",
    ]
      .concat("help")
  ) {
    assertStringIncludes(stdout, `--${option} `);
  }
});
