/** Every workload that the original client knows by name. */
import { PLAIN_WORKLOADS } from "#serving/client/workloads/plain-workloads.ts";
import { RISING_WORKLOADS } from "#serving/client/workloads/rising-workloads.ts";
import { TRACE_WORKLOADS } from "#serving/client/workloads/trace-workloads.ts";
import type { WorkloadKind } from "#serving/client/workloads/workload-kind.ts";

export const WORKLOADS: readonly WorkloadKind[] = [
  ...PLAIN_WORKLOADS,
  ...RISING_WORKLOADS,
  ...TRACE_WORKLOADS,
];

export const findWorkload = (name: string): WorkloadKind | null =>
  WORKLOADS.find((kind) => kind.name === name) ?? null;

/** One line for each workload, with its arguments and what it does. */
export const workloadUsage = (): readonly string[] =>
  WORKLOADS.flatMap(({ name, usage, about }) => [
    `  ${`${name} ${usage}`.trimEnd()}`,
    `      ${about}`,
  ]);
