// How glibc is tuned, which takes all of it at once.

import { assertEquals } from "@std/assert";
import { runtime } from "../../ffi/current.ts";
import type { Pointer } from "../../ffi/runtime.ts";
import { platform } from "../../lib/system/constants.ts";
import { librt } from "../../lib/system/librt.ts";
import { threads } from "../../lib/system/threads.ts";
import { aio_init, AioFile, configure } from "../../mod.ts";
import { Directory, isLinux, test } from "../helpers/mod.ts";

test("aio_init() and configure() leave what others have set", {
  engine: "librt",
  ignore: !isLinux || librt().aio_init === null,
}, async () => {
  using directory = new Directory();
  const native = librt() as { aio_init: ((tuning: Pointer) => void) | null };
  const { aio_init: original } = native;
  const layout = platform.aioinit!;
  const tunings: number[][] = [];
  native.aio_init = (tuning) => {
    const { buffer, byteOffset } = runtime.view(tuning, layout.size);
    const view = new DataView(buffer, byteOffset);
    const { aio_threads, aio_num, aio_idle_time } = layout;
    tunings.push(
      [aio_threads, aio_num, aio_idle_time].map((at) =>
        view.getInt32(at, true)
      ),
    );
  };
  try {
    aio_init({ aio_num: 9 });
    aio_init({ aio_idle_time: 5 });
    configure({ threads: 3 });
    await using _file = await AioFile.open(directory.file());
    aio_init({ aio_threads: 4 });
    assertEquals(threads(), 4);
    aio_init({ aio_threads: 1 });
    assertEquals(threads(), 4, "glibc has begun with these");
  } finally {
    native.aio_init = original;
  }
  const last = tunings.slice(-3, -1);
  assertEquals(tunings.slice(0, 2), [[20, 9, 1], [20, 9, 5]]);
  assertEquals(last, [[3, 9, 5], [4, 9, 5]]);
});
