/** What faults are made of on this machine: signals, busy processes, quotas, slow system calls, small disks. */
import { spawnSync } from "node:child_process";
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import type { Need, Scene, Staging } from "./kind.ts";

/** Prefix of whatever has a name of its own on the machine; the suite's process id follows. */
const OURS = "escapement-fault-";
const CGROUPS = "/sys/fs/cgroup";
/** A busy process ends by itself after this much processor time, even when the suite was killed. */
const HOG_CPU_S = 15;
const QUOTA_PERIOD_US = 100_000;
const STRACE_ATTACH_MS = 3000;
const POLL_MS = 10;

type Own = Staging["own"];

/** Runs a small program to its end; throws with what it said when it fails. */
export const call = (program: string, ...args: readonly string[]): void => {
  const { status, stderr, error } = spawnSync(program, args, { encoding: "utf8" });
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`${program} ${args.join(" ")}: ${stderr.trim()}`);
};

const hasProgram = (name: string): boolean => Bun.which(name) !== null;

const AVAILABLE: Readonly<Record<Need, () => boolean>> = {
  linux: () => process.platform === "linux",
  root: () => process.getuid?.() === 0,
  strace: () => hasProgram("strace"),
  cc: () => hasProgram("cc"),
  chrt: () => hasProgram("chrt"),
  taskset: () => hasProgram("taskset"),
  "cgroup cpu": () => existsSync(join(CGROUPS, "cpu/cpu.cfs_quota_us")),
  "cgroup memory": () => existsSync(join(CGROUPS, "memory/memory.limit_in_bytes")),
  "cgroup freezer": () => existsSync(join(CGROUPS, "freezer")),
};

/** What of `needs` this machine has not. */
export const missingNeeds = (needs: readonly Need[]): readonly Need[] =>
  needs.filter((need) => !AVAILABLE[need]());

/** A new folder for a trial's own files; the caller removes it. */
export const makeScratch = (): string => mkdtempSync(join(tmpdir(), `${OURS}${process.pid}-`));

/** Whether a name of ours belongs to a suite that is gone. */
const isLeftover = (name: string): boolean => {
  const pid = /^escapement-fault-(?:disk-)?(\d+)(?:-\w+)?$/.exec(name)?.[1];
  return pid !== undefined && !existsSync(`/proc/${pid}`);
};

/** Removes what a suite that was killed left behind: control groups, disks and files. Processes end by themselves. */
export const removeLeftovers = (): void => {
  for (const controller of ["cpu", "memory", "freezer"]) {
    const root = join(CGROUPS, controller);
    for (const name of existsSync(root) ? readdirSync(root) : [])
      if (isLeftover(name)) rmdirSync(join(root, name));
  }
  for (const mount of existsSync("/proc/mounts")
    ? readFileSync("/proc/mounts", "utf8").split("\n")
    : []) {
    const [source = "", folder = ""] = mount.split(" ");
    if (isLeftover(source)) call("umount", "-l", folder);
  }
  for (const name of readdirSync(tmpdir()))
    if (isLeftover(name)) rmSync(join(tmpdir(), name), { recursive: true, force: true });
};

/** "R", "S", "T" … of a process, "" when there is none. */
const stateOf = (pid: number): string => {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2, stat.lastIndexOf(")") + 3);
  } catch {
    return "";
  }
};

/** Stops a process for so long; throws when it was not seen stopped. */
export const stopFor = async (scene: Scene, role: string, lengthMs: number): Promise<void> => {
  const pid = scene.pid(role);
  process.kill(pid, "SIGSTOP");
  let seen = "";
  try {
    await scene.wait(lengthMs);
    seen = stateOf(pid);
  } finally {
    if (stateOf(pid) !== "") process.kill(pid, "SIGCONT");
  }
  if (seen !== "T") throw new Error(`${role} was not stopped but in state ${seen || "gone"}`);
};

/** Starts a program that ends with the trial at the latest; each has a session, and so a share of the processors, of its own. */
export const startProgram = (
  own: Own,
  command: readonly string[],
  outputPath: string,
): Bun.Subprocess => {
  const output = Bun.file(outputPath);
  const started = Bun.spawn([...command], {
    stdio: ["ignore", output, output],
    detached: true,
  });
  own(async () => {
    started.kill("SIGKILL");
    await started.exited;
  });
  return started;
};

/** Keeps processors busy with `count` endless loops for so long; `prefix` may start each in a special way. */
export const hog = async (
  scene: Scene,
  lengthMs: number,
  { count = 2 * cpus().length, prefix = [] as readonly string[] } = {},
): Promise<void> => {
  const loop = `ulimit -t ${HOG_CPU_S}; while :; do :; done`;
  const hogs = Array.from({ length: count }, () =>
    Bun.spawn([...prefix, "sh", "-c", loop], {
      stdio: ["ignore", "ignore", "ignore"],
      // A session of its own, as a program from another terminal: sessions share processors evenly.
      detached: true,
    }),
  );
  const end = async (): Promise<void> => {
    for (const each of hogs) each.kill("SIGKILL");
    await Promise.all(hogs.map((each) => each.exited));
  };
  scene.own(end);
  await scene.wait(lengthMs);
  const lost = hogs.filter((each) => each.exitCode !== null || each.signalCode !== null).length;
  await end();
  if (lost > 0) throw new Error(`${lost} of ${count} busy processes ended early`);
};

