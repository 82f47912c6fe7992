/** The report's lists of facts: what was run on what, the data's integrity, how to do it again. */
import { bytes, duration, grouped, plural } from "#report/format.ts";
import { details, left, list, paragraphs, right, table } from "#report/markdown.ts";
import type { Fact, ReportedRun, ReportInput } from "#report/model.ts";
import { hashSection, isSimulated, simulationFacts } from "#report/simulation.ts";

/** Facts that all runs share are stated once; a swept one lists its values. */
const factRows = (runs: readonly (readonly Fact[])[]): readonly (readonly string[])[] => {
  const names = [...new Set(runs.flatMap((facts) => facts.map(({ name }) => name)))];
  return names.map((name) => {
    const values = [
      ...new Set(runs.map((facts) => facts.find((fact) => fact.name === name)?.value ?? "–")),
    ];
    return [name, values.length === 1 ? (values[0] as string) : values.join(" · ")];
  });
};

const factTable = (head: string, runs: readonly (readonly Fact[])[]): string => {
  const rows = factRows(runs);
  return rows.length === 0 ? "" : table([left(head), left("")], rows);
};

const hostFacts = (input: ReportInput): readonly Fact[] => {
  const { manifest, duckdbVersion } = input.analysis;
  if (manifest === null) return [{ name: "Analysed with", value: `DuckDB ${duckdbVersion}` }];
  const { host, escapement } = manifest;
  const revision =
    escapement.git_revision === null
      ? "no git revision"
      : `revision \`${escapement.git_revision.slice(0, 12)}\`${escapement.git_dirty ? " with uncommitted changes" : ""}`;
  const cores = `${host.cpu_count} ${host.cpu_count === 1 ? "core" : "cores"}`;
  const place = isSimulated(input) ? `simulated on ${host.hostname}` : host.hostname;
  return [
    { name: "Target", value: `${manifest.target} (${place})` },
    ...simulationFacts(input),
    {
      name: "Processor",
      value: `${host.cpu_model}, ${cores}, ${bytes(host.memory_bytes)} of memory`,
    },
    { name: "System", value: `${host.platform}, kernel ${host.kernel}` },
    { name: "Escapement", value: `${escapement.version}, ${revision}` },
    { name: "Versions", value: `Bun ${host.bun_version}, DuckDB ${duckdbVersion}` },
  ];
};

const windowFacts = (run: ReportedRun): readonly Fact[] => {
  const { window } = run.analysis;
  if (window === null) return [{ name: "Measurement window", value: "–" }];
  const length = duration(window.measureEndNs - window.measureStartNs);
  return window.source === "run"
    ? [
        {
          name: "Measurement window",
          value: `${length}: requests scheduled from ${duration(window.measureStartNs)} to ${duration(window.measureEndNs)} after the start of sending, which ended at ${duration(window.sendEndNs)}`,
        },
      ]
    : [
        { name: "Measurement window", value: length },
        {
          name: "Its bounds",
          value: "first and last arrival in the log: no runner says when to measure",
        },
      ];
};

const measurementFacts = (run: ReportedRun): readonly Fact[] => {
  const { view, dialect } = run.analysis;
  const source = {
    client: "the client's log: latency counts from the scheduled instant",
    controller:
      "the controller's log, its view: latency counts from arrival there, and scheduled means arrived",
  };
  return [
    ...windowFacts(run),
    { name: "Requests taken from", value: view === null ? "no log" : source[view] },
    {
      name: "Dialect of the controller's logs",
      value: dialect === null ? "–" : `${dialect.dialect}: ${dialect.reason}`,
    },
  ];
};

const inputFiles = (input: ReportInput): string => {
  const files = input.analysis.manifest?.inputs ?? [];
  if (files.length === 0) return "";
  return table(
    [left("Input"), left("File"), right("Bytes"), left("SHA-256")],
    files.map((file) => [
      file.role,
      `\`${input.shownPath(file.path)}\``,
      grouped(file.bytes),
      `\`${file.sha256.slice(0, 16)}…\``,
    ]),
  );
};

/** System, workload, host and versions. */
export const whatSection = (input: ReportInput): string =>
  paragraphs([
    "## What was run on what",
    factTable(
      "System",
      input.runs.map((run) => run.system),
    ),
    factTable(
      "Workload",
      input.runs.map((run) => run.workload),
    ),
    factTable("Measurement", input.runs.map(measurementFacts)),
    factTable("Host", [hostFacts(input)]),
    inputFiles(input),
  ]);

/** Every log with its bytes, lines and rows. */
export const dataSection = (input: ReportInput): string => {
  const rows = input.runs.flatMap((run) =>
    run.analysis.files.map((file) => [
      `\`${file.path}\``,
      grouped(file.bytes),
      grouped(file.lines),
      grouped(file.rows),
      file.tornBytes > 0 ? `1 (${grouped(file.tornBytes)} B)` : "0",
      grouped(file.rejectedCount),
      file.mismatches.length === 0 ? "yes" : "**no**",
      `\`${file.sha256.slice(0, 12)}…\``,
    ]),
  );
  const rejected = input.runs.flatMap((run) =>
    run.analysis.files.flatMap((file) =>
      file.rejected.map(({ line, reason }) => `\`${file.path}\`, line ${line}: ${reason}`),
    ),
  );
  const files = rows.length;
  if (files === 0) return paragraphs(["## Data", "No log was found."]);
  const columns = [
    left("File"),
    right("Bytes"),
    right("Lines"),
    right("Rows"),
    right("Torn rows left out"),
    right("Lines left out"),
    left("Reconciled"),
    left("SHA-256"),
  ];
  const note =
    "Lines include the header. A log is reconciled when its whole lines, the rows in the database and, where they are known, the writer's own count and the checksum at collection all agree. A torn row is one that was being written when its writer ended.";
  return paragraphs([
    "## Data",
    note,
    details(plural(files, "file"), table(columns, rows)),
    rejected.length === 0 ? "" : list(rejected),
  ]);
};

/** How to run it again and how to rebuild the report. */
export const reproduceSection = (input: ReportInput): string => {
  const commands = [
    ...(input.reproduce === null ? [] : [`${input.reproduce}   # run it again`]),
    `${input.rebuild}   # rebuild this report, byte for byte`,
  ];
  const seeds =
    input.analysis.manifest === null
      ? ""
      : ` The seed is ${input.analysis.manifest.seed}; every run's own seed is in its \`run.json\`.`;
  return paragraphs([
    "## Again",
    ["```sh", ...commands, "```"].join("\n"),
    hashSection(input),
    `Metrics are defined in \`docs/metrics.md\`.${seeds}`,
  ]);
};
