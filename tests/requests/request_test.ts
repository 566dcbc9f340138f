// What a request knows of the memory that its caller may take away.

import { assert, assertEquals } from "@std/assert";
import { BufferList, type Buffers } from "../../lib/checks/buffers.ts";
import { Request, type RequestQueue } from "../../lib/requests/request.ts";
import { allocatePinned } from "../../mod.ts";
import { test } from "../helpers/mod.ts";

/** A write that nobody waits for. */
class Write extends Request {
  constructor(view: Buffers) {
    const fields = { view, address: 0, offset: 0, priority: 0 };
    super({} as RequestQueue, { operation: "write", ...fields }, "auto");
  }

  override handOver(): void {}
}

/** A write of a list of four bytes each, and what takes one of them away. */
function losing() {
  const views = Array.from({ length: 4 }, () => new Uint8Array(4));
  const request = new Write(new BufferList(views));
  const lose = (at: number) => void views[at].buffer.transfer();
  return { request, lose };
}

test("isViewLost() looks at the whole list before anything is transferred", () => {
  for (const at of [0, 1, 2, 3]) {
    const { request, lose } = losing();
    assertEquals(request.isViewLost(4), false);
    lose(at);
    assertEquals(request.isViewLost(4), true);
    assertEquals(request.isViewLost(), true);
  }
});

test("isViewLost() of a list that has begun looks at the next bytes only", () => {
  const { request, lose } = losing();
  request.transferred = 4;
  lose(0);
  lose(3);
  assertEquals(request.isViewLost(8), false);
  assertEquals(request.isViewLost(9), true);
  request.transferred = 11;
  assertEquals(request.isViewLost(1), false);
  assertEquals(request.isViewLost(2), true);
});

test("lostView() of a list that is done looks at all of it", () => {
  const { request, lose } = losing();
  request.transferred = 16;
  assertEquals(request.lostView(), null);
  lose(1);
  assert(request.lostView() instanceof TypeError);
});

test("isViewLost() of one buffer asks whether it is shorter, wherever it is", () => {
  const buffer = new ArrayBuffer(8, { maxByteLength: 16 });
  const request = new Write(new Uint8Array(buffer));
  request.transferred = 4;
  buffer.resize(16);
  assertEquals(request.isViewLost(1), false);
  buffer.resize(7);
  assertEquals(request.isViewLost(1), true);
});

test("isViewLost() of pinned buffers is false", () => {
  const views = [allocatePinned(4), allocatePinned(4)];
  const request = new Write(new BufferList(views));
  for (const transferred of [0, 4, 8]) {
    request.transferred = transferred;
    assertEquals(request.isViewLost(4), false);
    assertEquals(request.lostView(), null);
  }
});
