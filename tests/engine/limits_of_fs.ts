/**
 * What the engine on `node:fs` cannot do, and the tests that want it. The table of
 * docs/guides/platforms.md says the same to users.
 *
 * @module
 */

/** Something that it cannot do. */
interface Limit {
  /** How the table on that page begins the row, if users see it at all. */
  readonly row?: string;
  readonly reason: string;
  /** Files whose every test wants it. */
  readonly files?: readonly string[];
  /** How the names of other tests begin that do, by file. */
  readonly tests?: Readonly<Record<string, readonly string[]>>;
}

/** All of it. */
const LIMITS: readonly Limit[] = [
  {
    row: "cached reads",
    reason: "node:fs has no way to ask the page cache",
    files: ["engine/page_cache_test.ts", "engine/page_cache_places_test.ts"],
    tests: {
      "engine/turn_test.ts": [
        "10000 cached reads leave others their turns: ",
        "reads that wait for the next turn have their bytes",
        "priority: an urgent read goes before those that wait for the next turn",
        "a signal cancels a read that waits for the next turn",
        "cancel() counts only reads that were not answered",
        "CompletionQueue.cancel() counts only reads that were not answered",
        "close({ cancel: true }) waits for reads that wait for the next turn",
        "reads that the page cache is asked for later need no room in the system",
      ],
      "requests/file_queue_test.ts": [
        "FileQueue asks the page cache ",
        "FileQueue does not ask the page cache ",
      ],
    },
  },
  {
    row: "cancel a request",
    reason: "a thread of the runtime's has it, and nothing takes it back",
    tests: {
      "requests/cancellation_test.ts": [
        "reads that are canceled in flight give their memory back",
      ],
    },
  },
  {
    row: "`AioFile.adopt()` on Deno",
    reason: "the test makes pipes, sockets or terminals by native calls",
    tests: {
      "engine/pipes_test.ts": [
        "readAt() of a socket that waits does not block its writes",
        "readAt() of 40 sockets that wait does not block their writes",
        "writeAt() of a socket that waits does not block its reads",
        "writeAt() of 40 sockets that wait does not block their reads",
      ],
      "engine/stream_transfers_test.ts": [
        "readAt() and writeAt() transfer in order and can be canceled: a pipe",
        "readAt() and writeAt() transfer in order and can be canceled: sockets",
        "readAt() of more than the process may have descriptors is served",
        "readAt() and writeAt() of a terminal's both sides reach the other side",
        "writeAt() to a terminal that nobody reads waits, and can be canceled",
        "readAt() and writeAt() keep messages whole",
        "writeAt() to what is only for reading rejects with EBADF",
        "readAt() is satisfied with what a call takes, if there is no more",
        "readAt() into a buffer goes on where a call has ended",
        "readAt() into a list of buffers goes on where a call has ended",
        "writeAt() of a list is one message, and so is what readAt() reads",
        "readAt() of what always has bytes leaves timers their turn",
        "readAt() and writeAt() of one socket wait together",
        "a signal ends a read that has bytes already, with them",
      ],
      "requests/cancellation_test.ts": [
        "a read of a pipe that is silent ends with the signal's reason",
        "a read of a socket that is silent ends with the signal's reason",
        "a read of a terminal that is silent ends with the signal's reason",
        "only what was aborted is canceled, in whatever order",
        "5000 reads of pipes that are silent take no thread each",
      ],
      "file/stat_test.ts": [
        "stat() knows a descriptor that is not the runtime's",
      ],
      "file/open_test.ts": [
        "AioFile.adopt() takes a descriptor that is not the runtime's",
      ],
    },
  },
  {
    row: "sockets, other devices",
    reason: "what cannot be opened a second time holds a thread, for good",
    tests: {
      "engine/stream_transfers_test.ts": [
        "readAt() and writeAt() transfer in order and can be canceled: a FIFO " +
        "that cannot be opened once more",
      ],
    },
  },
  {
    row: "`ulimit -f` on Deno",
    reason: "a signal ends the process, which takes native calls to ignore",
    tests: {
      "file/faults_test.ts": [
        "EFBIG comes from all that makes a file longer than the limit",
      ],
    },
  },
  {
    row: "writes on Deno",
    reason:
      "nothing else goes on while one runs, and none tells how far it came",
    tests: {
      "engine/engine_test.ts": [
        "append() that does not fit any more says how far it came",
      ],
      "file/faults_test.ts": [
        "ENOSPC on a small file system says how far the write came",
        "EFBIG comes from a write past the limit of the file size",
      ],
      "torture/injected_faults_test.ts": [
        "writeAt(): ",
        "batch(): ",
        "append(): ",
        "append() to a file without O_APPEND: ",
        "append() and writeAt() to a pipe: ",
        "writable(): ",
        "CompletionQueue",
      ],
      "requests/cancellation_test.ts": [
        "a signal leaves a write of a file that the system has begun",
        "a signal does not hide how much of a write is in a file",
        "a signal aborted while a request runs does not hide its own error",
        "cancel() leaves a write of a file that the system has begun",
      ],
    },
  },
  {
    row: "writes from offset 2 ** 53 on",
    reason: "node:fs takes a bigint for no offset at all, in a write",
    tests: {
      "file/aio_file_test.ts": [
        "readAt() and writeAt() take offsets above 2^53",
      ],
      "file/huge_offset_test.ts": [
        "writeAt() writes every piece in its place from ",
        "readAt() reads every piece from its place from 9007199254740993 on",
        "writable() and readable() pass ",
        "reads up to the largest offset there is have what the file has",
        "copyTo() copies from beyond 2 ** 53 to the exact end of a file",
        "copyTo() of a hole replaces what was there beyond 2 ** 53, ",
        "copyTo() refuses more bytes than a number can tell, ",
      ],
    },
  },
  {
    reason: "node:fs makes no call for no bytes: POSIX has it as a may",
    tests: {
      "file/buffer_lists_test.ts": [
        "readAt() and writeAt() take an empty list",
      ],
    },
  },
  {
    row: "what a file system tells at `close()` (NFS, FUSE)",
    reason: "Deno's own close() tells nothing",
    tests: {
      "torture/failing_fs_test.ts": [
        "close() rejects with the error that any descriptor of the file tells",
      ],
    },
  },
  {
    row: "record locks (`F_SETLK`) on Deno",
    reason: "its node:fs duplicates and closes the descriptor in each call",
    files: ["engine/record_locks_test.ts"],
  },
  {
    row: "`notify`, `threads`, `lanes`, `pageCache`",
    reason: "there is no lane, no waiting thread, and no thread to be denied",
    tests: {
      "engine/engine_test.ts": [
        "requests of every kind wait until the system has a thread for them",
        'CompletionQueue with notify "thread" yields what the system had no ' +
        "thread to notify of",
      ],
      "file/metrics_test.ts": [
        "metrics() counts looks from the event loop, and aio_suspend",
      ],
      "requests/group_commit_test.ts": [
        "sync() covers every write submitted before it, of writes on all lanes",
      ],
    },
  },
  {
    reason:
      "the tracer fails the first call of each thread, and any one serves",
    tests: {
      "requests/group_commit_test.ts": [
        "syncData() rejects every call that shared the one that failed",
        "sync() and syncData() that arrive while one runs that fails reject",
      ],
    },
  },
];

/** How the table begins its rows about what tests want. */
export function rowsOfLimits(): string[] {
  return LIMITS.flatMap(({ row }) => row ?? []);
}

/** Whether every test of a file wants what it cannot do. */
export function isBeyondFs(file: string): boolean {
  return LIMITS.some(({ files }) => files?.includes(file));
}

/** How the names of those tests of a file begin that want what it cannot do. */
export function testsBeyondFs(file: string): string[] {
  return LIMITS.flatMap(({ tests }) => tests?.[file] ?? []);
}