/** Makes a control group for the trial, removed at its end; its processes are back in their own group by then, or gone. */
export const makeGroup = (own: Own, controller: string): string => {
  const folder = join(CGROUPS, controller, `${OURS}${process.pid}`);
  mkdirSync(folder);
  own(async () => {
    for (let tries = 0; tries < 100; tries++) {
      for (const pid of readFileSync(join(folder, "cgroup.procs"), "utf8").split("\n"))
        if (pid !== "") moveTo(join(CGROUPS, controller), Number(pid));
      try {
        rmdirSync(folder);
        return;
      } catch {
        // A process that just ended is still counted for a moment.
        await Bun.sleep(POLL_MS);
      }
    }
    throw new Error(`${folder} cannot be removed`);
  });
  return folder;
};

export const moveTo = (group: string, pid: number): void => {
  try {
    writeFileSync(join(group, "cgroup.procs"), String(pid));
  } catch (error) {
    // It has ended meanwhile.
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
};

const counterOf = (path: string, name: string): number =>
  Number(new RegExp(`^${name} (\\d+)$`, "m").exec(readFileSync(path, "utf8"))?.[1] ?? 0);

/** Lets a process have so much processor time in each 100 ms; throws when that never held it up. */
export const throttle = async (
  scene: Scene,
  role: string,
  { quotaUs, lengthMs }: { readonly quotaUs: number; readonly lengthMs: number },
): Promise<void> => {
  const group = makeGroup(scene.own, "cpu");
  writeFileSync(join(group, "cpu.cfs_period_us"), String(QUOTA_PERIOD_US));
  writeFileSync(join(group, "cpu.cfs_quota_us"), String(quotaUs));
  moveTo(group, scene.pid(role));
  await scene.wait(lengthMs);
  const throttled = counterOf(join(group, "cpu.stat"), "nr_throttled");
  moveTo(join(CGROUPS, "cpu"), scene.pid(role));
  if (throttled === 0) throw new Error(`${role} never used up its ${quotaUs} µs`);
};

export interface Tampering {
  /** The processes. */
  readonly roles: readonly string[];
  /** As strace's `inject`: "write,writev:delay_enter=1000". */
  readonly inject: string;
  /** Only calls that have to do with these files. */
  readonly paths: readonly string[];
  readonly lengthMs: number;
}

/** Tampers with system calls for so long; throws when none was met. */
export const tamper = async (scene: Scene, tampering: Tampering): Promise<void> => {
  const { roles, inject, paths, lengthMs } = tampering;
  const output = join(scene.scratch, "strace.txt");
  const calls = inject.slice(0, inject.indexOf(":"));
  const what = ["-e", `trace=${calls}`, "-e", `inject=${inject}`];
  const where = paths.flatMap((path) => ["-P", path]);
  const whom = roles.flatMap((role) => ["-p", String(scene.pid(role))]);
  const strace = Bun.spawn(["strace", "-f", "-q", "-o", output, ...what, ...where, ...whom], {
    stdio: ["ignore", "ignore", "ignore"],
  });
  const end = async (): Promise<void> => {
    // It lets go of the processes, which then go on undisturbed.
    strace.kill("SIGINT");
    await strace.exited;
  };
  scene.own(end);
  for (const role of roles) await attached(scene, role);
  await scene.wait(lengthMs);
  await end();
  const met = readFileSync(output, "utf8").match(/\((?:DELAYED|INJECTED)\)/g)?.length ?? 0;
  if (met === 0) throw new Error(`no ${calls} of ${roles.join(" or ")} was met`);
};

const attached = async (scene: Scene, role: string): Promise<void> => {
  for (let waitedMs = 0; waitedMs < STRACE_ATTACH_MS; waitedMs += POLL_MS) {
    const status = readFileSync(`/proc/${scene.pid(role)}/status`, "utf8");
    if (!/^TracerPid:\s+0$/m.test(status)) return;
    await scene.wait(POLL_MS);
  }
  throw new Error(`strace did not attach to ${role}`);
};

/** Mounts a file system of so many bytes, kept in memory, for the trial. */
export const mountDisk = (folder: string, bytes: number, own: Own): void => {
  call("mount", "-t", "tmpfs", "-o", `size=${bytes}`, `${OURS}disk-${process.pid}`, folder);
  own(() => call("umount", "-l", folder));
};

/** Writes a file until the disk is full. */
export const fillDisk = (path: string): void => {
  const file = openSync(path, "w");
  const block = new Uint8Array(64 * 1024);
  try {
    for (;;) writeSync(file, block);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
  } finally {
    closeSync(file);
  }
};

/** Compiles a C file to a library that can be preloaded; returns its path. */
export const compileShim = ({ root, scratch }: Staging, name: string): string => {
  const path = join(scratch, `${name}.so`);
  call("cc", "-shared", "-fPIC", "-O2", "-o", path, join(root, "scripts/faults", `${name}.c`));
  return path;
};

/** Freezes processes for so long, all at once, as a paused virtual machine does; throws when they did not freeze. */
export const freeze = async (
  scene: Scene,
  roles: readonly string[],
  lengthMs: number,
): Promise<void> => {
  const group = makeGroup(scene.own, "freezer");
  const state = join(group, "freezer.state");
  for (const role of roles) moveTo(group, scene.pid(role));
  scene.own(() => writeFileSync(state, "THAWED"));
  writeFileSync(state, "FROZEN");
  await scene.wait(lengthMs);
  const seen = readFileSync(state, "utf8").trim();
  writeFileSync(state, "THAWED");
  for (const role of roles) moveTo(join(CGROUPS, "freezer"), scene.pid(role));
  if (seen !== "FROZEN") throw new Error(`the processes were not frozen but ${seen}`);
};

/** The process that started a role. */
export const parentOf = (pid: number): number => {
  const parent = /^PPid:\s+(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  if (parent === undefined) throw new Error(`process ${pid} has no parent`);
  return Number(parent);
};
