/**
 * A descriptor on which the system serves requests, one after another, while it
 * serves those of other lanes at the same time. The requests of a lane are done
 * in order, so only the first one needs to be looked at.
 *
 * @module
 */
import type { ControlBlock } from "../../../ffi/control_block.ts";
import { runtime } from "../../../ffi/current.ts";
import type { Librt } from "../../../ffi/librt.ts";
import { assert } from "../../checks/assert.ts";
import { LinkedList } from "../../collections/linked_list.ts";
import {
  AIO_CANCELED,
  EAGAIN,
  EINPROGRESS,
  O_DSYNC,
  O_SYNC,
} from "../../system/constants.ts";
import { librt } from "../../system/librt.ts";
import type { ChannelOwner, EngineRequest, Notify } from "../engine.ts";
import { HARVEST_BYTES_MAX, HARVEST_MAX } from "../polling.ts";
import type { Flight, FlightLane } from "./flight.ts";
import {
  joinQueue,
  leaveQueue,
  type Queued,
  queuedByOthers,
  type QueueUser,
} from "./serial_queues.ts";
import { type Waitable, waiter } from "./waiter.ts";

/** How many flights were ever added to lanes. */
let added = 0;

/** See the module's documentation. */
export class Lane implements Waitable, FlightLane, QueueUser {
  readonly fd: number;
  position = -1;
  readonly #owner: ChannelOwner;
  readonly #flights = new LinkedList<Flight>();
  readonly #native: Librt;

  /**
   * @param fd The descriptor.
   * @param owner Hears of what is done.
   */
  constructor(fd: number, owner: ChannelOwner) {
    this.fd = fd;
    this.#owner = owner;
    this.#native = librt();
  }

  /** How many requests the system has of this lane. */
  get depth(): number {
    return this.#flights.size;
  }

  get head(): ControlBlock | null {
    const { first } = this.#flights;
    return first === null ? null : first.block;
  }

  get headNotify(): Notify {
    return this.#flights.first!.notify;
  }

  /** Takes a flight that goes to the system before anybody looks. */
  add(flight: Flight): void {
    flight.order = ++added;
    if (this.depth === 0) joinQueue(this.fd, this);
    this.#flights.addLast(flight);
    waiter.add(this);
  }

  /**
   * Hands a flight of its own to the system, at once.
   *
   * @returns `false` if the system has no resources for it. What it refuses for
   * another reason is completed.
   */
  call(flight: Flight): boolean {
    flight.isSubmitted = true;
    if (this.#callFor(flight) === 0) return true;
    const errno = runtime.errno();
    this.#remove(flight);
    flight.refused();
    if (errno === EAGAIN) return false;
    this.#owner.completed(flight.request, errno, 0);
    return true;
  }

  callAlone(flight: Flight): void {
    if (!this.call(flight)) this.#owner.putBack(flight.request);
  }

  refused(flight: Flight): void {
    this.#remove(flight);
    flight.refused();
    this.#owner.putBack(flight.request);
  }

  /** Hands over what is done, and has the lane filled again. */
  harvest(): number {
    const { aio_error, aio_return } = this.#native;
    let known = 0;
    let done = 0;
    let copied = 0;
    while (done < HARVEST_MAX && copied < HARVEST_BYTES_MAX) {
      if (done === known) known += this.#countDone();
      if (done === known) break;
      const flight = this.#flights.shift();
      const { block, isInPlace, request } = flight;
      const errno = block.status ?? aio_error(block.pointer);
      const bytes = aio_return(block.pointer);
      done++;
      if (!isInPlace) copied += bytes;
      flight.landed(bytes);
      this.#owner.completed(request, errno, bytes);
    }
    if (done > 0) {
      this.#leaveIfEmpty();
      this.#owner.roomAgain();
    }
    return done;
  }

  /**
   * How many requests, from the first one on, the system is done with.
   *
   * glibc writes the status of a request while it holds its lock, and gives the
   * lock back when it needs the control block no more. So one `aio_error`, which
   * takes that lock, speaks for all whose status was seen before it.
   */
  #countDone(): number {
    let done = 0;
    let last: ControlBlock | null = null;
    for (
      let flight = this.#flights.first;
      flight !== null && flight.isSubmitted && done < HARVEST_MAX;
      flight = flight.next
    ) {
      const { status } = flight.block;
      if (status === EINPROGRESS) break;
      last = flight.block;
      done++;
      // Without a view of the status, each one has to be asked for.
      if (status === null) break;
    }
    if (last === null) return 0;
    return this.#native.aio_error(last.pointer) === EINPROGRESS ? 0 : done;
  }

  /**
   * Takes a request back from the system. Returns whether it was possible.
   *
   * Those behind it are taken back too, and wait again: when the first one of a
   * descriptor is canceled before a thread serves it, glibc forgets what stands
   * behind it.
   */
  cancel(flight: Flight): boolean {
    const others = queuedByOthers(this.fd, this);
    if (others === null) return false;
    const mine: Queued[] = this.queued();
    const all = others.length === 0
      ? mine
      : [...mine, ...others].sort((one, other) => one.order - other.order);
    const behind = all.slice(all.indexOf(flight) + 1).reverse();
    const takenBack: Queued[] = [];
    for (const other of behind) {
      if (!other.takeBack()) break;
      takenBack.push(other);
    }
    const isCanceled = takenBack.length === behind.length && flight.takeBack();
    for (const other of takenBack) other.putBack();
    return isCanceled;
  }

  queued(): Flight[] {
    return this.#flights.toArray();
  }

  takeBack(flight: Flight): boolean {
    const { pointer } = flight.block;
    const { aio_cancel, aio_return } = this.#native;
    if (aio_cancel(this.fd, pointer) !== AIO_CANCELED) return false;
    aio_return(pointer);
    this.#remove(flight);
    flight.end();
    return true;
  }

  putBack({ request }: Flight): void {
    this.#owner.putBack(request);
  }

  #remove(flight: Flight): void {
    const isThere = this.#flights.remove(flight);
    assert(isThere, "a lane has what it gives up");
    this.#leaveIfEmpty();
  }

  #leaveIfEmpty(): void {
    if (this.depth === 0) leaveQueue(this.fd, this);
  }

  /** The requests that the system has. */
  requests(): EngineRequest[] {
    return this.queued().map(({ request }) => request);
  }

  #callFor({ request, block: { pointer } }: Flight): number {
    const native = this.#native;
    switch (request.operation) {
      case "read":
        return native.aio_read(pointer);
      case "write":
      case "append":
        return native.aio_write(pointer);
      case "sync":
        return native.aio_fsync(O_SYNC, pointer);
      case "syncData":
        return native.aio_fsync(O_DSYNC, pointer);
    }
  }
}
