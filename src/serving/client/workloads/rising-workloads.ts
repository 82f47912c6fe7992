/** The original client's workloads whose rates or SLOs change as they run. */
import { rateAdjuster, sloAdjuster } from "#serving/client/workloads/adjusters.ts";
import { ClosedLoop } from "#serving/client/workloads/closed-loops.ts";
import type { Workload } from "#serving/client/workloads/engine.ts";
import {
  CONCURRENCY_MAX,
  COPIES_MAX,
  copiesOf,
  fixedRate,
  poisson,
  RATE_MAX,
  RATE_MIN,
} from "#serving/client/workloads/plain-workloads.ts";
import {
  DEFAULT_MODEL,
  defineWorkload,
  foundLine,
  indices,
  modelName,
  oneOf,
  real,
  type Surroundings,
  whole,
} from "#serving/client/workloads/workload-kind.ts";
import { type Nanos, ns, SECOND } from "#stdx/nanos.ts";
import { err, ok } from "#stdx/result.ts";

const PERIOD_S_MAX = 86_400;
const FACTOR_MAX = 1e6;
const NEVER = (): boolean => false;
const seconds = (count: number): Nanos => ns(count * SECOND);

/** The last two values of a model are 10 and 1 in the original, because it assigns where it means to compare. */
const toggle =
  (isOriginal: boolean) =>
  (factor: number): number =>
    isOriginal || factor === 10 ? 1 : 10;

const SIMPLE_SLO_FACTOR = defineWorkload({
  name: "simple-slo-factor",
  about: "three copies with a closed loop of 1 each; SLO factors that change every 10 s",
  parameters: {},
  plan: (_values, surroundings) => {
    const { isOriginal } = surroundings.streams;
    const period = seconds(10);
    const times = (factor: number): number => factor * 1.25;
    const plus = (factor: number): number => factor + 1;
    const loops: readonly Workload[] = indices(3).map(
      (index) => new ClosedLoop({ id: 0, instances: [index], concurrency: 1, isOriginal }),
    );
    const adjusters = [
      sloAdjuster({ period, initial: 4, next: times, isOver: NEVER }, [0]),
      sloAdjuster({ period, initial: 4, next: plus, isOver: NEVER }, [1]),
      sloAdjuster({ period, initial: 10, next: toggle(isOriginal), isOver: NEVER }, [2]),
    ];
    return ok({
      demands: copiesOf(DEFAULT_MODEL, 3),
      workloads: [...loops, ...adjusters],
      lines: [foundLine(surroundings)],
    });
  },
});

type Operation = "add" | "mul";

const operation = oneOf<Operation>("add", "mul");

/** A step that leaves the value where it is, or lowers it, would never end the run. */
const standsStill = (op: Operation, step: number): boolean =>
  op === "add" ? step <= 0 : step <= 1;

const stepOf =
  (op: Operation, step: number) =>
  (value: number): number =>
    op === "add" ? value + step : value * step;

const SCALABILITY = defineWorkload({
  name: "scalability-exp-1",
  about: "Poisson arrivals whose rate rises from period to period, and then the end",
  parameters: {
    num_models: whole(1, COPIES_MAX),
    rate_min: real(RATE_MIN, RATE_MAX),
    rate_max: real(RATE_MIN, RATE_MAX),
    rate_factor: real(0, RATE_MAX),
    rate_op: operation,
    period: whole(1, PERIOD_S_MAX),
  },
  plan: ({ num_models, rate_min, rate_max, rate_factor, rate_op, period }, surroundings) => {
    if (standsStill(rate_op, rate_factor))
      return err(`never ends: ${rate_op} ${rate_factor} does not raise the rate`);
    const step = rate_op === "add" ? rate_factor / num_models : rate_factor;
    const loops = indices(num_models).map((index) =>
      poisson(surroundings.streams, { index, ratePerS: rate_min / num_models }),
    );
    const adjuster = rateAdjuster(
      {
        period: seconds(period),
        initial: rate_min / num_models,
        next: stepOf(rate_op, step),
        isOver: (rate) => rate > rate_max / num_models,
      },
      loops,
    );
    return ok({
      demands: copiesOf(DEFAULT_MODEL, num_models),
      workloads: [...loops, adjuster],
      lines: [foundLine(surroundings)],
    });
  },
});

interface Foreground {
  readonly copies: number;
  readonly dist: "poisson" | "fixed-rate";
  readonly rate: number;
  readonly sloStart: number;
  readonly sloEnd: number;
  readonly sloFactor: number;
  readonly sloOp: Operation;
  readonly periodS: number;
}

