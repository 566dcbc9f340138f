/**
 * Who has requests in glibc's queue of a descriptor.
 *
 * It has one for each number, whoever the requests are of, and forgets what stands
 * behind the first one when that is canceled before a thread serves it. Two files may
 * be adopted from one descriptor, and a control block may be for that of a file.
 *
 * @module
 */
import { platform } from "../../system/constants.ts";

/** A request that the system has. */
export interface Queued {
  /** Those that were queued later have a higher one. */
  readonly order: number;
  /** Takes it back from the system. Returns whether it had not begun. */
  takeBack(): boolean;
  /** What was taken back waits for its turn again. */
  putBack(): void;
}

/** One who has requests there. */
export interface QueueUser {
  /**
   * Its requests of a descriptor, in order; `null` if it has some that it cannot take
   * back.
   */
  queued(fd: number): Queued[] | null;
}

const users = new Map<number, Set<QueueUser>>();

/** From now on, somebody has requests of a descriptor. Only glibc has such queues. */
export function joinQueue(fd: number, user: QueueUser): void {
  if (!platform.serialPerDescriptor) return;
  const others = users.get(fd);
  if (others === undefined) users.set(fd, new Set([user]));
  else others.add(user);
}

/** It has none any more. */
export function leaveQueue(fd: number, user: QueueUser): void {
  const all = users.get(fd);
  all?.delete(user);
  if (all?.size === 0) users.delete(fd);
}

/**
 * What others have queued for a descriptor, in no order; `null` if they have what
 * nobody can take back.
 */
export function queuedByOthers(fd: number, user: QueueUser): Queued[] | null {
  const all: Queued[] = [];
  for (const other of users.get(fd) ?? []) {
    const queued = other === user ? [] : other.queued(fd);
    if (queued === null) return null;
    all.push(...queued);
  }
  return all;
}
