/**
 * What a channel of a descriptor without offsets needs: calls that do not wait, and
 * what tells when the next one is worth it.
 *
 * @module
 */
import { platform } from "../../system/constants.ts";
import type { EngineRequest } from "../engine.ts";

/**
 * What one call transfers at most. No message of a socket is longer unless told
 * otherwise (`net.core.wmem_default`): none is cut.
 */
export const CALL_BYTES_MAX = 256 * 1024;

/**
 * Of so many bytes a pipe takes all or none. POSIX: "The value of {PIPE_BUF} shall be at
 * least 512."
 */
export const PIPE_BUF = platform.os === "linux" ? 4096 : 512;

// The same on every system.
export const POLLIN = 1;
export const POLLOUT = 4;

/** What to wait for before a read or a write. */
export function eventsOf(isWrite: boolean): number {
  return isWrite ? POLLOUT : POLLIN;
}

/** Reads and writes that do not wait. */
export interface StreamCalls {
  /**
   * Transfers what one call can.
   *
   * @param request The request, the next bytes of which it is about.
   * @param wanted How many, {@linkcode CALL_BYTES_MAX} at most.
   * @returns Bytes, or a negative error number: of `EAGAIN` if it would have to wait.
   * @throws The runtime's own error where it permits native calls no more; nothing was
   * transferred then.
   */
  transfer(request: EngineRequest, wanted: number): number;
  /** Gives back what it has opened. */
  close(): void;
}

/** Something that waits for a descriptor. */
export interface Waiting {
  readonly fd: number;
  /** {@linkcode POLLIN} or {@linkcode POLLOUT}. */
  readonly events: number;
  /** The descriptor is ready, or has failed. It waits no longer. */
  ready(): void;
  /** The runtime lets nothing wait for the descriptor. It waits no longer. */
  threw(error: Error): void;
}

/** What waits for descriptors. */
export interface Readiness {
  /** Calls `waiting.ready()` when its descriptor is ready, or `threw()`. */
  wait(waiting: Waiting): void;
  /** Ends waiting: nothing holds the descriptor for it any more. */
  forget(waiting: Waiting): void;
  /**
   * Resolves when nothing names a descriptor any more that nobody waits for. Where it
   * is missing, nothing ever does.
   */
  whenForgotten?(): Promise<void>;
}
