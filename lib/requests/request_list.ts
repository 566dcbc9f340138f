/**
 * Requests in the order in which they are to be served: by priority, and those
 * of one priority as they came.
 */
import { LinkedList } from "../collections/linked_list.ts";
import type { Request } from "./request.ts";

/** See the module's documentation. */
export class RequestList extends LinkedList<Request> {
  /**
   * Of each priority the last one, behind which the next one goes. What was put before
   * all others is not there as long as there are more urgent ones.
   */
  readonly #lastOf: (Request | undefined)[] = [];

  /** Puts a request in its place. */
  add(request: Request): void {
    this.insertAfter(this.#placeOf(request), request);
    this.#lastOf[request.priority] = request;
  }

  override addFirst(request: Request): void {
    super.addFirst(request);
    const { priority } = request;
    if (this.#lastUpTo(priority) === null) this.#lastOf[priority] = request;
  }

  override remove(request: Request): boolean {
    const { previous, priority } = request;
    if (!super.remove(request)) return false;
    if (this.#lastOf[priority] === request) {
      const isSame = previous?.priority === priority;
      this.#lastOf[priority] = isSame ? previous : undefined;
    }
    return true;
  }

  /** Behind which one a request belongs; `null` if it comes first. */
  #placeOf({ priority }: Request): Request | null {
    let place = this.#lastUpTo(priority);
    if (place !== null) return place;
    // Nothing gets in between the pieces of one that has begun.
    if (this.first !== null && this.first.transferred > 0) return this.first;
    // Before all others, but not before those that were put there.
    for (let at = this.first; at !== null; at = at.next) {
      if (at.priority > priority) break;
      place = at;
    }
    return place;
  }

  /** The last one of those that are at least as urgent. */
  #lastUpTo(priority: number): Request | null {
    for (let at = priority; at >= 0; at--) {
      const last = this.#lastOf[at];
      if (last !== undefined) return last;
    }
    return null;
  }
}
