/** A simulated run that the test leads itself, with everything that its roles leave behind kept in memory. */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import type { PlannedRun, System, Workload } from "#experiment/resolved.ts";
import type { ClientRecord } from "#serving/client/events.ts";
import type { ActionRecord, RequestRecord } from "#serving/controller/events.ts";
import { ProfileCatalogue, parseProfiles } from "#serving/worker/profiles.ts";
import type { RoleEnding } from "#sim/role.ts";
import { DEFAULT_WORLD, SimulatedRun, type WorldOptions } from "#sim/simulated-run.ts";
import { MILLISECOND, ns } from "#stdx/nanos.ts";
import type { StatusLine } from "#telemetry/status-line.ts";
import { createArrivalProcess } from "#workload/arrival-process.ts";
import { generatorsOf } from "#workload/share.ts";
import { plannedRun } from "../support/planned-runs.ts";

const PROFILES = resolve(import.meta.dir, "../../experiments/profiles/v100-table1.csv");

export const readCatalogue = (): ProfileCatalogue => {
  const parsed = parseProfiles(readFileSync(PROFILES, "utf8"));
  if (!parsed.ok) throw new Error(parsed.error.join("\n"));
  return new ProfileCatalogue(parsed.value);
};

interface RunChanges {
  readonly seed?: number;
  readonly system?: Partial<System>;
  readonly workload?: Partial<Workload>;
}

/** Two workers with a GPU each, four instances of one model, 500 requests/s for half a second. */
export const simulatedPlan = ({ seed = 1, system, workload }: RunChanges = {}): PlannedRun => {
  const base = plannedRun(0);
  const load = { arrivals: "poisson", ratePerS: 500, durationNs: ns(500 * MILLISECOND) };
  return {
    ...base,
    seed,
    system: {
      ...base.system,
      workers: 2,
      models: [{ model: "resnet50_v2", instances: 4 }],
      profiles: PROFILES,
      ...system,
    },
    workload: { ...base.workload, ...load, ...workload } as Workload,
  };
};

export const arrivalsOf = (run: PlannedRun) => {
  const of = generatorsOf(run.workload);
  return Array.from({ length: of }, (_, index) => {
    const { workload, seed, system } = run;
    const share = of === 1 ? {} : { share: { index, of } };
    const made = createArrivalProcess({ workload, seed, models: system.models, ...share });
    if (!made.ok) throw new Error(JSON.stringify(made.error));
    return made.value;
  });
};

type Status<Event extends StatusLine["event"]> = Extract<StatusLine, { readonly event: Event }>;

export class SimulatedWorld {
  readonly simulation: SimulatedRun;
  readonly requests: RequestRecord[] = [];
  readonly actions: ActionRecord[] = [];
  readonly records: ClientRecord[] = [];
  readonly statuses: { readonly name: string; readonly line: StatusLine }[] = [];
  readonly lines: string[] = [];
  readonly exits = new Map<string, RoleEnding>();
  readonly #run: PlannedRun;

  constructor(run: PlannedRun, world: Partial<WorldOptions> = {}) {
    this.#run = run;
    this.simulation = new SimulatedRun({
      run,
      inputs: { catalogue: readCatalogue(), arrivals: arrivalsOf(run) },
      world: { ...DEFAULT_WORLD, ...world },
      output: {
        status: (name, line) => void this.statuses.push({ name, line }),
        line: (name, text) => void this.lines.push(`${name}: ${text}`),
        exited: (name, ending) => void this.exits.set(name, ending),
        openControllerLogs: () => ({
          request: (record) => void this.requests.push(record),
          action: (record) => void this.actions.push(record),
          close: () => {},
        }),
        openClientLog: () => ({
          request: (record) => void this.records.push(record),
          close: () => {},
        }),
      },
    });
  }

  statusesOf<Event extends StatusLine["event"]>(event: Event): readonly Status<Event>[] {
    return this.statuses.flatMap(({ line }) =>
      line.event === event ? [line as Status<Event>] : [],
    );
  }

  /** Steps until it holds; fails when nothing happens any more. */
  until(holds: () => boolean, what: string): this {
    while (!holds()) if (!this.simulation.step()) throw new Error(`nothing happens before ${what}`);
    return this;
  }

  /** Steps until the world's time has come, in ms. */
  untilMs(ms: number): this {
    return this.until(() => (this.simulation.nextAt() ?? Infinity) > ms * MILLISECOND, `${ms} ms`);
  }

  /** Starts every role and has all load generators begin to send. */
  start(): this {
    const { workers } = this.#run.system;
    for (let index = 0; index < workers; index++) {
      this.simulation.startWorker(`worker${index}`, index);
    }
    this.simulation.startController("controller");
    this.until(() => this.#isReady("controller"), "the controller is ready");
    const clients = Array.from(
      { length: generatorsOf(this.#run.workload) },
      (_, index) => `client${index}`,
    );
    for (const [index, name] of clients.entries()) this.simulation.startClient(name, index);
    this.until(() => this.#isReady("client0"), "client0 is ready");
    const models = this.statusesOf("ready").at(-1)?.models ?? [];
    for (const name of clients.slice(1)) {
      this.simulation.command(name, { command: "models", models });
    }
    const at = {
      at_ns: String(946_684_800_000_000_000n + BigInt(this.simulation.now) + 50_000_000n),
    };
    const begin = clients.length === 1 ? {} : at;
    for (const name of clients) this.simulation.command(name, { command: "start", ...begin });
    return this;
  }

  /** To the end of every load generator. */
  drain(): this {
    const clients = generatorsOf(this.#run.workload);
    return this.until(() => this.statusesOf("drained").length === clients, "all have drained");
  }

  #isReady(name: string): boolean {
    return this.statuses.some((each) => each.name === name && each.line.event === "ready");
  }
}
