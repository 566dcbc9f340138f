// lanesFor(): how many lanes there are while requests wait for a device.

import { assert, assertEquals } from "@std/assert";
import { lanesFor } from "../../lib/engine/librt/lane_count.ts";
import { threads } from "../../lib/system/threads.ts";
import { test } from "../helpers/mod.ts";

test("lanesFor() grows with the requests, to a bound", () => {
  let before = 0;
  for (let requests = 1; requests <= 10_000; requests++) {
    const lanes = lanesFor(requests);
    assert(lanes >= Math.max(before, 1), `fewer lanes for ${requests}`);
    assert(lanes <= requests, `lanes for nothing, for ${requests}`);
    before = lanes;
  }
  assertEquals(lanesFor(1_000_000), before);
});

test("lanesFor() has a lane for each of a few requests", () => {
  assertEquals([1, 2, 3, 4].map(lanesFor), [1, 2, 3, 4]);
});

test("lanesFor() has no more lanes than threads", () => {
  assertEquals(lanesFor(10_000), threads());
});

test("lanesFor() has two requests a lane, and four where lanes are many", () => {
  assertEquals([8, 16, 24, 32].map(lanesFor), [4, 8, 12, 16]);
  assertEquals([33, 64, 66].map(lanesFor), [16, 16, 17]);
});
