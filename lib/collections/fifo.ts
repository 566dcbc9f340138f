/**
 * A list that items leave in the order in which they came. Taking one costs the
 * same at any length, where `Array.prototype.shift()` moves all the others.
 */
export class Fifo<T> {
  #items: (T | undefined)[] = [];
  #first = 0;

  /** How many items there are. */
  get size(): number {
    return this.#items.length - this.#first;
  }

  /** Puts an item behind all others. */
  push(item: T): void {
    this.#items.push(item);
  }

  /** Takes the first item; `undefined` if there is none. */
  shift(): T | undefined {
    if (this.size === 0) return undefined;
    const item = this.#items[this.#first];
    this.#items[this.#first++] = undefined;
    // Moving the rest costs no more than taking those before it did.
    if (this.#first * 2 >= this.#items.length) {
      this.#items = this.#items.slice(this.#first);
      this.#first = 0;
    }
    return item;
  }
}
