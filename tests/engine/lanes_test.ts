// Lanes: a file has several descriptors when that is of use, never more than the
// process can spare, and gives them back.

import { assert, assertEquals } from "@std/assert";
import {
  Directory,
  hasDirectTransfers,
  isLinux,
  report,
  test,
} from "../helpers/mod.ts";

/** Runs the program with a limit of descriptors. */
async function lanes(task: string, descriptorsMax: number, count = 0) {
  using directory = new Directory();
  const path = directory.file();
  return await report("engine_lanes", {
    args: [task, path, String(count)],
    pageCache: false,
    wrapper: ["bash", "-c", `ulimit -n ${descriptorsMax}; exec "$@"`, "bash"],
  });
}

for (const [count, descriptorsMax] of [[300, 512], [2_000, 4_096]]) {
  test(
    `${count} files share lanes that fit into ${descriptorsMax} ` +
      "descriptors, and give them back",
    { ignore: !isLinux },
    async () => {
      const {
        opened,
        during,
        duringLanes,
        wrong,
        wrongAgain,
        ...left
      } = await lanes("manyFiles", descriptorsMax, count);
      assertEquals({ opened, wrong, wrongAgain }, {
        opened: count,
        wrong: 0,
        wrongAgain: 0,
      });
      assert(duringLanes > count, "no file had a second lane");
      assertEquals(during, duringLanes);
      assert(
        during < descriptorsMax,
        `${during} of ${descriptorsMax} descriptors`,
      );
      assertEquals(left, {
        idle: count,
        idleLanes: count,
        closed: 0,
        closedLanes: 0,
      });
    },
  );
}

test("synchronous files share the descriptors that they synchronize by", {
  ignore: !isLinux,
}, async () => {
  const { used, closed } = await lanes("synchronous", 1_024, 400);
  assert(used > 400 && used <= 400 + 1_024 / 4, `${used} descriptors`);
  assertEquals(closed, 0);
});

test("lanes that cannot be opened with EMFILE are no error for requests", {
  ignore: !isLinux,
}, async () => {
  const { wrong, lanes: without, wrongAgain, lanesAgain } = await lanes(
    "noDescriptors",
    100,
  );
  assertEquals({ wrong, without, wrongAgain }, {
    wrong: 0,
    without: 2,
    wrongAgain: 0,
  });
  assert(lanesAgain > 2, "they were not opened later");
});

test(
  "lanes are not inherited by other processes",
  { ignore: !isLinux },
  async () => {
    const { wrong, own, inheritable, inherited } = await lanes(
      "otherProcess",
      1_000,
    );
    assert(own > 3, "no file had a second lane");
    assertEquals({ wrong, inheritable, inherited }, {
      wrong: 0,
      inheritable: [],
      inherited: [],
    });
  },
);

test("lanes are several for direct transfers", {
  ignore: !isLinux || !hasDirectTransfers(),
}, async () => {
  const { lanes: several } = await lanes("direct", 1_000);
  assert(several > 1, "direct transfers had one lane");
});

test("lanes are as many as were asked for, and one for appends and pipes", {
  ignore: !isLinux,
}, async () => {
  assertEquals(await lanes("kinds", 1_000), {
    three: 3,
    one: 1,
    appending: 1,
    fifo: 1,
  });
});
