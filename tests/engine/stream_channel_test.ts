// The channel of a pipe, with calls that do what a test says.

import { assertEquals } from "@std/assert";
import type { ChannelOwner, EngineRequest } from "../../lib/engine/engine.ts";
import { StreamChannel } from "../../lib/engine/streams/stream_channel.ts";
import type {
  Readiness,
  StreamCalls,
} from "../../lib/engine/streams/stream_calls.ts";
import { test, until } from "../helpers/mod.ts";

const CALL_BYTES = 256 * 1024;
const NOT_CAPABLE = new Error("Native calls are not permitted any more");

/** Nothing waits here. */
const NOBODY_WAITS: Readiness = {
  wait(): void {},
  forget(): void {},
  whenForgotten: () => Promise.resolve(),
};

/** Serves a request by one call that succeeds, and then one that throws. */
async function outcomeOf(isWrite: boolean): Promise<unknown[]> {
  let calls = 0;
  const once: StreamCalls = {
    transfer(_request, wanted): number {
      if (calls++ > 0) throw NOT_CAPABLE;
      return wanted;
    },
    close(): void {},
  };
  const outcome: unknown[] = [];
  const owner = {
    completed: ({ transferred }: EngineRequest, errno: number) =>
      outcome.push(errno, transferred),
    threw: ({ transferred }: EngineRequest, error: Error) =>
      outcome.push(error, transferred),
    roomAgain(): void {},
  } as unknown as ChannelOwner;
  const channel = new StreamChannel(0, once, owner, NOBODY_WAITS, () => {
    throw new Error("nobody synchronizes");
  });
  const request: EngineRequest = {
    operation: isWrite ? "write" : "read",
    isWrite,
    isSync: false,
    view: new Uint8Array(2 * CALL_BYTES),
    address: 0,
    offset: 0,
    length: 2 * CALL_BYTES,
    notify: "auto",
    transferred: 0,
    isShort: false,
    entry: null,
    isViewLost: () => false,
  };
  channel.submit(request);
  await until(() => outcome.length > 0, "it is never done");
  assertEquals([channel.requests(), request.entry], [[], null]);
  channel.close();
  return outcome;
}

test("a write of a pipe fails with what a call throws", async () => {
  assertEquals(await outcomeOf(true), [NOT_CAPABLE, CALL_BYTES]);
});

test("a read of a pipe keeps what it has when the next call throws", async () => {
  assertEquals(await outcomeOf(false), [0, CALL_BYTES]);
});
