import type { Request } from "./request.ts";

/**
 * Requests in the order in which they are to be served: by priority, and those
 * of one priority as they came.
 */
export class RequestList {
  first: Request | null = null;
  #last: Request | null = null;
  size = 0;

  /** Puts a request in its place. */
  add(request: Request): void {
    const last = this.#last;
    if (last === null || last.priority <= request.priority) {
      this.addLast(request);
    } else {
      this.size++;
      this.#insert(request);
    }
  }

  /** Puts a request behind all others. */
  addLast(request: Request): void {
    this.size++;
    if (this.#last === null) this.first = request;
    else this.#last.next = request;
    this.#last = request;
  }

  /** Puts a request before all others. */
  addFirst(request: Request): void {
    this.size++;
    request.next = this.first;
    this.first = request;
    this.#last ??= request;
  }

  /** Takes the first one. */
  shift(): Request {
    const request = this.first!;
    this.size--;
    this.first = request.next;
    if (this.first === null) this.#last = null;
    request.next = null;
    return request;
  }

  /** Takes a request out. Returns whether it was there. */
  remove(request: Request): boolean {
    let before: Request | null = null;
    let at = this.first;
    while (at !== null && at !== request) {
      before = at;
      at = at.next;
    }
    if (at === null) return false;
    this.size--;
    if (before === null) this.first = request.next;
    else before.next = request.next;
    if (this.#last === request) this.#last = before;
    request.next = null;
    return true;
  }

  /** All of them, in order. */
  toArray(): Request[] {
    const requests: Request[] = [];
    for (let at = this.first; at !== null; at = at.next) requests.push(at);
    return requests;
  }

  #insert(request: Request): void {
    // Nothing gets in between the pieces of one that has begun.
    const hasBegun = this.first!.transferred > 0;
    let before: Request | null = hasBegun ? this.first : null;
    let at = before === null ? this.first : before.next;
    while (at !== null && at.priority <= request.priority) {
      before = at;
      at = at.next;
    }
    request.next = at;
    if (before === null) this.first = request;
    else before.next = request;
    if (at === null) this.#last = request;
  }
}
