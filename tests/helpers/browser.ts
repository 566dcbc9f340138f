/**
 * A browser, for the tests of what is made for one.
 *
 * @module
 */
import { succeeds } from "./system.ts";
import { Directory } from "./files.ts";
import { delay } from "./waiting.ts";

/** For the removal of what the browser leaves. */
const TRIES_MAX = 100;
const TRY_AGAIN_MS = 100;
/** The command, if there is one here. */
export const BROWSER = ["chromium", "chromium-browser", "google-chrome"]
  .find((name) => succeeds(name, "--version"));
if (BROWSER === undefined) {
  console.log(
    "There is no Chromium here: the tests with a browser are skipped.",
  );
}

/** Opens a page in a browser of its own; that is closed at the end. */
export class Browser implements AsyncDisposable {
  readonly #profile = new Directory();
  readonly #process: Deno.ChildProcess;
  /** Rejects if the browser ends by itself. */
  readonly ended: Promise<never>;

  constructor(url: string, ...flags: string[]) {
    const home = this.#profile.path;
    this.#process = new Deno.Command(BROWSER!, {
      args: [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--disable-dev-shm-usage",
        "--no-proxy-server",
        "--autoplay-policy=no-user-gesture-required",
        `--user-data-dir=${home}/profile`,
        ...flags,
        url,
      ],
      env: { HOME: home, XDG_CONFIG_HOME: home, XDG_CACHE_HOME: home },
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    this.ended = this.#process.status.then(({ code }) => {
      throw new Error(`The browser ended with ${code}`);
    });
    this.ended.catch(() => {});
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#process.kill("SIGKILL");
    } catch {
      // It has ended.
    }
    await this.#process.status;
    // Its children notice a little later, and may write until then.
    for (let tries = 0;; tries++) {
      try {
        return this.#profile[Symbol.dispose]();
      } catch (error) {
        if (tries === TRIES_MAX) throw error;
        await delay(TRY_AGAIN_MS);
      }
    }
  }
}
