/**
 * What the tests share: files and FIFOs that clean up after themselves, contents
 * that tell where they belong, programs that need a process of their own, and
 * `test()`.
 *
 * @module
 */
export * from "./bytes.ts";
export * from "./commands.ts";
export * from "./descriptors.ts";
export * from "./engines.ts";
export * from "./errors.ts";
export * from "./fifo.ts";
export * from "./files.ts";
export * from "./page_cache.ts";
export * from "./programs.ts";
export * from "./random.ts";
export * from "./strace.ts";
export * from "./system.ts";
export * from "./test.ts";
export * from "./waiting.ts";
