// For how long it pays to poll: as long as nothing was found for less than the time
// there is for it, and completions are expected to come about then.

import { assert, assertEquals } from "@std/assert";
import { Polling } from "../../lib/engine/polling.ts";
import { delay, test } from "../helpers/mod.ts";

const WAIT_MS = 5;
const SHORT_US = 100;
/** A time that no test takes. */
const LONG_US = 1e9;

test("Polling pays at first, if there is time for it", () => {
  const polling = new Polling();
  polling.begin();
  assert(polling.pays(LONG_US));
  assert(!polling.pays(0));
});

test("Polling does not pay once nothing was found for its time", async () => {
  const polling = new Polling();
  polling.begin();
  await delay(WAIT_MS);
  polling.looked(false);
  assert(polling.waited_ms * 1000 > SHORT_US);
  assert(!polling.pays(SHORT_US));
  assert(polling.pays(LONG_US));
});

test("Polling does not pay where completions take longer, from the start", async () => {
  const polling = new Polling();
  polling.begin();
  await delay(WAIT_MS);
  polling.looked(true);
  assertEquals(polling.waited_ms, 0);
  assert(!polling.pays(SHORT_US));
  assert(polling.pays(LONG_US));
});

test("Polling pays again when completions come sooner", async () => {
  const polling = new Polling();
  polling.begin();
  await delay(WAIT_MS);
  polling.looked(true);
  const LOOKS = 1000;
  for (let look = 0; look < LOOKS; look++) polling.looked(true);
  assert(polling.pays(SHORT_US));
});
