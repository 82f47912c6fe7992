/** How long control groups with a CPU quota held processes back: theirs, and the groups above, where a quota may lie. */
import { readFileSync } from "node:fs";
import { KernelFile } from "#remote/kernel-file.ts";

const NS_PER_US = 1000;

/** Where a hierarchy of control groups that counts CPU time is mounted. */
interface Hierarchy {
  /** Version 2 has one hierarchy, which /proc/PID/cgroup lists with no controllers. */
  readonly isV2: boolean;
  readonly mountPoint: string;
  /** The group that is seen at the mount point; "/" but in some containers. */
  readonly root: string;
}

const readMountInfo = (): string => {
  try {
    return readFileSync("/proc/self/mountinfo", "latin1");
  } catch {
    // Not Linux: there are no control groups.
    return "";
  }
};

/** From the text of /proc/self/mountinfo. */
export const parseHierarchies = (mountInfo: string): readonly Hierarchy[] =>
  mountInfo.split("\n").flatMap((line): readonly Hierarchy[] => {
    const [mount = "", system = ""] = line.split(" - ");
    const [type, , superOptions = ""] = system.split(" ");
    const [, , , root = "/", mountPoint = ""] = mount.split(" ");
    const isCounting =
      type === "cgroup2" || (type === "cgroup" && superOptions.split(",").includes("cpu"));
    return isCounting ? [{ isV2: type === "cgroup2", mountPoint, root }] : [];
  });

/** Folders of a process's groups and of all groups above, from the text of /proc/PID/cgroup. */
export const groupFolders = (
  membership: string,
  hierarchies: readonly Hierarchy[],
): readonly string[] =>
  membership.split("\n").flatMap((line) => {
    const [id, controllers = "", ...rest] = line.split(":");
    const path = rest.join(":");
    const isV2 = id === "0" && controllers === "";
    if (!isV2 && !controllers.split(",").includes("cpu")) return [];
    return hierarchies
      .filter((hierarchy) => hierarchy.isV2 === isV2)
      .flatMap(({ mountPoint, root }) => {
        const isBelow = root === "/" || path === root || path.startsWith(`${root}/`);
        // A group outside of what is mounted here cannot be read here.
        if (!isBelow || path.includes("/..")) return [];
        const parts = (root === "/" ? path : path.slice(root.length)).split("/").filter(Boolean);
        return Array.from({ length: parts.length + 1 }, (_, depth) =>
          [mountPoint, ...parts.slice(0, depth)].join("/"),
        );
      });
  });

export interface Throttled {
  readonly periods: number;
  readonly ns: number;
}

/** From the text of a group's cpu.stat; null where the group has no quota to count for. */
export const parseThrottled = (stat: string): Throttled | null => {
  const periods = /^nr_throttled (\d+)$/m.exec(stat)?.[1];
  const timeNs = /^throttled_time (\d+)$/m.exec(stat)?.[1];
  const timeUs = /^throttled_usec (\d+)$/m.exec(stat)?.[1];
  if (periods === undefined || (timeNs ?? timeUs) === undefined) return null;
  return { periods: Number(periods), ns: Number(timeNs ?? Number(timeUs) * NS_PER_US) };
};

/** A process's membership as last read: most never change theirs. */
interface Member {
  readonly file: KernelFile;
  last: string;
}

interface Group {
  readonly file: KernelFile;
  last: Throttled;
}

/** Adds up what every group has been throttled since it was first seen; a process may change its group at any time. */
export class Throttling {
  readonly #hierarchies = parseHierarchies(readMountInfo());
  readonly #members = new Map<number, Member>();
  readonly #groups = new Map<string, Group>();
  #periods = 0;
  #ns = 0;

  add(pid: number): void {
    const file = KernelFile.open(`/proc/${pid}/cgroup`);
    if (file === null) return;
    const member: Member = { file, last: "" };
    this.#members.set(pid, member);
    this.#look(member);
  }

  /** What its groups have counted stays counted. */
  remove(pid: number): void {
    this.#members.get(pid)?.file.close();
    this.#members.delete(pid);
  }

  /** Finds processes that have changed their group; the new one counts from now on, and the old one goes on to. */
  search(): void {
    for (const member of this.#members.values()) this.#look(member);
  }

  /** The total; null where no group counts it. */
  read(): Throttled | null {
    for (const group of this.#groups.values()) {
      const now = parseThrottled(group.file.read() ?? "");
      // The group was removed; what it counted stays counted.
      if (now === null) continue;
      this.#periods += now.periods - group.last.periods;
      this.#ns += now.ns - group.last.ns;
      group.last = now;
    }
    return this.#groups.size === 0 ? null : { periods: this.#periods, ns: this.#ns };
  }

  close(): void {
    for (const { file } of [...this.#members.values(), ...this.#groups.values()]) file.close();
    this.#members.clear();
    this.#groups.clear();
  }

  #look(member: Member): void {
    const membership = member.file.read() ?? "";
    if (membership === member.last) return;
    member.last = membership;
    for (const folder of groupFolders(membership, this.#hierarchies)) {
      if (!this.#groups.has(folder)) this.#open(folder);
    }
  }

  #open(folder: string): void {
    const file = KernelFile.open(`${folder}/cpu.stat`);
    if (file === null) return;
    const last = parseThrottled(file.read() ?? "");
    if (last === null) file.close();
    else this.#groups.set(folder, { file, last });
  }
}
