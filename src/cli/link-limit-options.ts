/** Limits of one connection as options, for roles that listen: sizes of messages, and what a peer may leave unread. */
import { type Command, InvalidArgumentError, Option } from "commander";
import { type LinkLimits, QUEUE_BYTES_MAX } from "#host/link.ts";
import { formatBytes, parseBytes } from "#stdx/quantity.ts";
import { DEFAULT_LIMITS } from "#wire/framing.ts";

export interface LinkLimitFlags {
  readonly headerBytesMax: number;
  readonly bodyBytesMax: number;
  readonly queueBytesMax: number;
}

/** A message is held in one piece of memory. */
const SIZE_MAX = 2 ** 32 - 1;

const parseSize = (text: string): number => {
  const value = parseBytes(text);
  if (value !== null && value > 0 && value <= SIZE_MAX) return value;
  throw new InvalidArgumentError('It must be a size above zero and below 4GiB, as in "10MiB".');
};

const OPTIONS = [
  ["--header-bytes-max", "largest header of a message", DEFAULT_LIMITS.headerBytesMax],
  ["--body-bytes-max", "largest body of a message", DEFAULT_LIMITS.bodyBytesMax],
  ["--queue-bytes-max", "what one peer may leave unread", QUEUE_BYTES_MAX],
] as const;

export const addLinkLimitOptions = (command: Command): Command => {
  for (const [name, description, value] of OPTIONS)
    command.addOption(
      new Option(`${name} <size>`, description)
        .argParser(parseSize)
        .default(value, formatBytes(value)),
    );
  return command;
};

export const linkLimitsOf = (flags: LinkLimitFlags): LinkLimits => ({
  limits: { headerBytesMax: flags.headerBytesMax, bodyBytesMax: flags.bodyBytesMax },
  queueBytesMax: flags.queueBytesMax,
});
