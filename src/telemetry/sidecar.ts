/** `telemetry.json`: lies beside the controller's logs and says which dialect they are in, so that no reader has to guess. */
import {
  TELEMETRY_DIALECTS,
  TELEMETRY_SCHEMA_VERSION,
  type TelemetryDialect,
} from "#telemetry/schema.ts";

export const SIDECAR_FILE = "telemetry.json";

export interface Sidecar {
  readonly schema_version: number;
  /** Of the request and the action log; the other logs have one form. */
  readonly dialect: TelemetryDialect;
}

/** The sidecar's whole text. */
export const encodeSidecar = (dialect: TelemetryDialect): string => {
  const sidecar: Sidecar = { schema_version: TELEMETRY_SCHEMA_VERSION, dialect };
  return `${JSON.stringify(sidecar)}\n`;
};

/** The sidecar, or null when the text is not one that this version understands. */
export const parseSidecar = (text: string): Sidecar | null => {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // A torn or foreign file says nothing; the reader falls back to looking at the rows.
    return null;
  }
  if (typeof value !== "object" || value === null) return null;
  const { schema_version: version, dialect } = value as Partial<Record<keyof Sidecar, unknown>>;
  const known = TELEMETRY_DIALECTS.find((name) => name === dialect);
  if (known === undefined || typeof version !== "number") return null;
  return version <= TELEMETRY_SCHEMA_VERSION ? { schema_version: version, dialect: known } : null;
};
