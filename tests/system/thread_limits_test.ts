// Limits on the number of threads: what they leave is shared out, so that the
// runtime can still make its own.

import { assert, assertEquals } from "@std/assert";
import { systemFiles } from "../../ffi/system_files.ts";
import {
  servingThreads,
  slowThreads,
  threadsLeft,
  waitingThreads,
} from "../../lib/system/thread_limits.ts";
import { Directory, isLinux, pattern, report, test } from "../helpers/mod.ts";

test("servingThreads() and waitingThreads() share out what there is to spare", () => {
  const table: [spare: number, serving: number, waiting: number][] = [
    [Infinity, 32, 4],
    [1000, 32, 4],
    [36, 32, 4],
    [35, 31, 4],
    [20, 16, 4],
    [6, 2, 4],
    [5, 1, 4],
    [4, 1, 3],
    [2, 1, 1],
    [1, 1, 1],
    [0, 1, 1],
    [-12, 1, 1],
  ];
  assertEquals(
    table.map(([spare]) => {
      const serving = servingThreads(spare, 32);
      return [spare, serving, waitingThreads(spare, serving)];
    }),
    table,
  );
  // The program has decided how many serve.
  assertEquals(waitingThreads(35, 32), 3);
  assertEquals(waitingThreads(20, 32), 1);
});

test("slowThreads() takes what neither serves nor waits, two if there are", () => {
  const table: [spare: number, serving: number, slow: number][] = [
    [Infinity, 32, 16],
    [52, 32, 16],
    [40, 32, 4],
    [36, 32, 2],
    [34, 32, 2],
    [33, 32, 1],
    [0, 1, 1],
  ];
  assertEquals(
    table.map(([spare, serving]) => [
      spare,
      serving,
      slowThreads(spare, serving, 16),
    ]),
    table,
  );
});

/** Files of a system that a test makes up. */
function systemOf(files: Record<string, string>) {
  const inProc = Object.keys(files).filter((path) => path.startsWith("/proc/"));
  return {
    read: (path: string) => files[path] ?? null,
    list: (path: string) =>
      path === "/proc" ? inProc.map((path) => path.split("/")[2]) : [],
  };
}

const V1 =
  "36 25 0:31 / /sys/fs/cgroup/pids rw shared:7 - cgroup cgroup rw,pids";
const V2 = "30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw";
const OTHERS = "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n" +
  "33 25 0:29 / /sys/fs/cgroup/cpu rw shared:4 - cgroup cgroup rw,cpu";

const cgroups: Record<string, [Record<string, string>, number]> = {
  "of version 1, by the least of all its parents": [{
    "/proc/self/cgroup": "9:cpu:/x\n8:pids:/a/b\n0::/a",
    "/proc/self/mountinfo": `${OTHERS}\n${V1}`,
    "/sys/fs/cgroup/pids/a/b/pids.max": "100\n",
    "/sys/fs/cgroup/pids/a/b/pids.current": "20\n",
    "/sys/fs/cgroup/pids/a/pids.max": "60\n",
    "/sys/fs/cgroup/pids/a/pids.current": "25\n",
    "/sys/fs/cgroup/cpu/x/pids.max": "1\n",
    "/sys/fs/cgroup/cpu/x/pids.current": "1\n",
  }, 35],
  "of version 2": [{
    "/proc/self/cgroup": "0::/user.slice/one.scope\n",
    "/proc/self/mountinfo": `${OTHERS}\n${V2}\n`,
    "/sys/fs/cgroup/user.slice/pids.max": "max\n",
    "/sys/fs/cgroup/user.slice/pids.current": "300\n",
    "/sys/fs/cgroup/user.slice/one.scope/pids.max": "40\n",
    "/sys/fs/cgroup/user.slice/one.scope/pids.current": "13\n",
  }, 27],
  "that is the top of what is mounted, as in a container": [{
    "/proc/self/cgroup": "0::/\n",
    "/proc/self/mountinfo": V2,
    "/sys/fs/cgroup/pids.max": "10\n",
    "/sys/fs/cgroup/pids.current": "4\n",
  }, 6],
  "below the one that is mounted, at a path with a blank": [{
    "/proc/self/cgroup": "5:pids:/docker/abc/inner",
    "/proc/self/mountinfo":
      "36 25 0:31 /docker/abc /my\\040pids rw - cgroup cgroup rw,pids",
    "/my pids/inner/pids.max": "9\n",
    "/my pids/inner/pids.current": "1\n",
  }, 8],
  "outside of what is mounted": [{
    "/proc/self/cgroup": "0::/../../elsewhere\n",
    "/proc/self/mountinfo": V2,
    "/sys/fs/cgroup/pids.max": "10\n",
    "/sys/fs/cgroup/pids.current": "4\n",
  }, 6],
  "that has more than it may": [{
    "/proc/self/cgroup": "0::/\n",
    "/proc/self/mountinfo": V2,
    "/sys/fs/cgroup/pids.max": "10\n",
    "/sys/fs/cgroup/pids.current": "14\n",
  }, 0],
  "that says nothing": [{
    "/proc/self/cgroup": "0::/x\n7:pids:/x\n",
    "/proc/self/mountinfo": V2,
  }, Infinity],
  "of a system without /proc": [{}, Infinity],
};

