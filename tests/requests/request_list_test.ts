// RequestList: by priority, those of one priority in the order in which they came,
// and nothing before one that has begun.

import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import type { Request } from "../../lib/requests/request.ts";
import { RequestList } from "../../lib/requests/request_list.ts";
import { randomNumbers } from "../helpers/random.ts";
import { test } from "../helpers/test.ts";

/** What a list has to do with of a request. */
interface Entry {
  readonly name: string;
  readonly priority: number;
  readonly transferred: number;
  list: object | null;
  previous: Entry | null;
  next: Entry | null;
}

function entry(name: string, priority = 0, transferred = 0): Request {
  const links = { list: null, previous: null, next: null };
  const made: Entry = { name, priority, transferred, ...links };
  return made as unknown as Request;
}

function nameOf(request: Request | null): string | null {
  return request === null ? null : (request as unknown as Entry).name;
}

function namesOf(list: RequestList): string {
  return list.toArray().map(nameOf).join("");
}

/** A list of entries that are named by a letter and a priority. */
function listOf(...names: string[]): RequestList {
  const list = new RequestList();
  for (const name of names) list.add(entry(name, Number(name.slice(1))));
  return list;
}

test("RequestList is empty at first, and when all are taken", () => {
  const list = new RequestList();
  for (let round = 0; round < 2; round++) {
    assertEquals([list.size, list.first, list.toArray()], [0, null, []]);
    list.add(entry("a"));
    assertEquals([list.size, nameOf(list.first)], [1, "a"]);
    assertEquals(nameOf(list.shift()), "a");
  }
  assertEquals([list.size, list.first], [0, null]);
});

test("RequestList.add() puts equal priorities in the order of the calls", () => {
  assertEquals(namesOf(listOf("a0", "b0", "c0", "d0")), "a0b0c0d0");
  assertEquals(
    namesOf(listOf("a3", "b0", "c20", "d3", "e1", "f0", "g20", "h1")),
    "b0f0e1h1a3d3c20g20",
  );
});

test("RequestList.addLast() puts one behind all others, whatever it is", () => {
  const list = listOf("a5", "b7");
  list.addLast(entry("c", 0));
  list.addLast(entry("d", 9));
  assertEquals(namesOf(list), "a5b7cd");
  const single = new RequestList();
  single.addLast(entry("a", 0));
  assertEquals(namesOf(single), "a");
});

test("RequestList.add() puts nothing before one that has begun", () => {
  const list = listOf("a0", "b5");
  list.addFirst(entry("x", 5, 100));
  list.add(entry("c", 0));
  list.add(entry("d", 6));
  assertEquals(namesOf(list), "xa0cb5d");
  const single = new RequestList();
  single.addFirst(entry("x", 5, 1));
  single.add(entry("a", 0));
  assertEquals(namesOf(single), "xa");
});

test("RequestList.addFirst() puts one before all others", () => {
  const list = new RequestList();
  list.addFirst(entry("a", 9));
  list.addFirst(entry("b", 9));
  list.add(entry("c", 9));
  assertEquals([namesOf(list), list.size], ["bac", 3]);
  assertEquals(
    [nameOf(list.shift()), nameOf(list.shift()), nameOf(list.shift())],
    ["b", "a", "c"],
  );
  list.add(entry("d"));
  assertEquals(namesOf(list), "d");
});

test("RequestList.remove() takes one out, wherever it stands", () => {
  const entries = ["a", "b", "c", "d"].map((name) => entry(name));
  for (const [index, removed] of entries.entries()) {
    const list = new RequestList();
    for (const one of entries) list.add(one);
    assertEquals(list.remove(removed), true);
    assertEquals(list.remove(removed), false);
    assertStrictEquals(removed.next, null);
    assertEquals(list.size, 3);
    list.add(entry("z"));
    assertEquals(namesOf(list), "abcd".replace("abcd"[index], "") + "z");
    for (const one of entries) list.remove(one);
  }
  const single = new RequestList();
  const one = entry("a");
  single.add(one);
  assertEquals(single.remove(entry("a")), false);
  assertEquals(single.remove(one), true);
  assertEquals([single.size, single.first], [0, null]);
  single.add(entry("b"));
  assertEquals(namesOf(single), "b");
});

/** A request that counts how often a list looks at its neighbours. */
class CountedEntry {
  static looks = 0;
  readonly priority: number;
  readonly transferred = 0;
  list = null;
  #previous: CountedEntry | null = null;
  #next: CountedEntry | null = null;

  constructor(priority = 0) {
    this.priority = priority;
  }

  get previous(): CountedEntry | null {
    CountedEntry.looks++;
    return this.#previous;
  }

  set previous(entry: CountedEntry | null) {
    this.#previous = entry;
  }

  get next(): CountedEntry | null {
    CountedEntry.looks++;
    return this.#next;
  }

  set next(entry: CountedEntry | null) {
    this.#next = entry;
  }
}

test("RequestList takes one in or out in as many steps, however long it is", () => {
  for (const count of [10, 10_000]) {
    const list = new RequestList();
    const entries = Array.from({ length: count }, () => new CountedEntry());
    CountedEntry.looks = 0;
    for (const one of entries) list.add(one as unknown as Request);
    assert(CountedEntry.looks <= 4 * count, `${CountedEntry.looks} looks`);
    CountedEntry.looks = 0;
    // From the middle, from both sides of it.
    for (let index = 0; index < count; index++) {
      const at = count / 2 + (index % 2 === 0 ? -1 : 1) * (index + 1 >> 1);
      const one = entries[(at + count) % count] as unknown as Request;
      assertEquals(list.remove(one), true);
    }
    assert(CountedEntry.looks <= 4 * count, `${CountedEntry.looks} looks`);
    assertEquals([list.size, list.first], [0, null]);
  }
});

test("RequestList.add() looks at few, however many less urgent ones wait", () => {
  const list = new RequestList();
  const add = (priority: number) =>
    list.add(new CountedEntry(priority) as unknown as Request);
  for (let count = 0; count < 10_000; count++) add(5);
  CountedEntry.looks = 0;
  for (let count = 0; count < 100; count++) add(count % 5);
  assert(CountedEntry.looks <= 400, `${CountedEntry.looks} looks`);
});

test("RequestList does what an array does, whatever the order of calls", () => {
  const random = randomNumbers();
  const list = new RequestList();
  const model: Request[] = [];
  for (let step = 0; step < 20_000; step++) {
    const one = entry(`${step};`, random(4));
    const call = random(10);
    if (call < 4) {
      const at = model.findLastIndex(({ priority }) =>
        priority <= one.priority
      );
      model.splice(at + 1, 0, one);
      list.add(one);
    } else if (call === 4) {
      // It need not be in its place there.
      const first = entry(`${step};`, random(4));
      model.unshift(first);
      list.addFirst(first);
    } else if (call < 8 && model.length > 0) {
      assertStrictEquals(list.shift(), model.shift());
    } else if (model.length > 0) {
      const [removed] = model.splice(random(model.length), 1);
      assertEquals(list.remove(removed), true);
    }
    assertEquals(list.size, model.length);
    assertStrictEquals(list.first, model[0] ?? null);
    if (step % 10 === 0) {
      assertEquals(list.toArray().map(nameOf), model.map(nameOf));
    }
  }
});
