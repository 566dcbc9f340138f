// Bag: what is put in can be taken out, in any order.

import { assert, assertEquals } from "@std/assert";
import { Bag } from "../../lib/collections/bag.ts";
import { randomNumbers } from "../helpers/random.ts";
import { test } from "../helpers/test.ts";

test("Bag does what a Set does, whatever the order of calls", () => {
  const random = randomNumbers();
  const items = Array.from({ length: 50 }, () => ({ place: -1 }));
  const bag = new Bag<{ place: number }>();
  const model = new Set<{ place: number }>();
  for (let step = 0; step < 5_000; step++) {
    const item = items[random(items.length)];
    if (model.has(item) || random(3) === 0) {
      assertEquals(bag.delete(item), model.delete(item));
      assertEquals(item.place, -1);
    } else {
      bag.add(item);
      model.add(item);
    }
    assertEquals(bag.size, model.size);
    const all = bag.toArray();
    assert(all.length === model.size && all.every((one) => model.has(one)));
  }
});

test("Bag.delete() leaves an item of another bag where it is", () => {
  const item = { place: -1 };
  const bag = new Bag<typeof item>();
  const other = new Bag<typeof item>();
  bag.add(item);
  other.add({ place: -1 });
  assertEquals(other.delete(item), false);
  assertEquals([bag.size, other.size, bag.delete(item)], [1, 1, true]);
});
