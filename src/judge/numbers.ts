/** Numbers in evidence: few digits, always with a unit. */
import type { RunAnalysis } from "#query/analysis.ts";

const three = (value: number): string => String(Number(value.toPrecision(3)));

export const showNs = (ns: number): string => {
  const size = Math.abs(ns);
  if (size >= 1e9) return `${three(ns / 1e9)} s`;
  return size >= 1e5 || size === 0 ? `${three(ns / 1e6)} ms` : `${three(ns / 1e3)} µs`;
};

export const showShare = (share: number): string => `${three(share * 100)} %`;

/** "1 request", "2 requests". */
export const counted = (count: number, noun: string): string =>
  `${count} ${noun}${count === 1 ? "" : "s"}`;

export const sum = (values: readonly number[]): number =>
  values.reduce((total, value) => total + value, 0);

/** Requests scheduled in the measurement window. */
export const scheduledIn = (run: RunAnalysis): number => sum(run.outcomes.map((row) => row.count));

export const countOf = (run: RunAnalysis, outcome: string): number =>
  sum(run.outcomes.filter((row) => row.outcome === outcome).map((row) => row.count));
