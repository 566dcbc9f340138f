/** The engine on the C library's own asynchronous I/O, `aio(3)`. */
import type {
  Channel,
  ChannelOwner,
  Engine,
  EngineCounts,
  FileTraits,
} from "../engine.ts";
import { NonblockingCalls } from "../streams/nonblocking_calls.ts";
import { pollThread } from "../streams/readiness.ts";
import { StreamChannel } from "../streams/stream_channel.ts";
import { LaneChannel } from "./lane_channel.ts";
import { laneBudget } from "./lane_budget.ts";
import { submissions } from "./submission_list.ts";
import { waits } from "./waiter.ts";

/** See the module's documentation. */
export const librtEngine: Engine = {
  name: "librt",
  // To cancel a request takes back those behind it of the same descriptor, and they
  // have to be of one channel.
  readsWhileAppending: false,

  open(fd: number, file: FileTraits, owner: ChannelOwner): Channel {
    const newLanes = () => new LaneChannel(fd, file, owner);
    if (file.isSeekable) return newLanes();
    const calls = new NonblockingCalls(fd, file.flags);
    return new StreamChannel(fd, calls, owner, pollThread, newLanes);
  },

  list(fn: () => void): void {
    submissions.list(fn);
  },

  flushSoon(): void {
    submissions.flushSoon();
  },

  flush(): void {
    submissions.flush();
  },

  counts(): EngineCounts {
    return { lanes: laneBudget.open, ...waits };
  },
};