for (const [which, [files, left]] of Object.entries(cgroups)) {
  test(`threadsLeft() is what is left to a cgroup ${which}`, {
    ignore: !isLinux,
  }, () => {
    assertEquals(threadsLeft(systemOf(files)), left);
  });
}

const INITIAL = "         0          0 4294967295\n";
const limitsOf = (max: string) =>
  `Limit            Soft Limit   Hard Limit   Units\n` +
  `Max processes    ${max}          ${max}        processes\n`;
const statusOf = (uid: number, count: number, capabilities = "0") =>
  `Name:\tx\nUid:\t${uid}\t0\t0\t0\nThreads:\t${count}\nCapEff:\t${capabilities}\n`;

/** Of user 7, who has 30 threads. */
const user = {
  "/proc/self/limits": limitsOf("100"),
  "/proc/self/status": statusOf(7, 10),
  "/proc/self/uid_map": INITIAL,
  "/proc/loadavg": "0.50 0.40 0.30 2/250 4711\n",
  "/proc/3/status": statusOf(7, 10),
  "/proc/4/status": statusOf(7, 20),
  "/proc/5/status": statusOf(8, 40),
  "/proc/sys/status": statusOf(7, 50),
};

const users: Record<string, [Record<string, string>, number]> = {
  "by all threads of the same user": [user, 70],
  "without counting them where there is plenty": [{
    ...user,
    "/proc/self/limits": limitsOf("1000"),
  }, 750],
  "without a limit": [{
    ...user,
    "/proc/self/limits": limitsOf("unlimited"),
  }, Infinity],
  "who is root": [{
    ...user,
    "/proc/self/status": statusOf(0, 10),
  }, Infinity],
  "who is root of a container only": [{
    ...user,
    "/proc/self/status": statusOf(0, 10, "000001ffffffffff"),
    "/proc/self/uid_map": "         0     100000      65536\n",
    "/proc/6/status": statusOf(0, 60),
  }, 40],
  "who may as root may (CAP_SYS_RESOURCE)": [{
    ...user,
    "/proc/self/status": statusOf(7, 10, "0000000001000000"),
  }, Infinity],
  "who may as root may (CAP_SYS_ADMIN)": [{
    ...user,
    "/proc/self/status": statusOf(7, 10, "0000000000200000"),
  }, Infinity],
  "who may do something else": [{
    ...user,
    "/proc/self/status": statusOf(7, 10, "0000000000000400"),
  }, 70],
};

for (const [who, [files, left]] of Object.entries(users)) {
  test(
    `threadsLeft() is what is left to a user ${who}`,
    { ignore: !isLinux },
    () => {
      assertEquals(threadsLeft(systemOf(files)), left);
    },
  );
}

