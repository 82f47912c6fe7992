/** The original worker's configuration file: its keys, its defaults, and what is wrong with a file. */
import {
  describeValue,
  parseLibconfig,
  type Setting,
  type SettingValue,
} from "#serving/worker/libconfig.ts";
import { NO_NOISE, type NoiseOptions, parseNoise } from "#serving/worker/noise-options.ts";
import { err, ok, type Result } from "#stdx/result.ts";

export interface WorkerConfig {
  readonly weightsCacheBytes: number;
  readonly pageSizeBytes: number;
  readonly ioPoolBytes: number;
  readonly workspacePoolBytes: number;
  readonly hostIoPoolBytes: number;
  /** Whether inferences may come without inputs. */
  readonly allowsEmptyInputs: boolean;
  /** Whether the worker keeps a log of its actions, and the existing folder for it. */
  readonly logsActions: boolean;
  readonly logDir: string;
  /** Ours alone: the original refuses a file that has it. */
  readonly noise: NoiseOptions;
}

/** The original's `default.cfg`, made for GPUs of 32 GB. */
export const DEFAULT_WORKER_CONFIG: WorkerConfig = {
  weightsCacheBytes: 23_085_449_216,
  pageSizeBytes: 16_777_216,
  ioPoolBytes: 536_870_912,
  workspacePoolBytes: 536_870_912,
  hostIoPoolBytes: 536_870_912,
  allowsEmptyInputs: true,
  logsActions: false,
  logDir: "./",
  noise: NO_NOISE,
};

export interface ReadConfig {
  readonly config: WorkerConfig;
  /** For people: which default was replaced by what, and which keys mean nothing here. */
  readonly notes: readonly string[];
}

/** What a key takes: the field that it sets, or null for one that a simulated GPU has no use for. */
type Key =
  | {
      readonly takes: "bytes";
      readonly field: Exclude<
        keyof WorkerConfig,
        "allowsEmptyInputs" | "logsActions" | "logDir" | "noise"
      >;
    }
  | { readonly takes: "boolean"; readonly field: "allowsEmptyInputs" | "logsActions" | null }
  | { readonly takes: "text"; readonly field: "logDir" }
  | { readonly takes: "noise"; readonly field: "noise" };

type Keys = Readonly<Record<string, Key | { readonly group: Readonly<Record<string, Key>> }>>;

const KEYS: Keys = {
  memory_settings: {
    group: {
      weights_cache_size: { takes: "bytes", field: "weightsCacheBytes" },
      weights_cache_page_size: { takes: "bytes", field: "pageSizeBytes" },
      io_pool_size: { takes: "bytes", field: "ioPoolBytes" },
      workspace_pool_size: { takes: "bytes", field: "workspacePoolBytes" },
      host_io_pool_size: { takes: "bytes", field: "hostIoPoolBytes" },
    },
  },
  telemetry_settings: {
    group: {
      enable_task_telemetry: { takes: "boolean", field: null },
      enable_action_telemetry: { takes: "boolean", field: "logsActions" },
    },
  },
  log_dir: { group: { telemetry_log_dir: { takes: "text", field: "logDir" } } },
  allow_zero_size_inputs: { takes: "boolean", field: "allowsEmptyInputs" },
  noise: { takes: "noise", field: "noise" },
};

const ROOT = "WorkerConfig";

const DUE = {
  bytes: "a whole number of bytes above 0, such as 16777216L",
  boolean: "true or false",
  text: 'a text in quotes, such as "./"',
  noise: 'a text in quotes, such as "jitter-cv=0.05"',
} as const;

/** Collects what the settings say, and every mistake in them. */
class ConfigReader {
  readonly problems: string[] = [];
  readonly notes: string[] = [];
  readonly #changed: Record<string, number | boolean | string | NoiseOptions> = {};

