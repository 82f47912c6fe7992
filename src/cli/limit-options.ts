/** The controller's limits as options: what clients may have outstanding, load, and leave unread. */
import { type Command, InvalidArgumentError, Option } from "commander";
import { type ClientPortLimits, DEFAULT_CLIENT_LIMITS } from "#host/client-port.ts";
import { DEFAULT_OPTIONS } from "#serving/controller/options.ts";
import type { RequestLimits } from "#serving/controller/outstanding.ts";
import { MILLISECOND, type Nanos, ns } from "#stdx/nanos.ts";
import { formatBytes, formatDuration, parseBytes, parseDuration } from "#stdx/quantity.ts";

export interface LimitFlags {
  readonly requestsMax: number;
  readonly connectionRequestsMax: number;
  readonly userRequestsMax?: number;
  readonly inputBytesMax: number;
  readonly responseBytesMax: number;
  readonly modelsMax: number;
  readonly connectionsMax: number;
  readonly stallLimit: Nanos;
}

export const requestLimitsOf = (flags: LimitFlags): RequestLimits => ({
  requestsMax: flags.requestsMax,
  requestsPerConnectionMax: flags.connectionRequestsMax,
  requestsPerUserMax: flags.userRequestsMax ?? null,
  inputBytesMax: flags.inputBytesMax,
});

export const clientLimitsOf = (flags: LimitFlags): ClientPortLimits => ({
  connectionsMax: flags.connectionsMax,
  responseBytesMax: flags.responseBytesMax,
  stallLimitMs: flags.stallLimit / MILLISECOND,
});

const REQUEST_LIMITS = DEFAULT_OPTIONS.requestLimits;
const LIMIT_MAX = 1e9;

const parseLimit = (text: string): number => {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= 1 && value <= LIMIT_MAX) return value;
  throw new InvalidArgumentError(`It must be a whole number from 1 to ${LIMIT_MAX}.`);
};

const parseSize = (text: string): number => {
  const value = parseBytes(text);
  if (value !== null && value > 0) return value;
  throw new InvalidArgumentError('It must be a size above zero, for example "8GiB".');
};

const parseSpan = (text: string): Nanos => {
  const value = parseDuration(text);
  if (value !== null && value > 0) return value;
  throw new InvalidArgumentError('It must be a duration above zero, for example "60s".');
};

const named = (flags: string, description: string, parse: (text: string) => unknown): Option =>
  new Option(flags, description).argParser(parse);

/** What clients may hold of the controller; one row per option. */
const LIMITS = [
  ["requests-max <n>", "requests outstanding, of all clients", REQUEST_LIMITS.requestsMax],
  [
    "connection-requests-max <n>",
    "requests outstanding, of one connection",
    REQUEST_LIMITS.requestsPerConnectionMax,
  ],
  ["models-max <n>", "model instances that clients load", DEFAULT_OPTIONS.modelsMax],
  [
    "connections-max <n>",
    "connections of clients; idle ones make room",
    DEFAULT_CLIENT_LIMITS.connectionsMax,
  ],
] as const;

export const addLimitOptions = (command: Command): Command => {
  for (const [flag, description, value] of LIMITS)
    command.addOption(named(`--${flag}`, description, parseLimit).default(value));
  const { inputBytesMax } = REQUEST_LIMITS;
  const { responseBytesMax, stallLimitMs } = DEFAULT_CLIENT_LIMITS;
  const stallLimit = ns(stallLimitMs * MILLISECOND);
  return command
    .addOption(
      named("--user-requests-max <n>", "inferences outstanding of one user id (any)", parseLimit),
    )
    .addOption(
      named("--input-bytes-max <size>", "inputs held, of all clients", parseSize).default(
        inputBytesMax,
        formatBytes(inputBytesMax),
      ),
    )
    .addOption(
      named(
        "--response-bytes-max <size>",
        "responses that clients leave unread",
        parseSize,
      ).default(responseBytesMax, formatBytes(responseBytesMax)),
    )
    .addOption(
      named(
        "--stall-limit <duration>",
        "clients that neither read nor go on are sent away after it",
        parseSpan,
      ).default(stallLimit, formatDuration(stallLimit)),
    );
};
