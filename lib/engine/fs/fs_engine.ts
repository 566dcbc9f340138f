/** The engine on `node:fs`, which needs no native calls. */
import { runtime } from "../../../ffi/current.ts";
import { statsOf } from "../../system/descriptor.ts";
import type {
  Channel,
  ChannelOwner,
  Engine,
  EngineCounts,
  FileTraits,
} from "../engine.ts";
import { StreamChannel } from "../streams/stream_channel.ts";
import { FsChannel } from "./fs_channel.ts";
import { FsStreamCalls } from "./fs_stream_calls.ts";
import { Slots } from "./slots.ts";

/**
 * With fewer, the runtime's threads sleep and have to be woken; more are hardly faster,
 * and what the runtime has can be neither canceled nor overtaken.
 */
const CALLS_MAX = 256;

/**
 * How many reads may wait for a pipe, a socket or a device, perhaps for ever. On Node
 * and Bun fewer do: files need threads of the same few.
 */
const STREAM_READS_MAX = 16;

/** Makes the engine. */
export function newFsEngine(): Engine {
  const files = new Slots(CALLS_MAX, runtime.fileCallsAtOnce);
  const streamReadsMax = Math.min(
    STREAM_READS_MAX,
    runtime.nonblockingCallsMax,
  );
  const streamReads = new Slots(streamReadsMax, runtime.fileCallsAtOnce);
  // Apart: what a read waits for may be the answer to a write. Fewer, because reads
  // have half of the runtime's threads already.
  const streamWrites = new Slots(
    Math.max(1, Math.floor(streamReadsMax / 2)),
    runtime.fileCallsAtOnce,
  );
  return {
    name: "fs",
    // Where transfers move the position, one goes at a time.
    readsWhileAppending: !runtime.movesPosition,

    open(fd: number, file: FileTraits, owner: ChannelOwner): Channel {
      if (file.isSeekable) return new FsChannel(fd, file, owner, files);
      const stats = statsOf({ fd, path: file.path });
      const mayHaveOffsets = stats?.isCharacterDevice() ?? false;
      const newChannel = () =>
        new FsChannel(
          fd,
          file,
          owner,
          streamWrites,
          streamReads,
          mayHaveOffsets,
        );
      const calls = FsStreamCalls.open(fd, file, stats);
      return calls === null
        ? newChannel()
        : new StreamChannel(fd, calls, owner, calls, newChannel);
    },

    list(fn: () => void): void {
      fn();
    },

    flushSoon(): void {},

    flush(): void {},

    counts(): EngineCounts {
      return { lanes: 0, suspends: 0, polls: 0 };
    },
  };
}
