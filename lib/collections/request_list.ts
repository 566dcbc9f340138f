import type { Request } from "../requests/request.ts";

/**
 * Requests in the order in which they are to be served: by priority, and those
 * of one priority as they came. A request is in one list at most.
 */
export class RequestList {
  first: Request | null = null;
  #last: Request | null = null;
  size = 0;

  /** Puts a request in its place. */
  add(request: Request): void {
    this.#insertAfter(this.#placeOf(request), request);
  }

  /** Puts a request behind all others. */
  addLast(request: Request): void {
    this.#insertAfter(this.#last, request);
  }

  /** Puts a request before all others. */
  addFirst(request: Request): void {
    this.#insertAfter(null, request);
  }

  /** Takes the first one. */
  shift(): Request {
    const request = this.first!;
    this.remove(request);
    return request;
  }

  /** Takes a request out. Returns whether it was there. */
  remove(request: Request): boolean {
    if (request.list !== this) return false;
    const { previous, next } = request;
    if (previous === null) this.first = next;
    else previous.next = next;
    if (next === null) this.#last = previous;
    else next.previous = previous;
    request.previous = request.next = request.list = null;
    this.size--;
    return true;
  }

  /** All of them, in order. */
  toArray(): Request[] {
    const requests: Request[] = [];
    for (let at = this.first; at !== null; at = at.next) requests.push(at);
    return requests;
  }

  /** Behind which one a request belongs; `null` if it comes first. */
  #placeOf(request: Request): Request | null {
    let place = this.#last;
    while (place !== null && place.priority > request.priority) {
      // Nothing gets in between the pieces of one that has begun.
      if (place.previous === null && place.transferred > 0) return place;
      place = place.previous;
    }
    return place;
  }

  #insertAfter(place: Request | null, request: Request): void {
    const next = place === null ? this.first : place.next;
    request.list = this;
    request.previous = place;
    request.next = next;
    if (place === null) this.first = request;
    else place.next = request;
    if (next === null) this.#last = request;
    else next.previous = request;
    this.size++;
  }
}
