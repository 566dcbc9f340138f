/**
 * Whether reads are asked of the page cache first.
 *
 * @module
 */
import { settings } from "../../lib/system/settings.ts";
import { configure } from "../../mod.ts";

/** Sets it for as long as the result is there. */
export function withPageCache(pageCache: boolean): Disposable {
  const before = settings.pageCache;
  configure({ pageCache });
  return { [Symbol.dispose]: () => configure({ pageCache: before }) };
}

/** Sets it for a program that does not set it itself. */
export function pageCacheVariable(
  pageCache: boolean | undefined,
): Record<string, string> {
  if (pageCache === undefined) return {};
  return { POSIX_AIO_PAGE_CACHE: pageCache ? "1" : "0" };
}
