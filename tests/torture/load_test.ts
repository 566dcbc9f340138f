// Load: many files, several workers, and an event loop that has other work.

import { assert, assertEquals } from "@std/assert";
import {
  Directory,
  enginesBesideWorkers,
  isEmulated,
  report,
  test,
} from "../helpers/mod.ts";
import { limit_ms, scaled, tell } from "./scale.ts";

const SECONDS = scaled(isEmulated ? 20 : 3, 60);
/** The longest that a request should wait; measured and told, not asserted. */
const WAIT_MS_MAX = 1_000;

for (const pageCache of [true, false]) {
  test(
    `64 files, 4 workers and a server all go on under load, page cache ` +
      (pageCache ? "on" : "off"),
    { limit_ms },
    async () => {
      using directory = new Directory();
      const figures = await report("../torture/programs/load", {
        args: [directory.path, String(SECONDS)],
        pageCache,
        engine: enginesBesideWorkers(),
        limit_ms,
      });
      const { idle, loaded, requests, p99_ms, max_ms, commit_max_ms } = figures;
      const inMs = (value: number) => `${value.toFixed(1)} ms`;
      tell(
        `${requests} requests waited ${inMs(p99_ms)} (99 %), at most ` +
          `${inMs(max_ms)} of ${WAIT_MS_MAX}, and for the disk ` +
          `${inMs(commit_max_ms)}; the server answered in ` +
          `${inMs(loaded.p99_ms)} (99 %), and ${
            inMs(idle.p99_ms)
          } without load`,
      );
      assertEquals([figures.wrong, idle.wrong, loaded.wrong], [0, 0, 0]);
      assertEquals(figures.inFlight, 0);
      assert(idle.answers > 0 && loaded.answers > 0, "nobody was answered");
    },
  );
}
