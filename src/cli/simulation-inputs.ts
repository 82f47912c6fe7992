/** Reads what a simulated run needs: the profiles of its workers, and the schedule of each of its load generators. */
import { readFileSync } from "node:fs";
import type { LoadedExperiment } from "#cli/load-experiment.ts";
import { workloadInputs } from "#cli/workload-lines.ts";
import type { PlannedRun, System } from "#experiment/resolved.ts";
import { FolderCatalogue } from "#host/model-folders.ts";
import type { OpenInputs } from "#runner/simulate-once.ts";
import { type ModelCatalogue } from "#serving/worker/catalogue.ts";
import { ProfileCatalogue, parseProfiles } from "#serving/worker/profiles.ts";
import { type Nanos, ZERO_NS } from "#stdx/nanos.ts";
import type { ArrivalProcess } from "#workload/arrival.ts";
import { createArrivalProcess } from "#workload/arrival-process.ts";
import { generatorsOf } from "#workload/share.ts";

/** Reading a file takes no virtual time. */
const NO_TIME = (): Nanos => ZERO_NS;

const readCatalogue = ({ profiles: path, profilesAreFolders }: System): ModelCatalogue => {
  if (profilesAreFolders) return new FolderCatalogue(path, NO_TIME);
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
    catalogue: readCatalogue(run.system),
    arrivals: arrivalsOf(run, loaded),
  });
