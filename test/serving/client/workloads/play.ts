/** Runs workloads in virtual time: requests are answered after a fixed time, or never. */
import { type Workload, WorkloadEngine } from "#serving/client/workloads/engine.ts";
import { addNs, MILLISECOND, type Nanos, ns, ZERO_NS } from "#stdx/nanos.ts";

export interface Played {
  readonly atMs: number;
  readonly workload: number;
  readonly instance: number;
  readonly user: number;
  readonly sloFactor: number;
}

export interface PlayOptions {
  readonly untilMs: number;
  /** From request to response; null: there is none. */
  readonly serviceMs?: number | null;
  /** What becomes of the n-th request; success unless given. */
  readonly isOk?: (index: number) => boolean;
  readonly usersAreShared?: boolean;
}

export interface Playing {
  readonly requests: readonly Played[];
  readonly lines: readonly string[];
  readonly isRunning: boolean;
  /** Where the engine was when it ended. */
  readonly endMs: number;
}

interface Answer {
  readonly at: Nanos;
  readonly workload: Workload;
  readonly isOk: boolean;
}

export const play = (workloads: readonly Workload[], options: PlayOptions): Playing => {
  const { untilMs, serviceMs = 10, isOk = () => true, usersAreShared = true } = options;
  const requests: Played[] = [];
  const lines: string[] = [];
  const answers: Answer[] = [];
  const engine = new WorkloadEngine({
    workloads,
    instanceCount: Math.max(
      1,
      ...workloads.flatMap(({ instances }) => instances.map((i) => i + 1)),
    ),
    usersAreShared,
    issue: ({ workload, instance, at, user, sloFactor }) => {
      if (serviceMs !== null) {
        const due = addNs(at, ns(serviceMs * MILLISECOND));
        answers.push({ at: due, workload, isOk: isOk(requests.length) });
      }
      const index = workloads.indexOf(workload);
      requests.push({ atMs: at / MILLISECOND, workload: index, instance, user, sloFactor });
    },
    print: (line) => lines.push(line),
  });
  const until = untilMs * MILLISECOND;
  engine.start(ZERO_NS);
  while (engine.isRunning) {
    const timer = engine.nextAt() ?? Number.POSITIVE_INFINITY;
    const answer = answers[0]?.at ?? Number.POSITIVE_INFINITY;
    if (Math.min(timer, answer) > until) break;
    if (timer <= answer) engine.fire();
    else {
      const { at, workload, isOk: ended } = answers.shift() as Answer;
      engine.onEnded(at, workload, ended);
    }
  }
  return { requests, lines, isRunning: engine.isRunning, endMs: engine.now / MILLISECOND };
};

/** Instants of one workload's requests, in ms. */
export const timesOf = ({ requests }: Playing, workload = 0): readonly number[] =>
  requests.filter((request) => request.workload === workload).map(({ atMs }) => atMs);
