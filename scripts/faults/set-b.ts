/** Set B: kinds of faults that were written after the verdict's thresholds; no threshold was chosen by looking at them. */
import { chmodSync, rmSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { CLIENT_LOG } from "#telemetry/client-log.ts";
import type { Impairment } from "./impairment.ts";
import { between, type FaultKind, oneOf } from "./kind.ts";
import { ImpairedLink } from "./link.ts";
import { changeFile, deleteRows, embellish, flipBits, repeatRows } from "./log-damage.ts";
import { call, freeze, hog, parentOf, tamper, throttle } from "./machine.ts";
import type { ProxyCommand } from "./proxy.ts";

const CLIENT = "client0";
const ROLES = [CLIENT, "controller", "worker0"] as const;
const REQUEST_LOG = "clockwork_request_log.tsv";
const ACTION_LOG = "clockwork_action_log.tsv";

const runPaused: FaultKind = {
  name: "run-paused",
  set: "B",
  does: "all roles freeze at once for 200 to 500 ms of the window, as in a paused virtual machine",
  expects: ["send-lateness", "send-lateness-max", "loop-stall", "role-stopped", "request-delay"],
  needs: ["linux", "root", "cgroup freezer"],
  draw: (rng) => {
    const lengthMs = between(rng, 200, 500);
    const atMs = between(rng, 200, 2400);
    return {
      detail: `all roles frozen for ${lengthMs} ms at ${atMs} ms`,
      during: async (scene) => {
        await scene.at(atMs);
        await freeze(scene, ROLES, lengthMs);
      },
    };
  },
};

/** Damage that is done to the collected logs. */
const damaged = (
  facts: Pick<FaultKind, "name" | "does" | "expects">,
  draw: (rng: Parameters<FaultKind["draw"]>[0]) => {
    readonly detail: string;
    readonly log: string;
    readonly change: (text: string) => string;
  },
): FaultKind => ({
  ...facts,
  set: "B",
  needs: [],
  draw: (rng) => {
    const { detail, log, change } = draw(rng);
    return {
      detail: `${detail} ${log}`,
      collected: async ({ folders }) => changeFile(join(folders.telemetry, log), change),
    };
  },
});

const rowsRepeated = damaged(
  {
    name: "rows-repeated",
    does: "2 to 50 rows of the client's log are there twice",
    expects: ["duplicates", "file", "rows-lost"],
  },
  (rng) => {
    const count = between(rng, 2, 50);
    const share = between(rng, 10, 80) / 100;
    const change = (text: string): string => repeatRows(text, share, count);
    return { detail: `${count} rows are twice in`, log: CLIENT_LOG.file, change };
  },
);

const bitsFlipped = damaged(
  { name: "bits-flipped", does: "1 to 5 bits of a log are flipped", expects: ["file"] },
  (rng) => {
    const shares = Array.from({ length: between(rng, 1, 5) }, () => rng.uniform() * 0.99);
    const log = oneOf(rng, [CLIENT_LOG.file, REQUEST_LOG, ACTION_LOG]);
    const change = (text: string): string => flipBits(text, shares);
    return { detail: `${shares.length} bits flipped in`, log, change };
  },
);

const latenciesEmbellished = damaged(
  {
    name: "latencies-embellished",
    does: "somebody makes every latency in the client's log 20 to 60 % smaller",
    expects: ["file"],
  },
  (rng) => {
    const percent = between(rng, 20, 60);
    const change = (text: string): string => embellish(text, percent / 100);
    return { detail: `latencies ${percent} % smaller in`, log: CLIENT_LOG.file, change };
  },
);

const actionRowsDeleted = damaged(
  {
    name: "action-rows-deleted",
    does: "1 to 50 rows are missing from the middle of the action log",
    expects: ["file", "rows-lost"],
  },
  (rng) => {
    const count = between(rng, 1, 50);
    const share = between(rng, 20, 80) / 100;
    const change = (text: string): string => deleteRows(text, share, count);
    return { detail: `${count} rows deleted from`, log: ACTION_LOG, change };
  },
);

const logDeleted: FaultKind = {
  name: "log-deleted",
  set: "B",
  does: "a log of client or controller is deleted before the report is made",
  expects: ["file", "rows-lost", "evidence", "no-requests"],
  needs: [],
  draw: (rng) => {
    const log = oneOf(rng, [CLIENT_LOG.file, REQUEST_LOG, ACTION_LOG]);
    return {
      detail: `${log} deleted`,
      collected: async ({ folders }) => {
        const path = join(folders.telemetry, log);
        chmodSync(path, 0o644);
        rmSync(path);
      },
    };
  },
};

const realtimeHogs: FaultKind = {
  name: "realtime-hogs",
  set: "B",
  does: "an endless loop of real-time priority per processor runs for 0.6 to 1.2 s of the window",
  expects: ["run-delay", "run-delay-max", "cpu-pressure", "send-lateness", "send-lateness-max"],
  needs: ["linux", "root", "chrt"],
  draw: (rng) => {
    const lengthMs = between(rng, 600, 1200);
    const atMs = between(rng, 100, 1500);
    return {
      detail: `a real-time loop per processor for ${lengthMs} ms at ${atMs} ms`,
      during: async (scene) => {
        await scene.at(atMs);
        const count = navigator.hardwareConcurrency;
        await hog(scene, lengthMs, { count, prefix: ["chrt", "-f", "10"] });
      },
    };
  },
};

const clientCrowded: FaultKind = {
  name: "client-crowded",
  set: "B",
  does: "the client is bound to one processor, which it shares with 4 to 8 endless loops for 1 to 2 s of the window",
  expects: ["run-delay", "run-delay-max", "cpu-pressure", "send-lateness", "send-lateness-max"],
  needs: ["linux", "taskset"],
  draw: (rng) => {
    const count = between(rng, 4, 8);
    const lengthMs = between(rng, 1000, 2000);
    const atMs = between(rng, 100, 900);
    return {
      detail: `${count} loops on the client's only processor for ${lengthMs} ms at ${atMs} ms`,
      during: async (scene) => {
        await scene.at(atMs);
        call("taskset", "-a", "-c", "-p", "0", String(scene.pid(CLIENT)));
        await hog(scene, lengthMs, { count, prefix: ["taskset", "-c", "0"] });
      },
    };
  },
};

interface BadLink extends Pick<FaultKind, "name" | "does" | "expects"> {
  readonly to: ProxyCommand["to"];
  /** Draws how bad the link is, in words and numbers. */
  readonly impairment: (
    rng: Parameters<FaultKind["draw"]>[0],
  ) => readonly [string, Partial<Impairment>];
  /** For how long, least and most. */
  readonly lengthMs: readonly [number, number];
}

const badLink = ({ name, does, expects, to, impairment, lengthMs: range }: BadLink): FaultKind => ({
  name,
  set: "B",
  does,
  expects,
  needs: [],
  draw: (rng) => {
    const [words, changed] = impairment(rng);
    const lengthMs = between(rng, ...range);
    const atMs = between(rng, 100, 900);
    const link = new ImpairedLink();
    return {
      detail: `${words} for ${lengthMs} ms at ${atMs} ms`,
      launch: link.launch,
      during: async (scene) => {
        await scene.at(atMs);
        link.impair(to, changed);
        await scene.wait(lengthMs);
        link.heal();
      },
    };
  },
});

const delayed = (rng: Parameters<FaultKind["draw"]>[0]) => {
  const delayMs = between(rng, 30, 150);
  return [`a delay of ${delayMs} ms`, { delayMs }] as const;
};

const responsesDelayed = badLink({
  name: "responses-delayed",
  does: "responses, and only they, are under way for 30 to 150 ms longer for 1 to 2 s of the window",
  expects: ["receive-lateness", "receive-lateness-max", "clock-error"],
  to: "client",
  impairment: delayed,
  lengthMs: [1000, 2000],
});

const requestsDelayed = badLink({
  name: "requests-delayed",
  does: "requests, and only they, are under way for 30 to 150 ms longer for 1 to 2 s of the window",
  expects: ["request-delay", "clock-error"],
  to: "server",
  impairment: delayed,
  lengthMs: [1000, 2000],
});

const linkStalled = badLink({
  name: "link-stalled",
  does: "nothing passes between client and controller for 200 to 400 ms of the window",
  expects: ["receive-lateness", "receive-lateness-max", "request-delay"],
  to: "both",
  impairment: () => ["nothing passes", { isHeld: true }],
  lengthMs: [200, 400],
});

const linkNarrow = badLink({
  name: "link-narrow",
  does: "the link to the client carries 4 to 12 kB/s for 1 to 2 s of the window, less than the responses need",
  expects: ["receive-lateness", "receive-lateness-max", "request-delay"],
  to: "client",
  impairment: (rng) => {
    const bytesPerS = between(rng, 4000, 12_000);
    return [`${bytesPerS} bytes/s`, { bytesPerS }];
  },
  lengthMs: [1000, 2000],
});

const clientStutters: FaultKind = {
  name: "client-stutters",
  set: "B",
  does: "the client is stopped for 20 to 40 ms out of twice as many, over 1 to 2 s of the window",
  expects: ["role-stopped", "send-lateness", "send-burst", "send-lateness-max"],
  needs: ["linux"],
  draw: (rng) => {
    const stopMs = between(rng, 20, 40);
    const lengthMs = between(rng, 1000, 2000);
    const atMs = between(rng, 100, 900);
    return {
      detail: `client stopped for ${stopMs} ms out of ${2 * stopMs} over ${lengthMs} ms at ${atMs} ms`,
      during: async (scene) => {
        const pid = scene.pid(CLIENT);
        for (let offsetMs = atMs; offsetMs < atMs + lengthMs; offsetMs += 2 * stopMs) {
          await scene.at(offsetMs);
          process.kill(pid, "SIGSTOP");
          await scene.at(offsetMs + stopMs).finally(() => process.kill(pid, "SIGCONT"));
        }
      },
    };
  },
};

const workerThrottled: FaultKind = {
  name: "worker-throttled",
  set: "B",
  does: "a CPU quota gives the worker 3 to 6 ms of processor time in each 100 ms for 1 to 2 s of the window",
  expects: ["throttled", "loop-stall"],
  needs: ["linux", "root", "cgroup cpu"],
  draw: (rng) => {
    const quotaUs = between(rng, 3000, 6000);
    const lengthMs = between(rng, 1000, 2000);
    const atMs = between(rng, 100, 900);
    return {
      detail: `the worker has ${quotaUs} µs in each 100 ms for ${lengthMs} ms at ${atMs} ms`,
      during: async (scene) => {
        await scene.at(atMs);
        await throttle(scene, "worker0", { quotaUs, lengthMs });
      },
    };
  },
};

const diskErrors: FaultKind = {
  name: "disk-errors",
  set: "B",
  does: "every write of the controller's request log fails with an input/output error for 1 to 2 s of the window",
  expects: ["run-not-done", "file", "rows-lost"],
  artefacts: ["role-stopped"],
  needs: ["linux", "strace"],
  draw: (rng) => {
    const lengthMs = between(rng, 1000, 2000);
    return {
      detail: `writes of ${REQUEST_LOG} fail for ${lengthMs} ms`,
      during: async (scene) => {
        await scene.at(100);
        await tamper(scene, {
          roles: ["controller"],
          inject: "write,pwrite64,writev,pwritev2:error=EIO",
          paths: [join(scene.folders.telemetry, REQUEST_LOG)],
          lengthMs,
        });
      },
    };
  },
};

const supervisorKilled: FaultKind = {
  name: "supervisor-killed",
  set: "B",
  does: "the process that watches over the roles is killed within the window",
  expects: ["run-not-done", "sampler-gap", "evidence"],
  needs: ["linux"],
  draw: (rng) => {
    const atMs = between(rng, 100, 2800);
    return {
      detail: `supervisor killed at ${atMs} ms`,
      during: async (scene) => {
        await scene.at(atMs);
        process.kill(parentOf(scene.pid(CLIENT)), "SIGKILL");
      },
    };
  },
};

export const SET_B: readonly FaultKind[] = [
  runPaused,
  rowsRepeated,
  bitsFlipped,
  latenciesEmbellished,
  actionRowsDeleted,
  logDeleted,
  realtimeHogs,
  clientCrowded,
  responsesDelayed,
  requestsDelayed,
  linkStalled,
  linkNarrow,
  clientStutters,
  workerThrottled,
  diskErrors,
  supervisorKilled,
];
