// LaneCount: many lanes while requests wait for a device, few while they do not.

import { assert, assertEquals } from "@std/assert";
import { AioFile, allocatePinned } from "../../mod.ts";
import { deviceBytesRead } from "../../lib/engine/librt/device_reads.ts";
import { LaneCount } from "../../lib/engine/librt/lane_count.ts";
import {
  delay,
  Directory,
  hasDirectTransfers,
  isLinux,
  pattern,
  test,
} from "../helpers/mod.ts";

const BLOCK_BYTES = 4096;
/** More than it looks at before it decides. */
const ENOUGH = 1_000;
const MANY = 256;

test("LaneCount.wanted() for a device grows with the requests, to a bound", () => {
  const count = new LaneCount(true);
  let before = 0;
  for (let outstanding = 1; outstanding <= 10_000; outstanding++) {
    const lanes = count.wanted(outstanding);
    assert(lanes >= Math.max(before, 1), `fewer lanes for ${outstanding}`);
    assert(lanes <= outstanding, `lanes for nothing, for ${outstanding}`);
    before = lanes;
  }
  assert(before > 1, "one lane, however many requests");
  assertEquals(count.wanted(1_000_000), before);
});

test("LaneCount.wanted() for a device stays the same, whatever it sees", async () => {
  const count = new LaneCount(true);
  const before = count.wanted(MANY);
  await observeMany(count, 100, true, true);
  assertEquals(count.wanted(MANY), before);
});

/** Tells of one transfer again and again, for longer than it looks at. */
async function observeMany(
  count: LaneCount,
  ...transfer: Parameters<LaneCount["observe"]>
): Promise<void> {
  for (let round = 0; round < 3; round++) {
    for (let index = 0; index < ENOUGH; index++) count.observe(...transfer);
    await delay(5);
  }
}

/** Tells of transfers that the page cache served. */
function observeCached(count: LaneCount, isRead: boolean): Promise<void> {
  return observeMany(count, BLOCK_BYTES, isRead, true);
}

test("LaneCount asks for the time after many requests, however fast they are", () => {
  let asked = 0;
  const count = new LaneCount(false, () => {
    asked++;
    return 1;
  });
  for (let index = 0; index < ENOUGH; index++) {
    count.observe(BLOCK_BYTES, true, true);
  }
  assert(asked > 0, "never");
  assert(asked < ENOUGH / 10, `${asked} times for ${ENOUGH} requests`);
});

test("LaneCount.wanted() is fewer while the page cache serves", async () => {
  const device = new LaneCount(true).wanted(MANY);
  const count = new LaneCount(false);
  assert(count.wanted(MANY) < device, "as many from the beginning");
  assert(count.wanted(1) >= 1, "none");
  for (const isRead of [true, false]) {
    await observeCached(count, isRead);
    assert(count.wanted(MANY) < device, `as many for cached (${isRead})`);
  }
});

test(
  "LaneCount.wanted() is more for large reads in place, and for nothing else",
  { ignore: !isLinux },
  async () => {
    const kinds = [[true, true], [true, false], [false, true], [false, false]];
    for (const [isRead, isInPlace] of kinds) {
      const count = new LaneCount(false);
      const small = count.wanted(MANY);
      await observeMany(count, 1024 * 1024, isRead, isInPlace);
      assertEquals(count.wanted(MANY) > small, isRead && isInPlace);
    }
  },
);

const FILE_BYTES = 64 * BLOCK_BYTES;

/** Whether the system counts what is read here as read from a device. */
async function isReadFromDevice(): Promise<boolean> {
  const before = deviceBytesRead();
  if (before === null || !hasDirectTransfers()) return false;
  using directory = new Directory();
  const path = directory.file(pattern(FILE_BYTES));
  await using file = await AioFile.open(path, { direct: true });
  await file.readAt(allocatePinned(FILE_BYTES), 0);
  return deviceBytesRead()! - before >= FILE_BYTES;
}

test("LaneCount.wanted() grows when bytes come from a device, and shrinks", {
  ignore: !isLinux || !await isReadFromDevice(),
}, async () => {
  using directory = new Directory();
  const path = directory.file(pattern(FILE_BYTES));
  await using direct = await AioFile.open(path, { direct: true });
  const count = new LaneCount(false);
  await observeCached(count, true);
  const cached = count.wanted(MANY);
  const block = allocatePinned(BLOCK_BYTES);
  for (let index = 0; index < ENOUGH; index++) {
    await direct.readAt(block, index * BLOCK_BYTES % FILE_BYTES);
    count.observe(BLOCK_BYTES, true, true);
  }
  assert(count.wanted(MANY) > cached, "not more than for the page cache");
  await observeCached(count, true);
  assertEquals(count.wanted(MANY), cached);
});
