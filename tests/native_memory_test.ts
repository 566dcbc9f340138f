// Control blocks: which ones are used again, and when.

import {
  assert,
  assertNotStrictEquals,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { takeControlBlock } from "../ffi/control_block.ts";

const timeout = 10_000;

Deno.test({
  name: "ControlBlock.release() gives a block back for the next request",
  timeout,
  fn() {
    const block = takeControlBlock();
    block.release();
    assertStrictEquals(takeControlBlock(), block);
    assertNotStrictEquals(takeControlBlock(), block);
  },
});

Deno.test({
  name: "ControlBlock.release() keeps a block that an aio_suspend() names",
  timeout,
  fn() {
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
  },
});

Deno.test({
  name: "ControlBlock.unhold() does not give back what is in use",
  timeout,
  fn() {
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
  },
});

Deno.test({
  name: "ControlBlock.release() refuses a block that is free already",
  timeout,
  fn() {
    const block = takeControlBlock();
    block.release();
    assertThrows(() => block.release(), Error, "given back twice");
    assertThrows(() => block.hold(), Error, "nobody has taken");
    assertThrows(() => block.unhold(), Error, "nobody holds");
    assertStrictEquals(takeControlBlock(), block);
  },
});
