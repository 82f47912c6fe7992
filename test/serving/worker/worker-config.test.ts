/** The worker's configuration file: the original's keys and defaults (config.md §3), and every mistake with its line. */
import { describe, expect, test } from "bun:test";
import { parseLibconfig } from "#serving/worker/libconfig.ts";
import { NO_NOISE } from "#serving/worker/noise-options.ts";
import { DEFAULT_WORKER_CONFIG, parseWorkerConfig } from "#serving/worker/worker-config.ts";
import { Rng } from "#stdx/rng.ts";

const problemsOf = (text: string): readonly string[] => {
  const parsed = parseWorkerConfig(text);
  return parsed.ok ? [] : parsed.error;
};

describe("a configuration file", () => {
  test("without keys leaves the original's defaults (config.md §3, table)", () => {
    const parsed = parseWorkerConfig("WorkerConfig = {};");
    expect(parsed.ok && parsed.value).toEqual({ config: DEFAULT_WORKER_CONFIG, notes: [] });
    expect(DEFAULT_WORKER_CONFIG).toEqual({
      weightsCacheBytes: 23_085_449_216,
      pageSizeBytes: 16_777_216,
      ioPoolBytes: 536_870_912,
      workspacePoolBytes: 536_870_912,
      hostIoPoolBytes: 536_870_912,
      allowsEmptyInputs: true,
      logsActions: false,
      logDir: "./",
      noise: NO_NOISE,
    });
  });

  test("replaces single keys, says which, and names those without a meaning here", () => {
    const text = `
      # for cards of 16 GB
      WorkerConfig : {
        memory_settings = { weights_cache_size = 10737418240L; io_pool_size = 0x10; };
        telemetry_settings = { enable_task_telemetry = TRUE };
        log_dir : { telemetry_log_dir = "/var" "/log"; }
        allow_zero_size_inputs = False;
        noise = "jitter-cv=0.05";
      }`;
    const parsed = parseWorkerConfig(text);
    expect(parsed.ok && parsed.value).toEqual({
      config: {
        ...DEFAULT_WORKER_CONFIG,
        weightsCacheBytes: 10_737_418_240,
        ioPoolBytes: 16,
        allowsEmptyInputs: false,
        logDir: "/var/log",
        noise: { ...NO_NOISE, jitterCv: 0.05 },
      },
      notes: [
        "Overriding default memory_settings.weights_cache_size = 23085449216 with 10737418240",
        "Overriding default memory_settings.io_pool_size = 536870912 with 16",
        "telemetry_settings.enable_task_telemetry = true means nothing to simulated GPUs",
        'Overriding default log_dir.telemetry_log_dir = ./ with "/var/log"',
        "Overriding default allow_zero_size_inputs = true with false",
        "noise = jitter-cv=0.05",
      ],
    });
  });

  const bytesDue = "due is a whole number of bytes above 0, such as 16777216L";
  const memoryKeys =
    "weights_cache_size, weights_cache_page_size, io_pool_size, workspace_pool_size, host_io_pool_size";
  const cases: readonly [string, string, readonly string[]][] = [
    ["nothing", "", ["the group WorkerConfig is missing: WorkerConfig = { … };"]],
    [
      "another root",
      "Worker = {};",
      [
        "line 1: unknown group Worker; due is WorkerConfig",
        "the group WorkerConfig is missing: WorkerConfig = { … };",
      ],
    ],
    [
      "a root that is no group",
      "\nWorkerConfig = 3;",
      ["line 2: WorkerConfig must be a group: WorkerConfig = { … };"],
    ],
    [
      "unknown keys, all at once",
      "WorkerConfig = {\n  gpus = 3;\n  memory_settings = {\n    cache = 5; };\n};",
      [
        "line 2: unknown key gpus; WorkerConfig takes memory_settings, telemetry_settings, log_dir, allow_zero_size_inputs, noise",
        `line 4: unknown key memory_settings.cache; memory_settings takes ${memoryKeys}`,
      ],
    ],
    [
      "a key of the language's own objects",
      "WorkerConfig = { constructor = 1; };",
      [
        "line 1: unknown key constructor; WorkerConfig takes memory_settings, telemetry_settings, log_dir, allow_zero_size_inputs, noise",
      ],
    ],
    [
      "sizes that are none",
      "WorkerConfig = { memory_settings = { weights_cache_size = -1; io_pool_size = 1.5;\nworkspace_pool_size = 0; host_io_pool_size = 9007199254740993L; }; };",
      [
        `line 1: memory_settings.weights_cache_size is -1; ${bytesDue}`,
        `line 1: memory_settings.io_pool_size is 1.5; ${bytesDue}`,
        `line 2: memory_settings.workspace_pool_size is 0; ${bytesDue}`,
        `line 2: memory_settings.host_io_pool_size is 9007199254740993; ${bytesDue}`,
      ],
    ],
    [
      "kinds mixed up",
      'WorkerConfig = { allow_zero_size_inputs = 1; log_dir = "x"; noise = [1, 2]; };',
      [
        "line 1: allow_zero_size_inputs is 1; due is true or false",
        'line 1: log_dir is "x"; due is a group, { telemetry_log_dir = …; }',
        'line 1: noise is a list; due is a text in quotes, such as "jitter-cv=0.05"',
      ],
    ],
    [
      "a noise that is none",
      'WorkerConfig = { noise = "jitter-cv=3"; };',
      ['line 1: noise: jitter-cv is "3"; due is a number from 0 to 2, such as 0.05'],
    ],
  ];
  for (const [name, text, problems] of cases) {
    test(`is refused: ${name}`, () => expect(problemsOf(text)).toEqual(problems));
  }
});

