/** FIFOs, for programs in which other processes would have the same faults. */
import { assertEquals } from "@std/assert";
import { encode } from "../../helpers/mod.ts";

const libc = Deno.dlopen("libc.so.6", {
  mkfifo: { parameters: ["buffer", "u32"], result: "i32" },
}).symbols;

/** Makes a FIFO without another process. */
export function makeFifo(path: string): void {
  assertEquals(libc.mkfifo(encode(`${path}\0`), 0o600), 0);
}
