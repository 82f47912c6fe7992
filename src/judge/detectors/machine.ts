/** Whether the hosts had time for the run: pressure, steal, throttling, and each role's own share of it. */
import { type ExaminedRun, exceeding, type Finding, finding } from "#judge/finding.ts";
import { counted, showNs, showShare } from "#judge/numbers.ts";
import type { FIXED } from "#judge/thresholds.ts";
import type { HostHealth, LoopHealth, ProcessHealth } from "#query/analysis.ts";

const OTHERS = "end what else runs on the host, or use one with more processors";

/** A host's time that went to something else, as a share of the window. */
const hostShares: readonly {
  readonly kind: keyof typeof FIXED;
  readonly timeOf: (host: HostHealth) => number | null;
  readonly perCpu?: boolean;
  readonly says: string;
  readonly remedy: string;
}[] = [
  {
    kind: "steal",
    timeOf: (host) => host.stealNs,
    perCpu: true,
    says: "of the processors' time was given to other virtual machines",
    remedy: "use a host whose processors are not shared",
  },
  {
    kind: "throttled",
    timeOf: (host) => host.throttledNs,
    says: "of the window our processes were stopped by a CPU quota",
    remedy: "raise the CPU limit of the container or control group",
  },
  {
    kind: "cpu-pressure",
    timeOf: (host) => host.cpuPressureNs,
    says: "of the window some task waited for a processor",
    remedy: OTHERS,
  },
  {
    kind: "memory-pressure",
    timeOf: (host) => host.memoryPressureNs,
    says: "of the window some task waited for memory",
    remedy: "use a host with more memory, or end what else uses it",
  },
  {
    kind: "io-pressure",
    timeOf: (host) => host.ioPressureNs,
    says: "of the window some task waited for a disk",
    remedy: "put the results folder on a faster disk, or end what else writes to it",
  },
];

const hostFindings = (host: HostHealth): readonly Finding[] => {
  const shares = hostShares.flatMap(({ kind, timeOf, perCpu, says, remedy }) => {
    const time = timeOf(host);
    const whole = host.windowNs * (perCpu === true ? host.cpuCount : 1);
    const observed = time === null ? null : time / whole;
    return exceeding({ kind, observed }, (share, bound) => ({
      evidence: `${showShare(share)} ${says} on ${host.host} (bound: ${showShare(bound)})`,
      remedy,
    }));
  });
  return [
    ...shares,
    ...exceeding({ kind: "sampler-gap", observed: host.sampleGapMaxNs }, (gap, bound) => ({
      evidence: `for ${showNs(gap)} there is no sample of ${host.host} (bound: ${showNs(bound)}): nothing says how it fared meanwhile`,
      remedy: "keep the host free for the run: its supervisor did not come to sample it",
    })),
    ...exceeding({ kind: "clock-step", observed: host.clockStepMaxNs }, (step, bound) => ({
      evidence: `the wall clock of ${host.host} was set by ${showNs(step)} at once (bound: ${showNs(bound)})`,
      remedy: "let the clock settle before the run, or have it slewed instead of stepped",
    })),
  ];
};

const processFindings = (
  role: ProcessHealth,
  { windowNs, sloNs }: { readonly windowNs: number; readonly sloNs: number | null },
): readonly Finding[] => {
  const share = role.runDelayNs === null ? null : role.runDelayNs / windowNs;
  const stopped =
    role.stoppedSamples === 0
      ? []
      : [
          finding("role-stopped", "invalid", {
            evidence: `${role.process} was seen stopped in ${role.stoppedSamples} of ${counted(role.samples, "sample")}`,
            remedy: "find out who sends SIGSTOP, or detach the debugger",
          }),
        ];
  return [
    ...stopped,
    ...exceeding({ kind: "run-delay", observed: share }, (value, bound) => ({
      evidence: `${role.process} could run and had no processor for ${showShare(value)} of the window (bound: ${showShare(bound)})`,
      remedy: OTHERS,
    })),
    ...exceeding(
      { kind: "run-delay-max", observed: role.runDelayMaxNs, sloNs },
      (value, bound) => ({
        evidence: `${role.process} waited ${showNs(value)} for a processor between two samples (bound: ${showNs(bound)})`,
        remedy: OTHERS,
      }),
    ),
    ...exceeding({ kind: "major-faults", observed: role.majorFaults }, (value, bound) => ({
      evidence: `${role.process} had to read ${value} pages from a disk (bound: ${bound})`,
      remedy: "use a host with more memory, or end what else uses it",
    })),
  ];
};

export const isGenerator = (name: string): boolean => name.startsWith("client");

const loopFindings = (loop: LoopHealth, sloNs: number | null): readonly Finding[] => {
  const busy = isGenerator(loop.process) ? loop.busyNs / loop.intervalNs : null;
  return [
    ...exceeding({ kind: "generator-cpu", observed: busy }, (share, bound) => ({
      evidence: `${loop.process} was at work for ${showShare(share)} of the time (bound: ${showShare(bound)})`,
      remedy: "use more generators, or offer less",
    })),
    ...exceeding({ kind: "loop-stall", observed: loop.stallMaxNs, sloNs }, (stall, bound) => ({
      evidence: `${loop.process} did not look for messages for ${showNs(stall)} (bound: ${showNs(bound)})`,
      remedy: `${OTHERS}; where the host had time, look into what ${loop.process} did`,
    })),
    ...exceeding({ kind: "gc-pause", observed: loop.gcPauseMaxNs, sloNs }, (pause, bound) => ({
      evidence: `a garbage collection stopped ${loop.process} for ${showNs(pause)} (bound: ${showNs(bound)})`,
      remedy: "offer less, or shorten the run: the longer it is, the more memory is in use",
    })),
  ];
};

export const machineFindings = ({ analysis, sloNs }: ExaminedRun): readonly Finding[] => {
  const { health, window } = analysis;
  if (health === null || window === null) return [];
  const windowNs = window.measureEndNs - window.measureStartNs;
  return [
    ...health.processes.flatMap((role) => processFindings(role, { windowNs, sloNs })),
    ...health.loops.flatMap((loop) => loopFindings(loop, sloNs)),
    ...health.hosts.flatMap(hostFindings),
  ];
};
