/** How the hosts and the roles fared: what a verdict on the machine rests on, also where it found nothing. */
import type { HostHealth, LoopHealth, ProcessHealth } from "#query/analysis.ts";
import { bytes, duration, percentage } from "#report/format.ts";
import { markedLabel } from "#report/labels.ts";
import { details, left, paragraphs, right, table } from "#report/markdown.ts";
import type { ReportedRun, ReportInput } from "#report/model.ts";

/** Beyond this many rows a table is folded. */
const OPEN_ROWS = 12;

const share = (part: number | null | undefined, whole: number | undefined): string =>
  part === null || part === undefined || whole === undefined || whole <= 0
    ? "–"
    : percentage(part / whole);

const time = (ns: number | null | undefined): string =>
  ns === null || ns === undefined ? "–" : duration(ns);

const hostCells = (host: HostHealth): readonly string[] => [
  host.host,
  share(host.cpuBusyNs, host.windowNs * host.cpuCount),
  share(host.stealNs, host.windowNs * host.cpuCount),
  share(host.cpuPressureNs, host.windowNs),
  share(host.memoryPressureNs, host.windowNs),
  share(host.ioPressureNs, host.windowNs),
  share(host.throttledNs, host.windowNs),
  time(host.sampleGapMaxNs),
];

const roleCells = (
  name: string,
  loop: LoopHealth | undefined,
  process: { readonly health: ProcessHealth | undefined; readonly windowNs: number },
): readonly string[] => [
  name,
  share(loop?.busyNs, loop?.intervalNs),
  time(loop?.stallMaxNs),
  time(loop?.gcPauseMaxNs),
  share(process.health?.runDelayNs, process.windowNs),
  time(process.health?.runDelayMaxNs),
  process.health === undefined ? "–" : bytes(process.health.rssMaxBytes),
  time(loop?.clockDeltaNs),
];

const roleRows = (input: ReportInput, run: ReportedRun): readonly (readonly string[])[] => {
  const { health, window } = run.analysis;
  if (health === null || window === null) return [];
  const windowNs = window.measureEndNs - window.measureStartNs;
  const names = [...health.processes, ...health.loops].map((row) => row.process);
  return [...new Set(names)].map((name) => {
    const loop = health.loops.find((row) => row.process === name);
    const process = health.processes.find((row) => row.process === name);
    return [markedLabel(input, run), ...roleCells(name, loop, { health: process, windowNs })];
  });
};

const folded = (
  rows: readonly (readonly string[])[],
  heads: readonly string[],
  title: string,
): string => {
  if (rows.length === 0) return "";
  const columns = [left("Run"), left(heads[0] ?? ""), ...heads.slice(1).map(right)];
  const shown = table(columns, rows);
  return rows.length > OPEN_ROWS ? details(`${title} (${rows.length})`, shown) : shown;
};

/** "" where nothing was sampled. */
export const machineSection = (input: ReportInput): string => {
  const hosts = input.runs.flatMap((run) =>
    (run.analysis.health?.hosts ?? []).map((host) => [markedLabel(input, run), ...hostCells(host)]),
  );
  const roles = input.runs.flatMap((run) => roleRows(input, run));
  if (hosts.length === 0 && roles.length === 0) return "";
  return paragraphs([
    "## Machine",
    "Over the measurement window: of the processors' time what was busy or stolen by the hypervisor; of the window the time in which some task waited for a processor, for memory or for a disk, or in which a CPU quota stopped our processes; the longest time without a sample.",
    folded(
      hosts,
      ["Host", "Busy", "Stolen", "CPU pressure", "Memory", "Disk", "Throttled", "Sample gap"],
      "All hosts",
    ),
    "Of each role: the share of time in which its event loop did work, the longest time without a look at its sockets, the longest garbage collection; the share of the window in which it could run and had no processor, and the longest of that between two samples; memory; the difference of its clock to a peer's.",
    folded(
      roles,
      [
        "Role",
        "At work",
        "Longest stall",
        "Longest GC",
        "No processor",
        "Longest",
        "Memory",
        "Clock",
      ],
      "All roles",
    ),
  ]);
};
