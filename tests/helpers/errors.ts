/**
 * Errors of the library.
 *
 * @module
 */
import { assertEquals, assertRejects } from "@std/assert";
import { AioError } from "../../mod.ts";

/** What an error has to say besides its code. */
export type Particulars = Partial<
  Pick<
    AioError,
    "errno" | "syscall" | "fd" | "path" | "offset" | "bytesTransferred"
  >
>;

/** What came of a call: `"resolved"`, or the code or name of its error. */
export function outcomeOf(call: Promise<unknown>): Promise<string> {
  return call.then(() => "resolved", ({ code, name }) => code ?? name);
}

/** Asserts that a promise rejects with an `AioError`; returns that. */
export async function assertAioError(
  promise: Promise<unknown>,
  code: string,
  particulars: Particulars = {},
): Promise<AioError> {
  const error = await assertRejects(() => promise, AioError) as AioError;
  assertEquals(error.code, code, error.message);
  for (const [name, value] of Object.entries(particulars)) {
    assertEquals(error[name as keyof Particulars], value, name);
  }
  return error;
}
