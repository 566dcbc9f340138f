/**
 * Which faults a kind of system call is made to have, and at which calls.
 *
 * @module
 */
import { type Call, EVERY, type Fault, type Positions } from "./faults.ts";

/** What goes wrong in one run. */
export interface FaultCase {
  readonly name: string;
  readonly rules: readonly Rule[];
}

interface Rule {
  readonly call: Call;
  readonly fault: Fault;
  readonly positions: Positions;
}

/** A number is how many bytes are transferred at most. */
const FAULTS: Partial<Record<Call, Fault[]>> = {
  pread: ["EIO", "EINTR", "EAGAIN", 1, 777],
  pwrite: ["EIO", "ENOSPC", "EDQUOT", "EINTR", "EAGAIN", 0, 1, 777],
  read: ["EIO", "EINTR", "EAGAIN", 1, 777],
  write: ["EIO", "ENOSPC", "EPIPE", "EINTR", "EAGAIN", 1, 777],
  fsync: ["EIO", "ENOSPC", "EDQUOT", "EINTR", "EAGAIN"],
  fdatasync: ["EIO", "ENOSPC", "EDQUOT", "EINTR", "EAGAIN"],
};

/** After these the same call is made again, so they have to end. */
const PASSING: Fault[] = ["EINTR", "EAGAIN"];
const PASSING_LAST = 40;

/** Transfers of one byte would take for ever. */
const isEndless = (fault: Fault) => fault === 1;

/** A kind of call, and how many there are at least. */
export interface Calls {
  readonly call: Call;
  readonly least: number;
}

/**
 * Every fault at the first call, at a middle one and at every call.
 *
 * @param isThorough Whether to take each single position instead.
 */
export function casesOf(kinds: Calls[], isThorough: boolean): FaultCase[] {
  return kinds.flatMap(({ call, least }) => {
    const cases = FAULTS[call]!.flatMap((fault) =>
      positionsOf(fault, least, isThorough).map(([where, positions]) => ({
        name: `${nameOf(fault)} of ${call}, ${where}`,
        rules: [{ call, fault, positions }],
      }))
    );
    return call.endsWith("sync") ? cases : [...cases, shortThenFailing(call)];
  });
}

function nameOf(fault: Fault): string {
  return typeof fault === "string" ? fault : `at most ${fault} bytes`;
}

function positionsOf(
  fault: Fault,
  least: number,
  isThorough: boolean,
): [string, Positions][] {
  const at = (position: number) => ({ first: position, last: position });
  const every = PASSING.includes(fault)
    ? { first: 1, last: PASSING_LAST }
    : EVERY;
  const single: [string, Positions][] = isThorough
    ? Array.from({ length: least }, (_, i) => [`call ${i + 1}`, at(i + 1)])
    : [["the first", at(1)], ["a middle one", at(Math.ceil(least / 2))]];
  return isEndless(fault) ? single : [...single, ["every one", every]];
}

function shortThenFailing(call: Call): FaultCase {
  return {
    name: `every second ${call} short, the others EIO`,
    rules: [
      { call, fault: 500, positions: { ...EVERY, first: 1, step: 2 } },
      { call, fault: "EIO", positions: { ...EVERY, first: 2, step: 2 } },
    ],
  };
}
