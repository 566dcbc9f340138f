// Cancellations: every canceled request fails once, in order, and no turn of the
// event loop has more of them than it can bear.

import { assert, assertEquals } from "@std/assert";
import { canceledRequests } from "../../lib/requests/canceled_requests.ts";
import type { Request } from "../../lib/requests/request.ts";
import { ECANCELED } from "../../mod.ts";
import { test } from "../helpers/test.ts";

const COUNT = 10_000;

const nextTurn = () => new Promise<void>((resolve) => setImmediate(resolve));

/** A request that tells how it was failed. */
function request(fail: (errno: number) => void): Request {
  const queue = { fail: (_: Request, errno: number) => fail(errno) };
  return { queue } as unknown as Request;
}

test("settle() fails a request at once, with ECANCELED", async () => {
  const errors: number[] = [];
  canceledRequests.settle(request((errno) => errors.push(errno)));
  assertEquals(errors, [ECANCELED]);
  await nextTurn();
  await nextTurn();
  assertEquals(errors, [ECANCELED]);
});

test("settle() fails many in order, some in each turn of the event loop", async () => {
  await nextTurn();
  await nextTurn();
  const settled: number[] = [];
  const perTurn: number[] = [];
  for (let index = 0; index < COUNT; index++) {
    canceledRequests.settle(request(() => settled.push(index)));
  }
  for (let before = 0; settled.length < COUNT; before = settled.length) {
    await nextTurn();
    assert(perTurn.length < COUNT, "a turn settled nothing");
    perTurn.push(settled.length - before);
  }
  // Those that were settled at once are in the first figure.
  assert(Math.max(...perTurn) <= 2 * 4096, perTurn.join());
  assert(perTurn.filter((count) => count > 0).length > 1, perTurn.join());
  assertEquals(settled, Array.from({ length: COUNT }, (_, index) => index));
});

test("settle() may be called by what a request that fails has called", async () => {
  await nextTurn();
  const order: string[] = [];
  canceledRequests.settle(request(() => {
    order.push("outer");
    canceledRequests.settle(request(() => order.push("inner")));
  }));
  await nextTurn();
  assertEquals(order, ["outer", "inner"]);
});
