/**
 * Requests in the order in which they are to be served: by priority, and those
 * of one priority as they came.
 */
import { LinkedList } from "../collections/linked_list.ts";
import type { Request } from "./request.ts";

/** See the module's documentation. */
export class RequestList extends LinkedList<Request> {
  /** Puts a request in its place. */
  add(request: Request): void {
    this.insertAfter(this.#placeOf(request), request);
  }

  /** Behind which one a request belongs; `null` if it comes first. */
  #placeOf(request: Request): Request | null {
    let place = this.last;
    while (place !== null && place.priority > request.priority) {
      // Nothing gets in between the pieces of one that has begun.
      if (place.previous === null && place.transferred > 0) return place;
      place = place.previous;
    }
    return place;
  }
}
