/**
 * A part of the tool `copy.ts`: shows on standard error how far a copy is.
 *
 * @module
 */

import process from "node:process";
// @ts-types="@types/cli-progress"
import { Format, type SingleBar } from "cli-progress";
import prettyBytes from "pretty-bytes";
import { barRate, drawBar, rateOf, startBar } from "../shared/progress.ts";
import type { CopyProgress } from "./transfer.ts";

/** Shows how far a copy is; `stop` leaves the terminal as it was. */
export interface Reporter {
  update(progress: CopyProgress): void;
  stop(): void;
}

/** A bar on a terminal, plain lines elsewhere. */
export function createReporter(): Reporter {
  return process.stderr.isTTY ? barReporter() : lineReporter();
}

function barReporter(): Reporter {
  let bar: SingleBar | null = null;
  let current: CopyProgress["phase"] | null = null;
  return {
    update({ phase, done, total }) {
      if (phase !== current) {
        bar?.stop();
        bar = startPhase(current = phase, total);
      }
      bar?.update(done);
    },
    stop: () => bar?.stop(),
  };
}

function startPhase(
  phase: CopyProgress["phase"],
  total: number | null,
): SingleBar | null {
  const titles = { copy: "Copying", sync: "Syncing", verify: "Verifying" };
  const title = titles[phase].padEnd(10);
  return startBar(total ?? 0, (params, options) => {
    if (phase === "sync") return title;
    const amount = `${prettyBytes(params.value)}  ${barRate(params)}`;
    if (total === null) return `${title}${amount}`;
    const left = Format.TimeFormat(params.eta, options, 1);
    return `${title}${drawBar(params, options)}  ${amount}  ${left} left`;
  }, { etaBuffer: 1000 });
}

/** A line at each tenth of the way, or at each gigabyte where the way is not known. */
function lineReporter(): Reporter {
  const verbs = { copy: "copied", sync: "syncing", verify: "verified" };
  let current: CopyProgress["phase"] | null = null;
  let started_ms = 0;
  let nextBytes = 0;
  return {
    update({ phase, done, total }) {
      const stepBytes = total ? total / 10 : 1e9;
      if (phase !== current) {
        current = phase;
        started_ms = Date.now();
        nextBytes = stepBytes;
      }
      if (done < nextBytes) return;
      nextBytes = (Math.floor(done / stepBytes) + 1) * stepBytes;
      const rate = rateOf(done, (Date.now() - started_ms) / 1000);
      const amount = total
        ? `${Math.floor(done / total * 100)} % of ${prettyBytes(total)}`
        : prettyBytes(done);
      console.error(`${verbs[phase]} ${amount}, ${rate}`);
    },
    stop() {},
  };
}
