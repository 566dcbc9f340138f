/** The tables that people read. */

import { judge, REQUIREMENTS } from "./requirements.ts";
import {
  type ContestantResult,
  median,
  ratio,
  type Results,
  type Spread,
  spread,
  threeDigits,
  type WorkResult,
} from "./results.ts";
import { describeDisturbance } from "./stolen.ts";
import { FIGURES, type Run } from "./workloads.ts";

export function formatHeader({ date, machine, versions, missing }: Results) {
  const pairs = (record: Record<string, string | number>) =>
    Object.entries(record).map(([name, value]) => `${name}: ${value}`);
  return [
    `posix-aio benchmark, ${date}`,
    "",
    ...pairs(machine),
    ...pairs(versions),
    ...missing.map(({ what, how }) => `missing: ${what} (${how})`),
    "",
    "Medians of all rounds, lowest to highest. `ratio` is the contestant over the",
    "library, pinned; the median of the ratios of each round. `loop` is the 99th",
    "percentile of event-loop delay, `cores` processor time over elapsed time.",
  ].join("\n");
}

/** One work: a line for each contestant. */
export function formatWork({ work, contestants }: WorkResult): string {
  const figures = ({ runs }: ContestantResult) =>
    runs.map((run) => run[work.figure]).filter((value) => value !== undefined);
  const library = contestants.find(({ key }) => key === "library");
  const header = [
    "",
    FIGURES[work.figure],
    "min to max",
    "ratio",
    "p50 us",
    "p99 us",
    "loop ms",
    "cores",
  ];
  const rows = contestants.map((contestant) => {
    const found = spread(figures(contestant));
    if (!found) return [contestant.label, `failed: ${contestant.error}`];
    const relative = library && ratio(figures(contestant), figures(library));
    const middle = (field: keyof Run) =>
      number(median(
        contestant.runs.map((run) => run[field]).filter((value) =>
          typeof value === "number"
        ),
      ));
    return [
      contestant.label,
      number(found.median),
      `${number(found.min)} to ${number(found.max)}`,
      relative ? relative.median.toFixed(2) : "",
      middle("p50_us"),
      middle("p99_us"),
      middle("loop_delay_p99_ms"),
      middle("cores"),
    ];
  });
  const notes = contestants
    .filter(({ runs, error }) => error && runs.length > 0)
    .map(({ label, runs, error }) =>
      `${label} failed in round ${runs.length + 1}: ${error}`
    );
  const disturbance = describeDisturbance(
    contestants.flatMap(({ runs }) => runs),
  );
  if (disturbance !== "") notes.push(`${disturbance}.`);
  return ["", work.title, align([header, ...rows]), ...notes].join("\n");
}

/** Each requirement with what was measured. */
export function formatRequirements(results: Results): string {
  const verdicts = REQUIREMENTS.map((requirement) =>
    judge(requirement, results)
  );
  const rows = verdicts.flatMap(({ what, bound, measured, verdict }) =>
    measured
      ? [[
        verdict,
        measured.median.toFixed(2),
        range(measured),
        bound,
        measured.of ? `${what} (${measured.of})` : what,
      ]]
      : []
  );
  const header = ["ratios", "median", "min to max", "required", ""];
  const unmeasured = verdicts.filter(({ measured }) => !measured)
    .map(({ what }) => `not measured: ${what}`);
  return ["", align([header, ...rows], [0, 4]), ...unmeasured].join("\n");
}

function range({ min, max }: Spread): string {
  return `${min.toFixed(2)} to ${max.toFixed(2)}`;
}

function number(value: number): string {
  return Number.isNaN(value) ? "" : threeDigits(value);
}

/** Columns of equal width, to the right except those in `left`. */
function align(rows: string[][], left = [0]): string {
  const columns = Math.max(...rows.map((row) => row.length));
  // A message instead of figures may run over all columns.
  const whole = rows.filter((row) => row.length === columns);
  const widths = Array.from({ length: columns }, (_, column) =>
    Math.max(
      ...(column === 0 ? rows : whole).map((row) => row[column].length),
    ));
  return rows.map((row) =>
    row.map((cell, column) =>
      left.includes(column) || row.length < columns
        ? cell.padEnd(widths[column])
        : cell.padStart(widths[column])
    ).join("  ").trimEnd()
  ).join("\n");
}
