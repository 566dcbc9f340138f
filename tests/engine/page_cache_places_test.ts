// The page cache of one file system and another: they give the same bytes, whether
// these are cached or not, and none holds up the event loop. Needs root.

import { assert, assertEquals } from "@std/assert";
import { Directory, report, succeeds, test } from "../helpers/mod.ts";
import { buildFailingFs } from "../torture/failing_fs.ts";
import { mountsImages, namespace } from "../torture/namespace.ts";

const canMount = mountsImages();

/** Which answer from their page cache, and which refuse to. */
const FILE_SYSTEMS = {
  ext4: { needs: "mkfs.ext4", answers: true },
  xfs: { needs: "mkfs.xfs", answers: true },
  btrfs: { needs: "mkfs.btrfs", answers: true },
  tmpfs: { needs: "true", answers: true },
  // Newer kernels ask the file system below.
  overlay: { needs: "true", answers: null },
};

for (const [name, { needs, answers }] of Object.entries(FILE_SYSTEMS)) {
  test(`files of ${name} have the same bytes, cached and not`, {
    ignore: !canMount || !succeeds("sh", "-c", `command -v ${needs}`),
    limit_ms: 60_000,
    pageCache: true,
  }, async () => {
    using directory = new Directory();
    const { wrong, hits, misses } = await report("page_cache_places", {
      args: [directory.path, name],
      wrapper: namespace,
      pageCache: true,
      limit_ms: 60_000,
    });
    assertEquals(wrong, []);
    assert(misses > 0, "everything was cached");
    if (answers !== null) assertEquals(hits > 0, answers, `${hits} hits`);
  });
}

const program = canMount ? buildFailingFs() : null;

for (const task of ["a file of FUSE", "a disk that waits for FUSE"]) {
  test(`timers fire while a cold read waits for ${task}`, {
    ignore: program === null,
    pageCache: true,
  }, async () => {
    using directory = new Directory();
    const outcome = await report("page_cache_waiting", {
      args: [directory.path, program!, task],
      wrapper: namespace,
      pageCache: true,
    });
    assertEquals(outcome, {
      isPending: true,
      isRight: true,
      others: 16,
    });
  });
}
