/** The rules that end a run early, judged over the counters that the load generators report about once a second. */
import type { StopRules } from "#experiment/resolved.ts";
import type { LiveCounters } from "#runner/live-counters.ts";
import { formatDuration } from "#stdx/quantity.ts";
import type { StoredRun, StoredStop } from "#telemetry/results.ts";

/** From the report that decides until the end of sending: the command has to reach every generator before. */
const FINISH_LEAD_NS = 250_000_000n;
/** Reports come a little early or late; a stretch of time that is short by this is taken for whole. */
const SLACK_NS = 250_000_000;

/** What the rules need of one report. */
interface Sample {
  /** Since the start of the measurement window. */
  readonly atNs: number;
  readonly scheduled: number;
  readonly good: number;
  readonly ended: number;
  /** Ended, but not with success. */
  readonly bad: number;
  readonly outstanding: number;
}

const toSample = (counters: LiveCounters, atNs: number): Sample => {
  const bad = counters.failed + counters.unknown + counters.dropped;
  const { scheduled, good, outstanding } = counters;
  return { atNs, scheduled, good, ended: counters.ok + bad, bad, outstanding };
};

const percent = (share: number): string => `${Number((100 * share).toFixed(1))} %`;
const counted = (value: number): string => value.toLocaleString("en-US");

type Window = NonNullable<StoredRun["window"]>;

/** Judges measured time only: a stretch begins after the warm-up, and a stop falls into the measurement window. */
export class StopWatch {
  readonly #rules: StopRules;
  #samples: Sample[] = [];

  constructor(rules: StopRules) {
    this.#rules = rules;
  }

  /** The early end that is due after this report, or null. */
  judge(counters: LiveCounters, window: Window): StoredStop | null {
    const measureStart = BigInt(window.measure_start_ns);
    const reported = BigInt(counters.at_ns);
    const at = reported + FINISH_LEAD_NS;
    if (reported < measureStart || at >= BigInt(window.measure_end_ns)) return null;
    this.#add(toSample(counters, Number(reported - measureStart)));
    const found = this.#errorBudget() ?? this.#goodput() ?? this.#outstanding();
    return found === null ? null : { at_ns: String(at), ...found };
  }

  #add(sample: Sample): void {
    const { errorBudget, goodput, outstanding } = this.#rules;
    const longestNs = Math.max(
      ...[errorBudget, goodput, outstanding].map((rule) => rule?.overNs ?? 0),
    );
    this.#samples.push(sample);
    const first = this.#samples.findLastIndex(
      ({ atNs }) => atNs <= sample.atNs - longestNs + SLACK_NS,
    );
    if (first > 0) this.#samples = this.#samples.slice(first);
  }

  /** The reports of the last `overNs`, the one at its beginning included; null while there is no such stretch. */
  #stretch(overNs: number): readonly [Sample, ...Sample[]] | null {
    const last = this.#samples.at(-1)?.atNs ?? 0;
    const first = this.#samples.findLastIndex(({ atNs }) => atNs <= last - overNs + SLACK_NS);
    const [begin, ...rest] = first === -1 ? [] : this.#samples.slice(first);
    return begin === undefined || rest.length === 0 ? null : [begin, ...rest];
  }

  #errorBudget(): Omit<StoredStop, "at_ns"> | null {
    const rule = this.#rules.errorBudget;
    const stretch = rule === undefined ? null : this.#stretch(rule.overNs);
    const [begin, end] = [stretch?.[0], stretch?.at(-1)];
    if (rule === undefined || begin === undefined || end === undefined) return null;
    const [ended, bad] = [end.ended - begin.ended, end.bad - begin.bad];
    if (ended === 0 || bad / ended <= rule.share) return null;
    const evidence =
      `${percent(bad / ended)} of the ${counted(ended)} requests that ended within ` +
      `${formatDuration(rule.overNs)} failed, got no answer or were dropped; ${percent(rule.share)} may`;
    return { rule: "errorBudget", evidence };
  }

  #goodput(): Omit<StoredStop, "at_ns"> | null {
    const rule = this.#rules.goodput;
    const stretch = rule === undefined ? null : this.#stretch(rule.overNs);
    const [begin, end] = [stretch?.[0], stretch?.at(-1)];
    if (rule === undefined || begin === undefined || end === undefined) return null;
    const [scheduled, good] = [end.scheduled - begin.scheduled, end.good - begin.good];
    if (scheduled === 0 || good / scheduled >= rule.atLeast) return null;
    const evidence =
      `${counted(good)} requests were answered within their SLO in ${formatDuration(rule.overNs)} ` +
      `for ${counted(scheduled)} that were scheduled, ${percent(good / scheduled)}; ${percent(rule.atLeast)} are due`;
    return { rule: "goodput", evidence };
  }

  #outstanding(): Omit<StoredStop, "at_ns"> | null {
    const rule = this.#rules.outstanding;
    const stretch = rule === undefined ? null : this.#stretch(rule.overNs);
    if (rule === undefined || stretch === null) return null;
    const least = Math.min(...stretch.map(({ outstanding }) => outstanding));
    if (least <= rule.atMost) return null;
    const evidence = `${counted(least)} requests or more were outstanding for ${formatDuration(rule.overNs)}; ${counted(rule.atMost)} may be`;
    return { rule: "outstanding", evidence };
  }
}
