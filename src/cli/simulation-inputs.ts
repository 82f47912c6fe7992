/** Reads what a simulated run needs: the profiles of its workers, and the schedule of each of its load generators. */
import { readFileSync } from "node:fs";
import type { LoadedExperiment } from "#cli/load-experiment.ts";
import { workloadInputs } from "#cli/workload-lines.ts";
import type { PlannedRun } from "#experiment/resolved.ts";
import type { OpenInputs } from "#runner/simulate-once.ts";
import { type ModelCatalogue } from "#serving/worker/catalogue.ts";
import { ProfileCatalogue, parseProfiles } from "#serving/worker/profiles.ts";
import type { ArrivalProcess } from "#workload/arrival.ts";
import { createArrivalProcess } from "#workload/arrival-process.ts";
import { generatorsOf } from "#workload/share.ts";

const readCatalogue = (path: string): ModelCatalogue => {
  const parsed = parseProfiles(readFileSync(path, "utf8"));
  if (!parsed.ok) throw new Error(`${path} cannot be used: ${parsed.error.join("; ")}`);
  return new ProfileCatalogue(parsed.value);
};

const arrivalsOf = (run: PlannedRun, loaded: LoadedExperiment): readonly ArrivalProcess[] => {
  const of = generatorsOf(run.workload);
  return Array.from({ length: of }, (_, index) => {
    const share = of === 1 ? {} : { share: { index, of } };
    const inputs = workloadInputs(run, loaded);
    const made = createArrivalProcess({ workload: run.workload, ...inputs, ...share });
    if (made.ok) return made.value;
    throw new Error(made.error.map(({ path, message }) => `${path}: ${message}`).join("; "));
  });
};

/** Of the runs of one loaded experiment. */
export const simulationInputs =
  (loaded: LoadedExperiment): OpenInputs =>
  (run) => ({
    catalogue: readCatalogue(run.system.profiles),
    arrivals: arrivalsOf(run, loaded),
  });
