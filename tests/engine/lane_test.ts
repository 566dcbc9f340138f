// Lane and SubmissionList: what they hand over, and in which order.

import { assert, assertEquals } from "@std/assert";
import { librt } from "../../ffi/librt.ts";
import type {
  ChannelOwner,
  EngineRequest,
  Notify,
} from "../../lib/engine/engine.ts";
import { hasRoomForCallback } from "../../lib/engine/librt/callbacks.ts";
import { Flight } from "../../lib/engine/librt/flight.ts";
import { takeTransfer } from "../../lib/engine/transfer.ts";
import { Lane } from "../../lib/engine/librt/lane.ts";
import { submissions } from "../../lib/engine/librt/submission_list.ts";
import { writeSync } from "node:fs";
import {
  closeSync,
  delay,
  Directory,
  isLinux,
  makeFifo,
  openSync,
  test,
} from "../helpers/mod.ts";

/** Whoever has the lane: takes note of what it hears. */
class Owner implements ChannelOwner {
  readonly done: EngineRequest[] = [];
  readonly returned: EngineRequest[] = [];

  completed(request: EngineRequest, errno: number): void {
    assertEquals(errno, 0);
    this.done.push(request);
  }
  putBack(request: EngineRequest): void {
    this.returned.push(request);
  }
  threw(): void {}
  lackedMemory(): void {}
  roomAgain(): void {}
  closeFailed(): void {}
}

/** A descriptor, and a lane of it. */
class OpenLane extends Owner implements Disposable {
  readonly fd: number;
  readonly lane: Lane;
  #offset = 0;

  constructor(path: string) {
    super();
    this.fd = openSync(path, "r+");
    this.lane = new Lane(this.fd, this);
  }

  /** A read of one byte that the lane has, but not the system. */
  add(notify: Notify = "auto"): Flight {
    const request: EngineRequest = {
      operation: "read",
      isWrite: false,
      isSync: false,
      view: new Uint8Array(1),
      address: 0,
      offset: this.#offset++,
      length: 1,
      notify,
      transferred: 0,
      isShort: false,
      entry: null,
      isViewLost: () => false,
    };
    const flight = takeTransfer(
      request,
      { isDirect: false },
      this,
      (_, memory) => new Flight(request, this.lane, memory, () => {}),
    );
    if (typeof flight === "boolean") throw new Error("there is no memory");
    this.lane.add(flight);
    return flight;
  }

  async untilDone(count: number): Promise<void> {
    while (this.done.length < count) await delay(1);
  }

  [Symbol.dispose](): void {
    closeSync(this.fd);
  }
}

/** Each request of a lane has another one. */
function offsetsOf(requests: EngineRequest[]): unknown[] {
  return requests.map(({ offset }) => offset);
}

test("Lane.harvest() looks at nothing that the system does not have", {
  ignore: !isLinux,
}, async () => {
  using directory = new Directory();
  using open = new OpenLane(directory.file("a"));
  const { lane } = open;
  const flight = open.add();
  // As an earlier request of the control block may have left it.
  flight.block.writeStatus(0);
  assertEquals(lane.harvest(), 0);
  assert(lane.call(flight));
  await open.untilDone(1);
  assertEquals(flight.request.transferred, 1);
});

test(
  "Lane.cancel() takes back those behind, and puts back the last one first",
  {
    ignore: !isLinux,
  },
  async () => {
    using directory = new Directory();
    const path = directory.at("fifo");
    makeFifo(path);
    using open = new OpenLane(path);
    const { lane } = open;
    const flights = [0, 1, 2, 3].map(() => open.add());
    for (const flight of flights) assert(lane.call(flight));
    assert(lane.cancel(flights[1]));
    assertEquals(offsetsOf(open.returned), [3, 2]);
    assertEquals(offsetsOf(lane.requests()), [0]);
    assertEquals(flights[1].request.entry, null);
    writeSync(open.fd, "x");
    await open.untilDone(1);
    assertEquals(offsetsOf(open.done), [0]);
  },
);

test("Lane.refused() expects no notification any more", {
  ignore: !isLinux,
  onFirstThread: import.meta.url,
}, () => {
  using directory = new Directory();
  using open = new OpenLane(directory.file("a"));
  const flight = open.add("thread");
  assertEquals(flight.notify, "thread");
  assert(!hasRoomForCallback(1));
  open.lane.refused(flight);
  assert(hasRoomForCallback(1));
  assertEquals(open.returned, [flight.request]);
});

test("SubmissionList puts back what the system refuses, the last one first", {
  ignore: !isLinux,
}, () => {
  using directory = new Directory();
  using open = new OpenLane(directory.file("abc"));
  const bound = librt() as { lio_listio: unknown };
  const { lio_listio } = bound;
  for (let count = 0; count < 3; count++) submissions.add(open.add());
  // The status of each stays EAGAIN: none was queued.
  bound.lio_listio = () => -1;
  submissions.flush();
  bound.lio_listio = lio_listio;
  assertEquals(offsetsOf(open.returned), [2, 1, 0]);
  assertEquals(open.lane.depth, 0);
});
