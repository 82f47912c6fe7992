/** What the load generator tells and is told, to and from lines on its standard output and input. */
import type { ClientEffect, LoadedModel, SendWindow } from "#serving/client/events.ts";
import type { Nanos } from "#stdx/nanos.ts";
import type { StatedModel, StatusLine } from "#telemetry/status-line.ts";

const NS_PER_MS = 1e6;

type EffectOf<Kind extends ClientEffect["kind"]> = Extract<ClientEffect, { readonly kind: Kind }>;

/** An instant of the generator in ns since the Unix epoch, in decimal. */
type ToAbsolute = (instant: Nanos) => string;

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

export const toReadyLine = ({ models, expectedRequests }: EffectOf<"ready">): StatusLine => ({
  event: "ready",
  role: "client",
  port: null,
  models: models.map(toStated),
  expected_requests: expectedRequests,
});

export const toStartedLine = (window: SendWindow, absolute: ToAbsolute): StatusLine => ({
  event: "started",
  send_start_ns: absolute(window.sendStart),
  measure_start_ns: absolute(window.measureStart),
  measure_end_ns: absolute(window.measureEnd),
  send_end_ns: absolute(window.sendEnd),
});

export const toDrainedLine = ({ unknown, expectedRequests }: EffectOf<"drained">): StatusLine => ({
  event: "drained",
  unknown,
  ...(expectedRequests === undefined ? {} : { expected_requests: expectedRequests }),
});

export const toProgressLine = (
  { progress }: EffectOf<"progress">,
  absolute: ToAbsolute,
): StatusLine => ({
  event: "progress",
  at_ns: absolute(progress.at),
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