test(
  "systemFiles reads and lists what the runtime does",
  { ignore: !isLinux },
  () => {
    using directory = new Directory();
    const long = "contents ".repeat(20_000);
    assertEquals(systemFiles.read(directory.file(long)), long);
    assertEquals(systemFiles.read(directory.file()), "");
    assertEquals(systemFiles.read(directory.at("nothing")), null);
    assertEquals(systemFiles.read(directory.path), null);
    for (let index = 0; index < 3_000; index++) {
      Deno.writeTextFileSync(directory.at(`a file with number ${index}`), "");
    }
    const names = [...Deno.readDirSync(directory.path)].map(({ name }) => name);
    assertEquals(
      systemFiles.list(directory.path).toSorted(),
      [".", "..", ...names].toSorted(),
    );
    assertEquals(systemFiles.list(directory.at("nothing")), []);
    const descriptors = () => [...Deno.readDirSync("/proc/self/fd")].length;
    const before = descriptors();
    systemFiles.read("/proc/self/status");
    systemFiles.list("/proc/self/task");
    assertEquals(descriptors(), before);
  },
);

/** A place for cgroups that bound threads, or why there is none. */
function pidsCgroups(): { parent: string; version: 1 | 2 } | string {
  if (!isLinux || Deno.uid() !== 0) return "only root can make cgroups";
  const places = [["/sys/fs/cgroup/pids", 1], ["/sys/fs/cgroup", 2]] as const;
  for (const [parent, version] of places) {
    const path = `${parent}/posix_aio_probe_${Deno.pid}`;
    try {
      Deno.mkdirSync(path);
      const isThere = [...Deno.readDirSync(path)]
        .some(({ name }) => name === "pids.max");
      Deno.removeSync(path);
      if (isThere) return { parent, version };
    } catch {
      // Not mounted, or read-only.
    }
  }
  return "no cgroups can be made here that bound threads";
}

const place = pidsCgroups();
const cgroupNote = typeof place === "string"
  ? `(${place})`
  : `(version ${place.version})`;

/** Makes a cgroup, in which `exec` runs the rest. */
function inCgroup(path: string, max: number): string[] {
  const script = 'mkdir "$0" && echo $$ > "$0/cgroup.procs" && ' +
    'echo "$1" > "$0/pids.max" && shift && exec "$@"';
  return ["bash", "-c", script, path, `${max}`];
}

async function removeCgroup(path: string): Promise<void> {
  for (;;) {
    try {
      return Deno.removeSync(path);
    } catch {
      // Its last process is not quite gone.
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
}

const READS = 64 * 20;

for (const level of ["files", "blocks"]) {
  for (const max of [16, 24, 40]) {
    test(`${level} are read within a cgroup of ${max} threads ${cgroupNote}`, {
      ignore: typeof place === "string",
    }, async () => {
      using directory = new Directory();
      const file = directory.file(pattern(8192));
      const { parent } = place as { parent: string };
      const path = `${parent}/posix_aio_${Deno.pid}_${level}${max}`;
      try {
        const { reads, threads } = await report("limited_threads", {
          args: [level, file, "0", "0"],
          pageCache: false,
          wrapper: inCgroup(path, max),
        });
        assertEquals(reads, READS);
        assert(threads <= max - 12, `${threads} threads`);
      } finally {
        await removeCgroup(path);
      }
    });

    test(`${level} are read by a user who may have ${max} threads`, {
      ignore: !isLinux || Deno.uid() !== 0,
    }, async () => {
      using directory = new Directory();
      Deno.chmodSync(directory.path, 0o755);
      const file = directory.file(pattern(8192));
      const { reads, threads } = await report("limited_threads", {
        args: [level, file, `${max}`, "0"],
        pageCache: false,
      });
      assertEquals(reads, READS);
      assert(threads <= max - 12, `${threads} threads`);
    });
  }
}

test("configure() decides on threads whatever the limit, and fewer wait", {
  ignore: !isLinux || Deno.uid() !== 0,
}, async () => {
  using directory = new Directory();
  Deno.chmodSync(directory.path, 0o755);
  const args = ["files", directory.file(pattern(8192)), "50", "35"];
  const { threads, waiting } = await report("limited_threads", { args });
  assertEquals({ threads, waiting }, { threads: 35, waiting: 1 });
});
