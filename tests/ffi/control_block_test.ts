// Control blocks: which ones are used again, and when.

import {
  assert,
  assertNotStrictEquals,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { takeControlBlock } from "../../ffi/control_block.ts";
import { test } from "../helpers/test.ts";
import { ignore, runProgram } from "../posix/helpers.ts";

test("ControlBlock.release() gives a block back for the next request", () => {
  const block = takeControlBlock();
  block.release();
  assertStrictEquals(takeControlBlock(), block);
  assertNotStrictEquals(takeControlBlock(), block);
});

test("ControlBlock.release() keeps a block that an aio_suspend() names", () => {
  const block = takeControlBlock();
  block.hold();
  block.hold();
  block.release();
  assertNotStrictEquals(takeControlBlock(), block);
  block.unhold();
  assertNotStrictEquals(takeControlBlock(), block);
  block.unhold();
  assertStrictEquals(takeControlBlock(), block);
  // And once only.
  assertNotStrictEquals(takeControlBlock(), block);
});

test("ControlBlock.unhold() does not give back what is in use", () => {
  const block = takeControlBlock();
  block.hold();
  block.unhold();
  const others = [takeControlBlock(), takeControlBlock()];
  assert(!others.includes(block));
  block.hold();
  block.release();
  block.unhold();
  assertStrictEquals(takeControlBlock(), block);
  block.hold();
  block.unhold();
  assertNotStrictEquals(takeControlBlock(), block);
});

test("ControlBlock.release() refuses a block that is free already", () => {
  const block = takeControlBlock();
  block.release();
  assertThrows(() => block.release(), Error, "given back twice");
  assertThrows(() => block.hold(), Error, "nobody has taken");
  assertThrows(() => block.unhold(), Error, "nobody holds");
  assertStrictEquals(takeControlBlock(), block);
});

test("Aiocb that is done is collected, though its function names it", {
  ignore,
}, async () => {
  const { alive } = await runProgram("named_blocks", {
    flags: ["--allow-all", "--v8-flags=--expose-gc"],
  });
  // The last one may be on the stack still.
  assert(alive <= 1, `${alive} are there`);
});
