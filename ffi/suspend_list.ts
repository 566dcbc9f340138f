/**
 * What one `aio_suspend` call is given: a list of control blocks, and how long to
 * wait. What is free is reused.
 *
 * @module
 */
import {
  ADDRESS_BYTES,
  type ControlBlock,
  packBlockList,
} from "./control_block.ts";
import { TIMESPEC, writeTimespec } from "./layout.ts";
import {
  freeNative,
  type NativeMemory,
  orNull,
  tryAllocateNative,
} from "./memory.ts";
import { runtime } from "./current.ts";
import type { Pointer } from "./runtime.ts";
import { assert } from "../lib/checks/assert.ts";

/** How many control blocks a list has room for. */
export const SUSPEND_LIST_MAX = 256;
/** Where the time-out stands, behind the list. */
const TIMEOUT_AT = SUSPEND_LIST_MAX * ADDRESS_BYTES;

/** See the module's documentation. */
export class SuspendList {
  readonly memory: NativeMemory;
  /** The list itself. */
  readonly pointer: Pointer;
  /** The `struct timespec`. */
  readonly timeout: Pointer;

  constructor(memory: NativeMemory) {
    this.memory = memory;
    this.pointer = memory.pointer;
    this.timeout = runtime.pointerTo(memory.address + TIMEOUT_AT);
  }

  /** Packs both, for a call that waits for one of `blocks`. */
  pack(blocks: readonly ControlBlock[], timeout_ms: number): void {
    assert(blocks.length <= SUSPEND_LIST_MAX, "a list of aio_suspend is full");
    const { view } = this.memory;
    packBlockList(view, blocks);
    writeTimespec(view, TIMEOUT_AT, timeout_ms);
  }
}

const freeLists: SuspendList[] = [];

/**
 * A list nobody uses; `null` if the system has no memory for one, or the runtime lets
 * nobody take any more.
 */
export function takeSuspendList(): SuspendList | null {
  const free = freeLists.pop();
  if (free !== undefined) return free;
  return orNull(() => {
    const memory = tryAllocateNative(TIMEOUT_AT + TIMESPEC.size);
    return memory === null ? null : new SuspendList(memory);
  });
}

/** Gives a list back for reuse: no call names it any more. */
export function releaseSuspendList(list: SuspendList): void {
  freeLists.push(list);
}

/** Frees the lists that nobody uses. */
export function freeSuspendLists(): void {
  for (const { memory } of freeLists) freeNative(memory);
  freeLists.length = 0;
}
