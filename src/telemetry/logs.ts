/** Every log there is, for whoever reads, checks or documents them all. */
import { ACTION_LOG } from "#telemetry/action-log.ts";
import { BATCH_LOG } from "#telemetry/batch-log.ts";
import { CLIENT_LOG } from "#telemetry/client-log.ts";
import { HOST_LOG } from "#telemetry/host-log.ts";
import { LOOP_LOG } from "#telemetry/loop-log.ts";
import { PROCESS_LOG } from "#telemetry/process-log.ts";
import { REQUEST_LOG } from "#telemetry/request-log.ts";
import type { LogSchema } from "#telemetry/schema.ts";
import { WINDOW_LOG } from "#telemetry/window-log.ts";
import { WORKER_LOG } from "#telemetry/worker-log.ts";

export const LOGS: readonly LogSchema<never>[] = [
  REQUEST_LOG,
  ACTION_LOG,
  BATCH_LOG,
  CLIENT_LOG,
  HOST_LOG,
  PROCESS_LOG,
  LOOP_LOG,
  WINDOW_LOG,
  WORKER_LOG,
];
