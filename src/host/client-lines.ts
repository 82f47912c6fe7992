/** What the load generator tells and is told, to and from lines on its standard output and input. */
import type { ClientEffect, LoadedModel } from "#serving/client/events.ts";
import type { StatedModel, StatusLine } from "#telemetry/status-line.ts";

const NS_PER_MS = 1e6;

export const toStated = ({ model, modelId, inputBytes }: LoadedModel): StatedModel => ({
  model,
  model_id: modelId,
  input_bytes: inputBytes,
});

export const fromStated = (stated: StatedModel): LoadedModel => ({
  model: stated.model,
  modelId: stated.model_id,
  inputBytes: stated.input_bytes,
});

export const toDrainedLine = ({
  unknown,
  expectedRequests,
}: Extract<ClientEffect, { readonly kind: "drained" }>): StatusLine => ({
  event: "drained",
  unknown,
  ...(expectedRequests === undefined ? {} : { expected_requests: expectedRequests }),
});

export const toProgressLine = (
  { progress }: Extract<ClientEffect, { readonly kind: "progress" }>,
  atNs: string,
): StatusLine => ({
  event: "progress",
  at_ns: atNs,
  scheduled: progress.scheduled,
  sent: progress.sent,
  ok: progress.ok,
  good: progress.good,
  failed: progress.failed,
  unknown: progress.unknown,
  dropped: progress.dropped,
  outstanding: progress.outstanding,
  rate_per_s: progress.ratePerS,
  goodput_per_s: progress.goodputPerS,
  p99_ms: progress.latencyP99 === null ? null : progress.latencyP99 / NS_PER_MS,
});