  get config(): WorkerConfig {
    return { ...DEFAULT_WORKER_CONFIG, ...this.#changed };
  }

  readGroup(path: string, settings: readonly Setting[], keys: Keys): void {
    for (const setting of settings) {
      const key = Object.hasOwn(keys, setting.name) ? keys[setting.name] : undefined;
      const name = path === "" ? setting.name : `${path}.${setting.name}`;
      if (key === undefined) {
        const known = Object.keys(keys).join(", ");
        this.#refuse(setting, `unknown key ${name}; ${path === "" ? ROOT : path} takes ${known}`);
      } else if ("group" in key) this.#readSubgroup(name, setting, key.group);
      else this.#readKey(name, setting, key);
    }
  }

  #readSubgroup(name: string, setting: Setting, keys: Keys): void {
    const { value } = setting;
    if (value.kind === "group") return this.readGroup(name, value.settings, keys);
    const due = `{ ${Object.keys(keys)[0]} = …; }`;
    return this.#refuse(setting, `${name} is ${describeValue(value)}; due is a group, ${due}`);
  }

  #readKey(name: string, setting: Setting, key: Key): void {
    const read = this.#valueOf(setting, key);
    if (read === null) {
      const got = describeValue(setting.value);
      return this.#refuse(setting, `${name} is ${got}; due is ${DUE[key.takes]}`);
    }
    if (key.field === null) {
      this.notes.push(`${name} = ${describeValue(setting.value)} means nothing to simulated GPUs`);
      return;
    }
    if (key.field !== "noise") {
      const before = DEFAULT_WORKER_CONFIG[key.field];
      this.notes.push(
        `Overriding default ${name} = ${before} with ${describeValue(setting.value)}`,
      );
    }
    this.#changed[key.field] = read.value;
  }

  /** Null when the value is not of the due kind. */
  #valueOf(
    setting: Setting,
    { takes }: Key,
  ): { readonly value: number | boolean | string | NoiseOptions } | null {
    const { value } = setting;
    switch (takes) {
      case "bytes": {
        const bytes = value.kind === "whole" ? Number(value.value) : 0;
        return bytes > 0 && Number.isSafeInteger(bytes) ? { value: bytes } : null;
      }
      case "boolean":
        return value.kind === "boolean" ? { value: value.value } : null;
      case "text":
        return value.kind === "text" ? { value: value.value } : null;
      case "noise":
        return this.#noiseOf(setting, value);
    }
  }

  #noiseOf(setting: Setting, value: SettingValue): { readonly value: NoiseOptions } | null {
    if (value.kind !== "text") return null;
    const noise = parseNoise(value.value);
    if (!noise.ok) {
      this.#refuse(setting, `noise: ${noise.error}`);
      return { value: NO_NOISE };
    }
    this.notes.push(`noise = ${value.value}`);
    return { value: noise.value };
  }

  #refuse({ line }: Setting, message: string): void {
    this.problems.push(`line ${line}: ${message}`);
  }
}

/** Reads a configuration file; fails with one line for each mistake. Keys that it leaves out have their defaults. */
export const parseWorkerConfig = (text: string): Result<ReadConfig, readonly string[]> => {
  const parsed = parseLibconfig(text);
  if (!parsed.ok) return err([parsed.error]);
  const root = parsed.value.find(({ name }) => name === ROOT);
  const reader = new ConfigReader();
  for (const { name, line } of parsed.value) {
    if (name !== ROOT) reader.problems.push(`line ${line}: unknown group ${name}; due is ${ROOT}`);
  }
  if (root === undefined) reader.problems.push(`the group ${ROOT} is missing: ${ROOT} = { … };`);
  else if (root.value.kind === "group") reader.readGroup("", root.value.settings, KEYS);
  else reader.problems.push(`line ${root.line}: ${ROOT} must be a group: ${ROOT} = { … };`);
  const { config, notes, problems } = reader;
  return problems.length === 0 ? ok({ config, notes }) : err(problems);
};
