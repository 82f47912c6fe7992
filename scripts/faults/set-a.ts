/** Set A: the kinds of faults that were known while the verdict's thresholds were chosen. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { CLIENT_LOG } from "#telemetry/client-log.ts";
import { between, type FaultKind, oneOf } from "./kind.ts";
import { ImpairedLink } from "./link.ts";
import { changeFile, cutWithinRow, deleteRows } from "./log-damage.ts";
import { compileShim, fillDisk, hog, startProgram, stopFor, tamper, throttle } from "./machine.ts";

const CLIENT = "client0";
const CONTROLLER_LOG = "clockwork_request_log.tsv";
const DISK_BYTES = 16 * 1024 * 1024;

const stopped = (name: string, role: string, expects: FaultKind["expects"]): FaultKind => ({
  name,
  set: "A",
  does: `${role} is stopped by SIGSTOP for 200 to 400 ms of the window`,
  expects: ["role-stopped", "loop-stall", ...expects],
  needs: ["linux"],
  draw: (rng) => {
    const lengthMs = between(rng, 200, 400);
    const atMs = between(rng, 200, 2500);
    return {
      detail: `${role} stopped for ${lengthMs} ms at ${atMs} ms`,
      during: async (scene) => {
        await scene.at(atMs);
        await stopFor(scene, role, lengthMs);
      },
    };
  },
});

const cpuHogs: FaultKind = {
  name: "cpu-hogs",
  set: "A",
  does: "two endless loops per processor run for 1 to 2 s of the window",
  expects: ["cpu-pressure", "run-delay", "run-delay-max", "send-lateness", "send-lateness-max"],
  needs: ["linux"],
  draw: (rng) => {
    const lengthMs = between(rng, 1000, 2000);
    const atMs = between(rng, 100, 900);
    return {
      detail: `two busy loops per processor for ${lengthMs} ms at ${atMs} ms`,
      during: async (scene) => {
        await scene.at(atMs);
        await hog(scene, lengthMs);
      },
    };
  },
};

const clientLogTorn: FaultKind = {
  name: "client-log-torn",
  set: "A",
  does: "the client's log is cut off within a row at 20 to 95 % of its length",
  expects: ["file", "rows-lost", "expected-sigmas", "expected-share"],
  needs: [],
  draw: (rng) => {
    const percent = between(rng, 20, 95);
    return {
      detail: `${CLIENT_LOG.file} cut off at ${percent} %`,
      collected: async ({ folders }) =>
        changeFile(join(folders.telemetry, CLIENT_LOG.file), (text) =>
          cutWithinRow(text, percent / 100),
        ),
    };
  },
};

const rowsDeleted = (name: string, log: string): FaultKind => ({
  name,
  set: "A",
  does: `1 to 50 rows in a row are missing from the middle of ${log}`,
  expects: ["file", "rows-lost", "expected-sigmas", "expected-share"],
  needs: [],
  draw: (rng) => {
    const count = between(rng, 1, 50);
    const percent = between(rng, 20, 80);
    return {
      detail: `${count} rows deleted from ${log} at ${percent} %`,
      collected: async ({ folders }) =>
        changeFile(join(folders.telemetry, log), (text) => deleteRows(text, percent / 100, count)),
    };
  },
});

const slowDisk: FaultKind = {
  name: "slow-disk",
  set: "A",
  does: "each write of the client's and the controller's logs takes 60 to 200 ms longer for 1.5 to 2.5 s of the window",
  expects: [
    "loop-stall",
    "send-lateness",
    "send-lateness-max",
    "receive-lateness",
    "receive-lateness-max",
  ],
  // A traced process is seen stopped; one that waits for a disk is not.
  artefacts: ["role-stopped"],
  needs: ["linux", "strace"],
  draw: (rng) => {
    const delayMs = between(rng, 60, 200);
    const lengthMs = between(rng, 1500, 2500);
    return {
      detail: `writes of the logs take ${delayMs} ms longer for ${lengthMs} ms`,
      during: async (scene) => {
        await scene.at(100);
        await tamper(scene, {
          roles: [CLIENT, "controller"],
          inject: `write,pwrite64,writev,pwritev2:delay_enter=${delayMs * 1000}`,
          paths: [CLIENT_LOG.file, CONTROLLER_LOG].map((log) => join(scene.folders.telemetry, log)),
          lengthMs,
        });
      },
    };
  },
};

const diskFull: FaultKind = {
  name: "disk-full",
  set: "A",
  does: "somebody fills the disk that the results lie on, within the window",
  expects: ["run-not-done"],
  needs: ["linux", "root"],
  draw: (rng) => {
    const atMs = between(rng, 200, 2000);
    const filler = (results: string): string => join(results, "..", "..", "filler");
    return {
      detail: `the disk is full at ${atMs} ms`,
      diskBytes: DISK_BYTES,
      during: async (scene) => {
        await scene.at(atMs);
        fillDisk(filler(scene.folders.plan));
      },
      // The report needs some room again; the run is over.
      collected: async (scene) => {
        const path = filler(scene.folders.plan);
        if (!existsSync(path)) throw new Error("nothing had filled the disk");
        await Bun.file(path).delete();
      },
    };
  },
};

const lossyLink: FaultKind = {
  name: "lossy-link",
  set: "A",
  does: "3 to 10 % of the chunks between client and controller are lost for 1.5 to 2.5 s, and come again after 200 ms",
  expects: ["receive-lateness", "receive-lateness-max", "clock-error"],
  needs: [],
  draw: (rng) => {
    const percent = between(rng, 3, 10);
    const lengthMs = between(rng, 1500, 2500);
    const atMs = between(rng, 0, 400);
    const link = new ImpairedLink();
    return {
      detail: `${percent} % of the chunks come 200 ms later for ${lengthMs} ms at ${atMs} ms`,
      launch: link.launch,
      during: async (scene) => {
        await scene.at(atMs);
        link.impair("both", { lossShare: percent / 100, retransmitMs: 200 });
        await scene.wait(lengthMs);
        link.heal();
      },
    };
  },
};

const clientThrottled: FaultKind = {
  name: "client-throttled",
  set: "A",
  does: "a CPU quota gives the client 3 to 6 ms of processor time in each 100 ms for 1 to 2 s of the window",
  expects: ["throttled", "send-lateness", "send-lateness-max", "loop-stall"],
  needs: ["linux", "root", "cgroup cpu"],
  draw: (rng) => {
    const quotaUs = between(rng, 3000, 6000);
    const lengthMs = between(rng, 1000, 2000);
    const atMs = between(rng, 100, 900);
    return {
      detail: `the client has ${quotaUs} µs in each 100 ms for ${lengthMs} ms at ${atMs} ms`,
      during: async (scene) => {
        await scene.at(atMs);
        await throttle(scene, CLIENT, { quotaUs, lengthMs });
      },
    };
  },
};

const clockOffset: FaultKind = {
  name: "client-clock-offset",
  set: "A",
  does: "the client's wall clock is 20 to 400 ms ahead of or behind the controller's",
  expects: ["clock-error"],
  needs: ["linux", "cc"],
  draw: (rng) => {
    const offsetMs = between(rng, 20, 400) * oneOf(rng, [-1, 1]);
    return {
      detail: `the client's clock is off by ${offsetMs} ms`,
      launch: async (spec, staging) => {
        if (spec.name !== CLIENT) return spec;
        const shim = compileShim(staging, "clock-shim");
        const env = { ...spec.env, LD_PRELOAD: shim, SHIM_OFFSET_NS: String(offsetMs * 1e6) };
        return { ...spec, env };
      },
    };
  },
};

const roleKilled: FaultKind = {
  name: "role-killed",
  set: "A",
  does: "client, controller or worker is killed within the window",
  expects: ["run-not-done"],
  needs: ["linux"],
  draw: (rng) => {
    const role = oneOf(rng, [CLIENT, "controller", "worker0"]);
    const atMs = between(rng, 100, 2800);
    return {
      detail: `${role} killed at ${atMs} ms`,
      during: async (scene) => {
        await scene.at(atMs);
        process.kill(scene.pid(role), "SIGKILL");
      },
    };
  },
};

const drainUnfinished: FaultKind = {
  name: "drain-unfinished",
  set: "A",
  does: "the controller hangs from 20 to 150 ms before the end of the window until the drain limit of 1 s has passed",
  expects: ["unknown", "run-not-done"],
  needs: ["linux"],
  draw: (rng) => {
    const beforeMs = between(rng, 20, 150);
    const lengthMs = between(rng, 1800, 2400);
    return {
      detail: `controller hangs for ${lengthMs} ms from ${beforeMs} ms before the end of the window`,
      during: async (scene) => {
        await scene.at(scene.windowMs - beforeMs);
        await stopFor(scene, "controller", lengthMs);
      },
    };
  },
};

const foreignTraffic: FaultKind = {
  name: "foreign-traffic",
  set: "A",
  does: "a client that is none of the run's sends 50 to 300 requests/s to the same controller from 0 to 1.5 s of the window on",
  expects: ["foreign-traffic", "rows-lost"],
  needs: ["linux"],
  draw: (rng) => {
    const ratePerS = between(rng, 50, 300);
    const atMs = between(rng, 0, 1500);
    return {
      detail: `another client sends ${ratePerS} requests/s from ${atMs} ms on`,
      during: async (scene) => {
        await scene.at(atMs);
        const words = scene.commandOf(CLIENT);
        const controller = words[words.indexOf("client") + 1] ?? "";
        const output = join(scene.scratch, "foreign-client.txt");
        const program = join(scene.root, "scripts/faults/foreign-client.ts");
        const command = [process.execPath, program, controller, String(ratePerS)];
        const foreign = startProgram(scene.own, command, output);
        await scene.at(scene.windowMs);
        foreign.kill("SIGKILL");
        const said = readFileSync(output, "utf8");
        if (!said.startsWith("answered")) throw new Error(`it got no answer: ${said}`);
      },
    };
  },
};

const noWarmUp: FaultKind = {
  name: "no-warm-up",
  set: "A",
  does: "the window begins with the first request, while 80 to 160 models' weights are on no GPU yet",
  expects: ["cold-starts", "warm-up"],
  needs: [],
  draw: (rng) => {
    const models = between(rng, 80, 160);
    return {
      detail: `no warm-up, ${models} cold models`,
      set: ["workload.warmUp=0s", `system.models.resnet18_v2=${models}`],
    };
  },
};

export const SET_A: readonly FaultKind[] = [
  stopped("client-stopped", CLIENT, ["send-lateness", "send-lateness-max"]),
  stopped("controller-stopped", "controller", []),
  stopped("worker-stopped", "worker0", []),
  cpuHogs,
  clientLogTorn,
  rowsDeleted("client-rows-deleted", CLIENT_LOG.file),
  rowsDeleted("request-rows-deleted", CONTROLLER_LOG),
  slowDisk,
  diskFull,
  lossyLink,
  clientThrottled,
  clockOffset,
  roleKilled,
  drainUnfinished,
  foreignTraffic,
  noWarmUp,
];
