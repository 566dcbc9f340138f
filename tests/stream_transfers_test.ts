// Pipes, sockets and terminals: transfers by calls that do not wait, in each of
// the ways in which the system can do that.

import { assert, assertEquals } from "@std/assert";
import { AioFile, metrics } from "../mod.ts";
import {
  assertAioError,
  assertBytes,
  canStrace,
  decode,
  delay,
  Directory,
  encode,
  Fifo,
  isLinux,
  isPending,
  pattern,
  report,
  turn,
} from "./helpers.ts";

const timeout = 20_000;
const canTrace = canStrace();
if (isLinux && !canTrace) {
  console.log("There is no strace to be used: tests of pipes are skipped.");
}

const WITHOUT_NOWAIT = [
  ...["strace", "-f", "--seccomp-bpf", "-qq", "-o", "/dev/null"],
  ...["-e", "trace=preadv2,pwritev2"],
  ...["-e", "inject=preadv2,pwritev2:error=EOPNOTSUPP"],
];

/** How many more descriptors are open while a read waits. */
const ways = {
  "a pipe, without waiting": { args: ["pipe"], more: 0 },
  "sockets, without waiting": { args: ["socket"], more: 0 },
  "a pipe that is opened once more": {
    args: ["pipe"],
    wrapper: WITHOUT_NOWAIT,
    more: 1,
  },
  "a FIFO that is opened once more": {
    args: ["fifo"],
    wrapper: WITHOUT_NOWAIT,
    more: 1,
  },
  "a FIFO that cannot be opened once more": {
    args: ["fifo", "none"],
    wrapper: WITHOUT_NOWAIT,
    more: 0,
  },
  "sockets, when they are ready": {
    args: ["socket"],
    wrapper: WITHOUT_NOWAIT,
    more: 0,
  },
};

for (const [what, { args, more, ...options }] of Object.entries(ways)) {
  Deno.test({
    name:
      `readAt() and writeAt() transfer in order and can be canceled: ${what}`,
    ignore: !isLinux || "wrapper" in options && !canTrace,
    timeout,
    async fn() {
      using directory = new Directory();
      Deno.chmodSync(directory.path, 0o755);
      const outcome = await report("stream_ways", {
        args: [directory.path, ...args],
        timeout_ms: timeout,
        ...options,
      });
      assertEquals(outcome, {
        "long writes in pieces keep their order": [
          true,
          [300_000, 1, 0, 200_000, 5_000],
        ],
        "reads take what is there, in the order of the calls": [
          [3, 0, 2, 1],
          true,
          ["abc", "", "de", "f"],
        ],
        "one of several reads is aborted": ["first", 1, "last", 1, "b"],
        "a write is aborted of which a part is written": [
          "ECANCELED",
          "enough",
          true,
          true,
          "next",
          4,
        ],
        "a write that has not begun is aborted": [
          "enough",
          [1_000_000, 3],
          true,
          "yes",
        ],
        "a read ends at the end of file, also one that waits": [[3, 0], 0],
        "a write fails when nobody reads, also one that waits": [
          "EPIPE",
          "EPIPE",
        ],
        "nothing is transferred by transfers without a length": [
          [0, 0],
          true,
          1,
        ],
        "what was canceled leaves no descriptor, and nothing behind": [
          more,
          1,
          "ECANCELED",
          0,
          0,
          0,
        ],
      });
    },
  });
}
