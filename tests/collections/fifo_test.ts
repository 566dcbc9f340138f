// Fifo: items leave in the order in which they came, at once and without a trace.

import { assert, assertEquals } from "@std/assert";
import { Fifo } from "../../lib/collections/fifo.ts";
import { delay, test } from "../helpers/mod.ts";

/** There with `--v8-flags=--expose-gc`. */
const { gc } = globalThis as { gc?: () => void };

test("Fifo.shift() takes items in the order in which they came", () => {
  const fifo = new Fifo<number>();
  const model: number[] = [];
  let next = 0;
  // Grows, stays, shrinks to nothing, and grows again.
  for (const [pushes, shifts] of [[5, 1], [3, 3], [1, 20], [7, 2], [0, 99]]) {
    for (let round = 0; round < 40; round++) {
      for (let push = 0; push < pushes; push++) {
        model.push(next);
        fifo.push(next++);
      }
      for (let shift = 0; shift < shifts; shift++) {
        assertEquals(fifo.shift(), model.shift());
        assertEquals(fifo.size, model.length);
      }
    }
  }
  assertEquals([fifo.size, fifo.shift(), fifo.size], [0, undefined, 0]);
});

test("Fifo.shift() lets go of what it took, with others that wait", {
  ignore: gc === undefined,
}, async () => {
  const fifo = new Fifo<object>();
  const pushed: WeakRef<object>[] = [];
  const push = () => {
    const item = {};
    pushed.push(new WeakRef(item));
    fifo.push(item);
  };
  for (let count = 0; count < 100; count++) push();
  // Fewer than half, so that nothing has made the list shorter.
  for (let count = 0; count < 40; count++) fifo.shift();
  await delay(1); // What was looked at in this turn is alive.
  gc!();
  const alive = pushed.map((item) => item.deref() !== undefined);
  assertEquals(alive.indexOf(true), 40);
  assert(alive.slice(40).every((is) => is));
  assertEquals(fifo.size, 60);
});

test("Fifo takes no more memory the more items pass through it", {
  ignore: gc === undefined,
}, () => {
  const fifo = new Fifo<number>();
  fifo.push(0);
  const heapUsed = () => {
    gc!();
    return Deno.memoryUsage().heapUsed;
  };
  const before = heapUsed();
  // A place of each would be 16 MB.
  for (let item = 0; item < 1 << 21; item++) {
    fifo.push(item);
    fifo.shift();
  }
  assert(heapUsed() - before < 4e6, `${heapUsed() - before} bytes more`);
  assertEquals(fifo.size, 1);
});

test("Fifo.shift() moves no more items than it takes", () => {
  const fifo = new Fifo<number>();
  const { slice, splice, shift } = Array.prototype;
  let moved = 0;
  const counting = <Method extends (...args: never[]) => unknown>(
    method: Method,
  ) =>
    function (this: unknown[], ...args: never[]) {
      const outcome = method.apply(this, args);
      moved += Array.isArray(outcome) ? outcome.length : this.length;
      return outcome;
    };
  for (let item = 0; item < 4096; item++) fifo.push(item);
  try {
    Object.assign(Array.prototype, {
      slice: counting(slice),
      splice: counting(splice),
      shift: counting(shift),
    });
    while (fifo.size > 0) fifo.shift();
  } finally {
    Object.assign(Array.prototype, { slice, splice, shift });
  }
  assert(moved <= 4096, `${moved} items were moved`);
});
