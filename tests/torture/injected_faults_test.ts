// System calls that fail, under a real run of the library: nothing hangs, nobody
// is told of a byte that is not there, and every error is the one that happened.
//
// The system calls are held back by seccomp(2), see faults.c.

import { assert } from "@std/assert";
import { Directory, report } from "../helpers.ts";
import { preload } from "./native.ts";
import { scaled, timeout } from "./scale.ts";

const faults = preload("faults");
const ignore = faults === null;
if (ignore) {
  console.log("injected faults are skipped: they need cc, seccomp and glibc");
}

const REQUESTS = [
  "readAt()",
  "writeAt()",
  "batch()",
  "append()",
  "append() to a file without O_APPEND",
  "append() and writeAt() to a pipe",
  "readAt() of a pipe",
  "readable()",
  "writable()",
  "CompletionQueue",
  "CompletionQueue that suspends",
  "CompletionQueue with threads",
  "CompletionQueue that polls",
  "sync()",
  "syncData()",
  "aio_read(), aio_write() and aio_fsync()",
  "lio_listio(LIO_WAIT)",
  "lio_listio(LIO_NOWAIT)",
];

for (const requests of REQUESTS) {
  Deno.test({
    name: `${requests}: every fault of a system call comes out as what it is`,
    ignore,
    timeout,
    async fn() {
      using directory = new Directory();
      const cases: Record<string, [number, number, number]> = await report(
        "../torture/programs/injected_faults",
        {
          args: [
            directory.path,
            requests,
            scaled("three positions", "every position"),
          ],
          env: { LD_PRELOAD: faults! },
          timeout_ms: timeout,
        },
      );
      const sum = (at: number) =>
        Object.values(cases).reduce((total, counts) => total + counts[at], 0);
      const failed = sum(2);
      console.log(
        `${Object.keys(cases).length} cases: ${sum(1)} faults in ${sum(0)} ` +
          `system calls, ${failed} requests failed`,
      );
      assert(failed > 0, "no fault had any consequence");
    },
  });
}
