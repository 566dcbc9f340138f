/** A doubly linked list whose items carry the links: none is allocated. */
import { assert } from "../checks/assert.ts";

/** What an item of a list carries: the list that it is in, and its neighbours. */
export interface Linked<T> {
  list: object | null;
  previous: T | null;
  next: T | null;
}

/** See the module's documentation. An item is in one list at most. */
export class LinkedList<T extends Linked<T>> {
  first: T | null = null;
  last: T | null = null;
  size = 0;

  /** Puts an item behind all others. */
  addLast(item: T): void {
    this.insertAfter(this.last, item);
  }

  /** Puts an item before all others. */
  addFirst(item: T): void {
    this.insertAfter(null, item);
  }

  /** Puts an item behind another one, or before all others. */
  insertAfter(place: T | null, item: T): void {
    assert(item.list === null, "an item is in one list at most");
    const next = place === null ? this.first : place.next;
    item.list = this;
    item.previous = place;
    item.next = next;
    if (place === null) this.first = item;
    else place.next = item;
    if (next === null) this.last = item;
    else next.previous = item;
    this.size++;
  }

  /** Takes the first one. */
  shift(): T {
    const item = this.first;
    assert(item !== null, "a list that is taken from has an item");
    this.remove(item);
    return item;
  }

  /** Takes an item out. Returns whether it was there. */
  remove(item: T): boolean {
    if (item.list !== this) return false;
    const { previous, next } = item;
    if (previous === null) this.first = next;
    else previous.next = next;
    if (next === null) this.last = previous;
    else next.previous = previous;
    item.previous = item.next = item.list = null;
    this.size--;
    return true;
  }

  /** All of them, in order. */
  toArray(): T[] {
    const items: T[] = [];
    for (let at = this.first; at !== null; at = at.next) items.push(at);
    return items;
  }
}