describe("the format", () => {
  const cases: readonly [string, string][] = [
    ["a = ", "line 1: expected a value for a, got the end of the file"],
    ["a 3", 'line 1: expected "=" after a, got 3'],
    ["a = 1;\n\n3 = a;", "line 3: expected the name of a setting, got 3"],
    ["a = 1; a = 2;", "line 1: a is set already, in line 1"],
    ["a = {\nb = 1;\n", "line 3: expected the name of a setting, got the end of the file"],
    ["/* open\n", "line 1: the comment is not closed with */"],
    ['a = "open\n', "line 1: the text is not closed with a quote"],
    ["a = 1;\n$", 'line 2: unexpected "$"'],
    ["a = (1, 2;", 'line 1: expected ")" after the members of a'],
    ["a = 9223372036854775808L;", "line 1: 9223372036854775808L does not fit 64 bits"],
    ['@include "b.cfg"', "line 1: expected the name of a setting, got @include"],
    ["a={".repeat(50), "line 1: groups are nested more than 32 deep"],
    ["a = 1\r\nb = yes", "line 2: expected a value for b, got yes"],
  ];
  for (const [text, problem] of cases) {
    test(`${JSON.stringify(text.slice(0, 40))} is refused`, () => {
      const parsed = parseLibconfig(text);
      expect(parsed.ok ? null : parsed.error).toBe(problem);
    });
  }

  test("comments of three kinds, numbers of all kinds, escapes, lines counted through all of them", () => {
    const text =
      '// one\n# two\n/* three\n four */ a = -5LL;\nb : +7, c = 1e3 d = "x\\n\\"\\x41";\n\n e = ( { f = 1; }, [] );\ng=0xFFFFFFFFFFFFFFFFL';
    const parsed = parseLibconfig(text);
    expect(parsed.ok && parsed.value).toEqual([
      { name: "a", line: 4, value: { kind: "whole", value: -5n } },
      { name: "b", line: 5, value: { kind: "whole", value: 7n } },
      { name: "c", line: 5, value: { kind: "fraction", value: 1000 } },
      { name: "d", line: 5, value: { kind: "text", value: 'x\n"A' } },
      { name: "e", line: 7, value: { kind: "sequence" } },
      { name: "g", line: 8, value: { kind: "whole", value: -1n } },
    ]);
  });
});

test("no mutation of a file makes the reader throw, and each refusal says where", () => {
  const whole =
    'WorkerConfig : {\n memory_settings = { io_pool_size = 0x10L; };\n /* c */ log_dir = { telemetry_log_dir = "a\\n"; }; // d\n x = [1, (2.5)]; };';
  const pieces = [
    "{",
    "}",
    "=",
    '"',
    "/*",
    "*/",
    "\\",
    "0x",
    "L",
    "e9",
    "-",
    ".",
    "\n",
    "\u0000",
    "é",
    "",
  ];
  const rng = Rng.of(1, "mutations");
  let refused = 0;
  for (let i = 0; i < 5_000; i++) {
    let text = whole;
    for (let change = 0; change <= rng.below(3); change++) {
      const at = rng.below(text.length + 1);
      text = text.slice(0, at) + pieces[rng.below(pieces.length)] + text.slice(at + rng.below(4));
    }
    const problems = problemsOf(text);
    if (problems.length > 0) refused += 1;
    for (const problem of problems) expect(problem).toMatch(/^(line \d+: |the group WorkerConfig)/);
  }
  expect(refused).toBeGreaterThan(4_000);
});
