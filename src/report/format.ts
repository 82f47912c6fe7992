/** Numbers as people read them: grouped, with units, rounded without crossing a promise (99.996 % is not 100 %). */
import type { MetricUnit, MetricValue } from "#query/analysis.ts";

/** 1234567.8 with one digit is "1,234,567.8". */
export const grouped = (value: number, digits = 0): string => {
  const [whole = "", fraction] = Math.abs(value).toFixed(digits).split(".");
  const sign = value < 0 && Number(value.toFixed(digits)) !== 0 ? "−" : "";
  const head = whole.replaceAll(/\B(?=(\d{3})+$)/g, ",");
  return `${sign}${head}${fraction === undefined ? "" : `.${fraction}`}`;
};

/** Three significant digits up to 1,000, whole numbers above: 0.0123, 1.23, 12.3, 123, 1,234. */
export const significant = (value: number): string => {
  const size = Math.abs(value);
  if (size === 0) return "0";
  if (size >= 100) return grouped(value);
  return grouped(value, Math.min(6, 2 - Math.floor(Math.log10(size))));
};

/** Milliseconds without the unit, for columns that carry it in their head. */
export const milliseconds = (ns: number): string => significant(ns / 1e6);

/** A duration in the unit that suits it. */
export const duration = (ns: number): string => {
  const size = Math.abs(ns);
  if (size >= 120e9) return `${significant(ns / 60e9)} min`;
  if (size >= 10e9) return `${significant(ns / 1e9)} s`;
  if (size >= 1e9 && ns % 1e8 === 0) return `${ns / 1e9} s`;
  if (size >= 1e5) return `${milliseconds(ns)} ms`;
  if (size >= 1e3) return `${significant(ns / 1e3)} µs`;
  return `${grouped(ns)} ns`;
};

/** A share as a percentage with two digits, more where rounding would claim all or nothing. */
export const percentage = (share: number): string => {
  if (share === 0 || share === 1) return `${share * 100} %`;
  for (let digits = 2; digits <= 6; digits++) {
    const text = (share * 100).toFixed(digits);
    if (Number(text) !== 0 && Number(text) !== 100) return `${text} %`;
  }
  return share < 0.5 ? "< 0.000001 %" : "> 99.999999 %";
};

export const perSecond = (rate: number): string =>
  `${rate >= 100 ? grouped(rate, rate >= 10_000 ? 0 : 1) : significant(rate)}/s`;

/** A value with its unit. */
export const quantity = (value: number, unit: MetricUnit): string => {
  switch (unit) {
    case "ns":
      return duration(value);
    case "per_s":
      return perSecond(value);
    case "share":
      return percentage(value);
    case "count":
      return significant(value);
  }
};

/** A metric's value with its unit; a dash where a run has none. */
export const metricText = (value: MetricValue | undefined): string =>
  value === undefined ? "–" : quantity(value.value, value.unit);

/** "1 request", "2 requests". */
export const plural = (count: number, noun: string): string =>
  `${grouped(count)} ${noun}${count === 1 ? "" : "s"}`;

/** A size in the binary unit that suits it. */
export const bytes = (value: number): string => {
  if (value < 1024) return `${value} B`;
  const units = ["KiB", "MiB", "GiB", "TiB"];
  const power = Math.min(units.length, Math.floor(Math.log2(value) / 10));
  return `${significant(value / 1024 ** power)} ${units[power - 1]}`;
};

/** A quantity as written in an experiment, spaced for reading: "25ms" is "25 ms", "1000/s" stays. */
export const writtenValue = (value: string | number | boolean): string =>
  typeof value === "string" ? value.replace(/^([\d.]+)([a-zA-Zµ]+)$/, "$1 $2") : String(value);

const KEY_NAMES: Readonly<Record<string, string>> = {
  slo: "SLO",
  rate: "offered rate",
  scheduler: "scheduler",
  gpusPerWorker: "GPUs per worker",
  maxGpus: "GPUs at most",
};

/** Names of models hold dots: what is swept there is their instances. */
const MODELS = "system.models.";

/** A key path in words: "system.slo" is "SLO", "workload.loadFactor" is "load factor". */
export const keyName = (path: string): string => {
  if (path.startsWith(MODELS)) return `${path.slice(MODELS.length)} instances`;
  const key = path.slice(path.lastIndexOf(".") + 1);
  return KEY_NAMES[key] ?? key.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
};
