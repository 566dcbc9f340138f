import { ECANCELED } from "./constants.ts";
import { AioError } from "./error.ts";
import type { Request } from "./request.ts";

/** Counts the requests of the file level, for {@linkcode metrics}. */
class Counters {
  submitted = 0;
  completed = 0;
  failed = 0;
  canceled = 0;

  /** A request was settled. */
  settled(request: Request, error: Error | null): void {
    if (error === null) this.completed++;
    else if (isCancellation(request, error)) this.canceled++;
    else this.failed++;
  }
}

function isCancellation(request: Request, error: Error): boolean {
  return error === request.cancelReason ||
    error instanceof AioError && error.errno === ECANCELED;
}

/** The counters of this isolate. */
export const counters: Counters = new Counters();
