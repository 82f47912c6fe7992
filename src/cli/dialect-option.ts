/** The option by which a user says how the controller's logs are to be read; `report` and `query` share it. */
import { Option } from "commander";
import { TELEMETRY_DIALECTS, type TelemetryDialect } from "#telemetry/schema.ts";

export interface DialectOption {
  readonly dialect?: TelemetryDialect;
}

export const dialectOption = (): Option =>
  new Option(
    "--dialect <dialect>",
    "how the controller's logs are to be read, whatever they seem to be",
  ).choices(TELEMETRY_DIALECTS);

/** For those who take an absent dialect as an absent key. */
export const toldDialect = ({ dialect }: DialectOption): DialectOption =>
  dialect === undefined ? {} : { dialect };
