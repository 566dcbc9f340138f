// The reference of the C interface leads to the page of the standard.

import { assert } from "@std/assert";
import { join } from "node:path";
import { ROOT } from "./pages.ts";
import { test } from "../helpers/mod.ts";

const STANDARD = "https://pubs.opengroup.org/onlinepubs/9799919799";

const FUNCTIONS = [
  "aio_cancel",
  "aio_error",
  "aio_fsync",
  "aio_read",
  "aio_return",
  "aio_suspend",
  "aio_write",
  "lio_listio",
];

/** Whether the module leads to a page of the standard. */
function leadsTo(module: string, page: string): boolean {
  const text = Deno.readTextFileSync(join(ROOT, "lib/posix", module));
  return text.includes(` * @see ${STANDARD}/${page}\n`);
}

for (const name of FUNCTIONS) {
  test(`${name}() leads to its page of POSIX`, () => {
    assert(leadsTo(`${name}.ts`, `functions/${name}.html`));
  });
}

test("Aiocb and Sigevent lead to the headers of POSIX that have them", () => {
  assert(leadsTo("aiocb.ts", "basedefs/aio.h.html"));
  assert(leadsTo("sigevent.ts", "basedefs/signal.h.html"));
});
