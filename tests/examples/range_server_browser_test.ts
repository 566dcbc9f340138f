// The example server, as a browser meets it: an audio element that seeks, and a
// script that pages through a file, and reads what another server has.

import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { createHash } from "node:crypto";
import * as fs from "node:fs";
import { BROWSER, Browser } from "../helpers/browser.ts";
import { Directory, pattern, Program, test } from "../helpers/mod.ts";

const limit_ms = 120_000;
const DURATION_S = 300;
const SAMPLE_RATE = 44_100;
const FRAME_BYTES = 4; // 16 bits, stereo
const HEADER_BYTES = 44;
const PAGE_BYTES = 1_000_003;
const PAGES = [7, 0, 19, 3];

/** A tone of some minutes that sweeps up and down, as a WAV file. */
function wav(): Uint8Array<ArrayBuffer> {
  const frames = DURATION_S * SAMPLE_RATE;
  const samples = new Int16Array(HEADER_BYTES / 2 + frames * 2);
  let phase = 0;
  for (let frame = 0; frame < frames; frame++) {
    phase += 0.02 + 0.06 * Math.abs(frame / frames - 0.5);
    const sample = 8000 * Math.sin(phase);
    samples.fill(sample, HEADER_BYTES / 2 + frame * 2, 24 + frame * 2);
  }
  const bytes = new Uint8Array(samples.buffer);
  const dataBytes = frames * FRAME_BYTES;
  const view = new DataView(samples.buffer);
  const text = (at: number, name: string) =>
    bytes.set(new TextEncoder().encode(name), at);
  text(0, "RIFF");
  view.setUint32(4, HEADER_BYTES - 8 + dataBytes, true);
  text(8, "WAVEfmt ");
  view.setUint32(16, 16, true); // bytes of the format
  view.setUint16(20, 1, true); // PCM
  view.setUint16(22, 2, true); // channels
  view.setUint32(24, SAMPLE_RATE, true);
  view.setUint32(28, SAMPLE_RATE * FRAME_BYTES, true);
  view.setUint16(32, FRAME_BYTES, true);
  view.setUint16(34, 16, true); // bits a sample
  text(36, "data");
  view.setUint32(40, dataBytes, true);
  return bytes;
}

/** Runs in the browser, and sends what it has seen to `collector`. */
function pageScript(collector: string, others: string[]): string {
  return `
    const event = (target, name) =>
      new Promise((resolve, reject) => {
        target.addEventListener(name, resolve, { once: true });
        target.addEventListener("error", () =>
          reject(new Error(name + ": " + target.error?.message)));
      });

    async function listen() {
      const audio = document.querySelector("audio");
      audio.muted = true;
      audio.src = "tone.wav";
      await event(audio, "loadedmetadata");
      const { duration } = audio;
      audio.currentTime = duration / 2;
      await event(audio, "seeked");
      const seeked = audio.currentTime;
      await audio.play();
      while (audio.currentTime < seeked + 0.5) await event(audio, "timeupdate");
      audio.pause();
      return { duration, seeked, played: audio.currentTime };
    }

    async function page(number) {
      const start = number * ${PAGE_BYTES};
      const range = "bytes=" + start + "-" + (start + ${PAGE_BYTES} - 1);
      const response = await fetch("pages.bin", { headers: { range } });
      const body = await response.arrayBuffer();
      const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", body));
      return {
        status: response.status,
        range: response.headers.get("content-range"),
        sha256: Array.from(digest, (byte) => byte.toString(16).padStart(2, "0"))
          .join(""),
      };
    }

    // The second header is one for which a browser asks first.
    async function askOther(url) {
      const headers = { range: "bytes=0-9", "if-match": "*" };
      const response = await fetch(url + "pages.bin", { headers });
      const body = await response.arrayBuffer();
      return [response.headers.get("content-range"), body.byteLength];
    }

    async function look() {
      const pages = await Promise.all(${JSON.stringify(PAGES)}.map(page));
      const others = await Promise.all(
        ${JSON.stringify(others)}.map((url) =>
          askOther(url).catch((error) => error.name)));
      return { audio: await listen(), pages, others };
    }

    const report = await look().catch((error) => ({ error: String(error) }));
    await fetch(${JSON.stringify(collector)}, {
      method: "POST",
      mode: "no-cors",
      body: JSON.stringify(report),
    });`;
}

interface Report {
  error?: string;
  audio: { duration: number; seeked: number; played: number };
  pages: { status: number; range: string; sha256: string }[];
  /** The range and how many bytes of it came, or the name of the error. */
  others: ([string, number] | string)[];
}

function serve(directory: Directory, ...options: string[]): Program {
  return new Program("../../examples/range_server", {
    args: ["--port=0", ...options, directory.path],
    flags: ["--allow-ffi", "--allow-net", "--allow-read"],
    limit_ms,
  });
}

async function urlOf(server: Program): Promise<string> {
  return (await server.line()).match(/http:\S+/)![0];
}

test(
  "range_server.ts lets a browser seek in audio and page through a large file",
  { ignore: BROWSER === undefined, limit_ms },
  async () => {
    using directory = new Directory();
    const tone = wav();
    const pages = pattern(20 * 2 ** 20);
    fs.writeFileSync(directory.at("tone.wav"), tone);
    fs.writeFileSync(directory.at("pages.bin"), pages);

    const reported = Promise.withResolvers<Report>();
    await using collector = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen() {} },
      async (request) => {
        reported.resolve(await request.json());
        return new Response();
      },
    );
    await using open = serve(directory, "--cors");
    await using closed = serve(directory);
    const others = [await urlOf(open), await urlOf(closed)];
    fs.writeFileSync(
      directory.at("index.html"),
      `<!doctype html><link rel="icon" href="data:,"><audio></audio>
      <script type="module">
      ${pageScript(`http://127.0.0.1:${collector.addr.port}/`, others)}
      </script>`,
    );
    await using server = serve(directory, "--log");
    const url = await urlOf(server);
    let report: Report;
    {
      await using browser = new Browser(url);
      report = await Promise.race([reported.promise, browser.ended]);
    }
    Deno.kill(server.pid, "SIGTERM");
    const { code, stderr: log } = await server.end();
    assertEquals(code, 0, log);
    assertEquals(report.error, undefined, log);

    const range = `bytes 0-9/${pages.length}`;
    assertEquals(report.others, [[range, 10], "TypeError"]);
    assertAlmostEquals(report.audio.duration, DURATION_S, 0.1);
    assertAlmostEquals(report.audio.seeked, DURATION_S / 2, 0.1);
    assert(report.audio.played > report.audio.seeked);
    const starts = [...log.matchAll(
      / GET \/tone\.wav 206 \d+ [\d.]+ bytes (\d+)-\d+\/(\d+)( cut)?$/mg,
    )].map(([, start, size]) => Number(start) / Number(size));
    assert(starts.includes(0), log);
    const middle = starts.filter((start) => start > 0.4 && start <= 0.5);
    assert(middle.length > 0, `nothing was read from the middle:\n${log}`);

    assertEquals(
      report.pages,
      PAGES.map((number) => {
        const start = number * PAGE_BYTES;
        const end = start + PAGE_BYTES;
        const bytes = pages.subarray(start, end);
        return {
          status: 206,
          range: `bytes ${start}-${end - 1}/${pages.length}`,
          sha256: createHash("sha256").update(bytes).digest("hex"),
        };
      }),
    );
  },
);