/** Open loops over the first copies, and what changes their SLO factor. */
const foregroundOf = (
  { copies, dist, rate, sloStart, sloEnd, sloFactor, sloOp, periodS }: Foreground,
  { streams }: Surroundings,
): readonly Workload[] => {
  const make = dist === "poisson" ? poisson : fixedRate;
  const loops: readonly Workload[] = indices(copies).map((index) =>
    make(streams, { index, ratePerS: rate / copies }),
  );
  const step = Math.fround(sloFactor);
  const adjuster = sloAdjuster(
    {
      period: seconds(periodS),
      initial: sloStart,
      next: stepOf(sloOp, step),
      isOver: (factor) => factor > sloEnd,
    },
    indices(copies),
  );
  return [...loops, adjuster];
};

const distribution = oneOf<"poisson" | "fixed-rate">("poisson", "fixed-rate");
const sloFactors = whole(0, FACTOR_MAX);

const SLO_1 = defineWorkload({
  name: "slo-exp-1",
  about: "open loops whose SLO factor rises from period to period, and then the end",
  parameters: {
    model: modelName(),
    copies: whole(1, COPIES_MAX),
    dist: distribution,
    rate: real(RATE_MIN, RATE_MAX),
    slo_start: sloFactors,
    slo_end: sloFactors,
    slo_factor: real(0, FACTOR_MAX),
    slo_op: operation,
    period: whole(1, PERIOD_S_MAX),
  },
  plan: (values, surroundings) => {
    const { model, copies, dist, rate } = values;
    if (standsStill(values.slo_op, values.slo_factor))
      return err(`never ends: ${values.slo_op} ${values.slo_factor} does not raise the SLO factor`);
    const foreground = {
      copies,
      dist,
      rate,
      sloStart: values.slo_start,
      sloEnd: values.slo_end,
      sloFactor: values.slo_factor,
      sloOp: values.slo_op,
      periodS: values.period,
    };
    return ok({
      demands: copiesOf(model, copies),
      workloads: foregroundOf(foreground, surroundings),
      lines: [foundLine(surroundings)],
    });
  },
});

/** Sets the SLO factor of instances once and for all. */
class FixedSlo implements Workload {
  readonly id = 0;
  readonly className = "adjuster";
  readonly instances = [];
  readonly prepare: NonNullable<Workload["prepare"]>;

  constructor(factor: number, instances: readonly number[]) {
    this.prepare = (engine) => {
      for (const instance of instances) engine.setSloFactor(instance, factor);
    };
  }

  start(): void {}
}

const SLO_2 = defineWorkload({
  name: "slo-exp-2",
  about: "slo-exp-1 in front of closed loops of a fixed SLO factor, which begin after 10 s",
  parameters: {
    model: modelName(),
    copies_fg: whole(0, COPIES_MAX),
    dist_fg: distribution,
    rate_fg: real(0, RATE_MAX),
    slo_start_fg: sloFactors,
    slo_end_fg: sloFactors,
    slo_factor_fg: real(0, FACTOR_MAX),
    slo_op_fg: operation,
    period_fg: whole(1, PERIOD_S_MAX),
    copies_bg: whole(0, COPIES_MAX),
    concurrency_bg: whole(1, CONCURRENCY_MAX),
    slo_bg: real(0, FACTOR_MAX),
  },
  plan: (values, surroundings) => {
    const { model, copies_fg: copies, copies_bg } = values;
    if (copies + copies_bg === 0) return err("has no copies at all");
    if (copies > 0 && standsStill(values.slo_op_fg, values.slo_factor_fg))
      return err("never ends: its slo_factor_fg does not raise the SLO factor");
    if (copies > 0 && values.rate_fg < RATE_MIN) return err(`has a rate_fg below ${RATE_MIN}`);
    const foreground = {
      copies,
      dist: values.dist_fg,
      rate: values.rate_fg,
      sloStart: values.slo_start_fg,
      sloEnd: values.slo_end_fg,
      sloFactor: values.slo_factor_fg,
      sloOp: values.slo_op_fg,
      periodS: values.period_fg,
    };
    const behind = indices(copies_bg).map((index) => copies + index);
    const { isOriginal } = surroundings.streams;
    const closed = { concurrency: values.concurrency_bg, startDelay: seconds(10), isOriginal };
    return ok({
      demands: [...copiesOf(model, copies), ...copiesOf(model, copies_bg)].filter(
        ({ instances }) => instances > 0,
      ),
      workloads: [
        ...(copies > 0 ? foregroundOf(foreground, surroundings) : []),
        ...behind.map((id) => new ClosedLoop({ id, instances: [id], ...closed })),
        new FixedSlo(values.slo_bg, behind),
      ],
      lines: [foundLine(surroundings)],
    });
  },
});

export const RISING_WORKLOADS = [SIMPLE_SLO_FACTOR, SCALABILITY, SLO_1, SLO_2];
