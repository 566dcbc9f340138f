/**
 * What an engine is: the interface between the requests of files, which wait in
 * an order above it, and what serves them.
 *
 * Calls go down; what comes up goes through {@linkcode ChannelOwner}. An engine
 * knows neither queues nor promises.
 *
 * @module
 */
import type { Buffers } from "../checks/buffers.ts";
import type { ENGINES } from "../system/settings.ts";

/** What a request does. */
export type Operation = "read" | "write" | "append" | "sync" | "syncData";

/**
 * How a completion is noticed: by polling from the event loop and then in
 * `aio_suspend` (`"auto"`), by only one of them, or by `SIGEV_THREAD`.
 */
export type Notify = "auto" | "suspend" | "thread" | "poll";

/** What has to be known of an open file. */
export interface FileTraits {
  readonly path?: string;
  /** The descriptor by which the program knows the file: errors name it. */
  readonly knownFd: number;
  /** The flags it was opened with, as `F_GETFL` has them. */
  readonly flags: number;
  /** Whether it has offsets; pipes, sockets and terminals have none. */
  readonly isSeekable: boolean;
  /** Whether writes go to the end of the file, wherever that is. */
  readonly isAppending: boolean;
  /**
   * Whether lanes stay until the file is closed. Closing any descriptor of a file
   * drops the record locks that the process has on it (`fcntl(F_SETLK)`): those of
   * a program that gave the descriptor, or that writes.
   */
  readonly keepsLanes: boolean;
  /** Whether transfers go past the page cache. */
  readonly isDirect: boolean;
  /** Whether a write is done when it is on the device. */
  readonly isSynchronous: boolean;
}

/** A request as an engine sees it. */
export interface EngineRequest {
  readonly operation: Operation;
  readonly isWrite: boolean;
  readonly isSync: boolean;
  /** The caller's buffer, or several; `null` for a synchronization. */
  readonly view: Buffers | null;
  /** The native address of the buffer; 0 where it may move, and for several. */
  readonly address: number;
  readonly offset: number | bigint;
  /** Bytes to transfer. */
  readonly length: number;
  readonly notify: Notify;
  /** Bytes transferred so far: the engine adds what it transfers. */
  transferred: number;
  /** Whether the system transferred less than it was asked for the last time. */
  isShort: boolean;
  /** What the engine keeps of it while it has it. */
  entry: object | null;
  /**
   * Whether a buffer of the caller's was detached or became shorter meanwhile.
   *
   * @param nextBytes How many bytes are transferred next: of a list that has begun,
   * others are not looked at.
   */
  isViewLost(nextBytes: number): boolean;
}

/** What is known of a read before there is a request. */
export type AskedRead = Pick<EngineRequest, "length" | "notify">;

/** Whoever hands requests to a channel, and hears of them. */
export interface ChannelOwner {
  /**
   * A request, or a part of it, is done.
   *
   * @param errno Why it failed, or 0.
   * @param bytes How many were transferred: {@linkcode EngineRequest.transferred}
   * counts them already.
   */
  completed(request: EngineRequest, errno: number, bytes: number): void;
  /**
   * Nothing can be called for a request: the runtime's own error, such as where it
   * permits native calls no more.
   */
  threw(request: EngineRequest, error: Error): void;
  /** There is no memory for a request: the system was not asked. */
  lackedMemory(request: EngineRequest): void;
  /** The system could not take a request after all: it waits again, first. */
  putBack(request: EngineRequest): void;
  /** All completions at hand were handed over: there is room for others. */
  roomAgain(): void;
  /** Closing one of the channel's descriptors reported an error. */
  closeFailed(errno: number): void;
}

/** What waits for a channel. */
export interface Demand {
  /** How many requests of the file are not settled. */
  readonly outstanding: number;
  /** Whether some of those that wait go before others. */
  readonly isSorting: boolean;
}

/** The way of one open file's requests into the engine. */
export interface Channel {
  /**
   * Whether it takes one more transfer now. Asked before each.
   *
   * @param next The transfer.
   * @param demand What else waits.
   */
  hasRoom(next: EngineRequest, demand: Demand): boolean;
  /**
   * Whether it takes a read sooner than the page cache does, because it hands over
   * several with one call. Without it, it never does.
   *
   * @param reads About how many reads of the file it may have at once.
   * @param read What is asked for.
   */
  isAheadOfCache?(reads: number, read: AskedRead): boolean;
  /**
   * Takes a request. A synchronization does not wait for room.
   *
   * @returns Whether it was taken, or completed because it can't be: `false` means
   * that resources are missing until another request is done.
   */
  submit(request: EngineRequest): boolean;
  /** Cancels a request, if that is possible still. Returns whether it was. */
  cancel(request: EngineRequest): boolean;
  /** The requests that it has, in the order in which they are served. */
  requests(): EngineRequest[];
  /** It has none, and the isolate may end: gives back what it can do without. */
  rest?(): void;
  /**
   * It has none: resolves when no native call names the descriptor any more, nor waits
   * for what it had. A channel without it makes no such calls.
   */
  whenUnused?(): Promise<void>;
  /**
   * By which descriptor calls are to change the file that are no requests, if not by
   * its own: errors of write-back belong to what was opened.
   */
  fdToChange?(): number;
  /** Gives everything back. It has none. A promise resolves when that is done. */
  close(): void | Promise<void>;
}

/** What an engine counts. */
export interface EngineCounts {
  /** Descriptors that requests are served on beyond the files' own. */
  readonly lanes: number;
  /** Calls so far that waited beside the event loop, such as `aio_suspend`. */
  readonly suspends: number;
  /** Looks from the event loop so far. */
  readonly polls: number;
}

/** What an engine is called. */
export type EngineName = Exclude<(typeof ENGINES)[number], "auto">;

/** What serves the requests of an isolate. */
export interface Engine {
  readonly name: EngineName;
  /** Whether it has reads and writes of a file with `O_APPEND` at the same time. */
  readonly readsWhileAppending: boolean;
  /** Opens the way for the requests of a file. */
  open(fd: number, file: FileTraits, owner: ChannelOwner): Channel;
  /** Hands everything over that `fn` submits with one call, if it can. */
  list(fn: () => void): void;
  /** A caller has submitted what it has: hands it over before long. */
  flushSoon(): void;
  /** Hands over what was submitted: has to be done before anybody looks. */
  flush(): void;
  counts(): EngineCounts;
}
