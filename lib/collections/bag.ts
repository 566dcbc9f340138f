/**
 * Items without an order, of which each knows its place.
 *
 * Where many come and go, a `Set` is of no use: each time it makes another table, the one
 * before refers to that. As soon as one of them is old for the garbage collector, all that
 * later ones have had is kept, and copied, until it collects everything.
 *
 * @module
 */
import { assert } from "../checks/assert.ts";

/** What an item of a bag carries: its place, or -1. */
export interface Placed {
  place: number;
}

/** See the module's documentation. An item is in one bag at most. */
export class Bag<T extends Placed> {
  readonly #items: T[] = [];

  get size(): number {
    return this.#items.length;
  }

  add(item: T): void {
    assert(item.place === -1, "an item is in one bag at most");
    item.place = this.#items.length;
    this.#items.push(item);
  }

  /** Takes an item out. Returns whether it was there. */
  delete(item: T): boolean {
    const { place } = item;
    if (this.#items[place] !== item) return false;
    const last = this.#items.pop()!;
    if (last !== item) {
      this.#items[place] = last;
      last.place = place;
    }
    item.place = -1;
    return true;
  }

  toArray(): T[] {
    return [...this.#items];
  }
}
