/** The launcher on fresh copies of the project: what it installs, from what, and what it says when it cannot. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { hostname, tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { listFiles } from "./tidy/repository-files.ts";

const root = resolve(import.meta.dir, "..");
const VERSION = Bun.version;
const TOOLS = [
  "sh",
  "uname",
  "dirname",
  "readlink",
  "mkdir",
  "rm",
  "mv",
  "ln",
  "cat",
  "cksum",
  "grep",
  "sleep",
  "env",
  "chmod",
];

const npm = Bun.which("npm");
const hasRegistry =
  npm !== null && Bun.spawnSync([npm, "ping", "--fetch-retries=0"]).exitCode === 0;
/** Bun and every package from a registry that may be far away. */
const FIRST_RUN_MS = 180_000;
if (!hasRegistry)
  console.warn("launcher: npm or its registry is not there, so first installations are SKIPPED");

let scratch = "";
beforeAll(() => {
  scratch = realpathSync(mkdtempSync(join(tmpdir(), "escapement launcher ")));
});
afterAll(() => {
  rmSync(scratch, { recursive: true, force: true });
});

/** A copy of the project as a fresh clone has it: no node_modules, no .tools; one more script tells where it runs. */
const clone = (name: string): string => {
  const target = join(scratch, `${name} copy`);
  const files = listFiles(root).filter((path) => !path.includes("/") || path.startsWith("src/"));
  for (const path of files) {
    mkdirSync(dirname(join(target, path)), { recursive: true });
    cpSync(join(root, path), join(target, path));
  }
  const manifestPath = join(target, "package.json");
  const manifest = JSON.parse(readFileSync(manifestPath, "utf8")) as {
    scripts: Record<string, string>;
  };
  manifest.scripts["probe"] = "bun scripts/probe.ts";
  writeFileSync(manifestPath, JSON.stringify(manifest, null, 2));
  mkdirSync(join(target, "scripts"), { recursive: true });
  writeFileSync(
    join(target, "scripts/probe.ts"),
    'import "commander";\nconsole.log([Bun.version, process.cwd(), process.env["ESCAPEMENT_CWD"], ...process.argv.slice(2)].join("|"));\n',
  );
  return target;
};

/** A folder for PATH with the basic tools, `links` (name to program) and `scripts` (name to shell text). */
const binFolder = (
  name: string,
  links: Readonly<Record<string, string>>,
  scripts: Readonly<Record<string, string>> = {},
): string => {
  const folder = join(scratch, `${name} bin`);
  mkdirSync(folder, { recursive: true });
  const basics = Object.fromEntries(TOOLS.map((tool) => [tool, Bun.which(tool) ?? ""]));
  for (const [link, program] of Object.entries({ ...basics, ...links })) {
    if (program !== "" && !(link in scripts)) symlinkSync(program, join(folder, link));
  }
  for (const [script, text] of Object.entries(scripts)) {
    writeFileSync(join(folder, script), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
  }
  return folder;
};

const withNpm = (): Readonly<Record<string, string>> => ({
  npm: npm ?? "",
  node: Bun.which("node") ?? "",
});

interface Ending {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

const launch = async (
  program: string,
  options: {
    readonly path: string;
    readonly cwd?: string;
    readonly args?: readonly string[];
    readonly env?: Readonly<Record<string, string>>;
  },
): Promise<Ending> => {
  await using child = Bun.spawn([program, ...(options.args ?? ["probe"])], {
    cwd: options.cwd ?? scratch,
    env: { ...process.env, PATH: options.path, ...options.env },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr, exitCode] = await Promise.all([
    child.stdout.text(),
    child.stderr.text(),
    child.exited,
  ]);
  return { exitCode, stdout, stderr };
};

const probed = (project: string, ...args: readonly string[]): string =>
  [VERSION, project, scratch, ...args].join("|");

describe("a first run", () => {
  test.skipIf(!hasRegistry)(
    "with npm alone, from another folder, in a folder with spaces",
    async () => {
      const project = clone("npm only");
      const path = binFolder("npm only", withNpm());
      const first = await launch(join(project, "run"), {
        path,
        args: ["probe", "two words", "$HOME"],
      });
      expect(first).toMatchObject({
        exitCode: 0,
        stdout: `${probed(project, "two words", "$HOME")}\n`,
      });
      expect(first.stderr).toContain(`installing Bun ${VERSION}`);
      expect(readdirSync(join(project, ".tools"))).not.toContain("lock");

      // All is there now: nothing is asked of a registry that cannot be reached, and nothing is said.
      const dead = {
        npm_config_registry: "http://127.0.0.1:1/",
        BUN_CONFIG_REGISTRY: "http://127.0.0.1:1/",
      };
      const second = await launch(join(project, "run"), { path, env: dead });
      expect(second).toEqual({ exitCode: 0, stdout: `${probed(project)}\n`, stderr: "" });
    },
    FIRST_RUN_MS,
  );

  test.skipIf(!hasRegistry)(
    "with another version of Bun alone",
    async () => {
      const project = clone("old bun");
      const path = binFolder(
        "old bun",
        {},
        { bun: `[ "$1" = --version ] && { echo 1.0.0; exit; }\nexec "${process.execPath}" "$@"` },
      );
      const { exitCode, stdout } = await launch(join(project, "run"), { path });
      expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: `${probed(project)}\n` });
      expect(existsSync(join(project, `.tools/bun-${VERSION}`))).toBe(true);
    },
    FIRST_RUN_MS,
  );

  test.skipIf(!hasRegistry)(
    "three at once do not harm each other",
    async () => {
      const project = clone("three");
      const path = binFolder("three", withNpm());
      const endings = await Promise.all(
        [1, 2, 3].map((n) => launch(join(project, "run"), { path, args: ["probe", `${n}`] })),
      );
      expect(endings.map(({ exitCode, stdout }) => [exitCode, stdout])).toEqual(
        [1, 2, 3].map((n) => [0, `${probed(project, `${n}`)}\n`]),
      );
      expect(endings.filter(({ stderr }) => stderr.includes("installing Bun"))).toHaveLength(1);
      expect(endings.filter(({ stderr }) => stderr.includes("installing packages"))).toHaveLength(
        1,
      );
    },
    FIRST_RUN_MS,
  );
});

describe("with the pinned Bun on the path", () => {
  const bunPath = (name: string): string => binFolder(name, { bun: process.execPath });

  test("through a link, nothing but the packages is installed", async () => {
    const project = clone("linked");
    const link = join(scratch, "a link");
    symlinkSync(join(project, "run"), link);
    const { exitCode, stdout, stderr } = await launch(link, { path: bunPath("linked") });
    expect({ exitCode, stdout, stderr }).toEqual({
      exitCode: 0,
      stdout: `${probed(project)}\n`,
      stderr: "run: installing packages\n",
    });
    expect(readdirSync(join(project, ".tools"))).toEqual(["install.log"]);
  });

  test("`bun run` works without the launcher once the packages are there", async () => {
    const project = clone("plain");
    const path = bunPath("plain");
    const installed = await launch(process.execPath, {
      path,
      cwd: project,
      args: ["install", "--frozen-lockfile"],
    });
    expect(installed.exitCode).toBe(0);
    const { exitCode, stdout } = await launch(process.execPath, {
      path,
      cwd: project,
      args: ["run", "escapement", "--help"],
    });
    expect(exitCode).toBe(0);
    expect(stdout).toContain("Usage: escapement");
  });

  test("the lock of a killed run is removed", async () => {
    const project = clone("stale");
    mkdirSync(join(project, ".tools"));
    await using gone = Bun.spawn(["true"]);
    await gone.exited;
    symlinkSync(`${gone.pid}@${hostname()}`, join(project, ".tools/lock"));
    const { exitCode, stderr } = await launch(join(project, "run"), { path: bunPath("stale") });
    expect(exitCode).toBe(0);
    expect(stderr).toContain(
      `removed the lock of a ./run that was killed (${gone.pid}@${hostname()})`,
    );
    expect(existsSync(join(project, ".tools/lock"))).toBe(false);
  });

  test("a lockfile that does not fit says what to do", async () => {
    const project = clone("unfit");
    const manifestPath = join(project, "package.json");
    const manifest = JSON.parse(readFileSync(manifestPath, "utf8")) as {
      dependencies: Record<string, string>;
    };
    delete manifest.dependencies["commander"];
    writeFileSync(manifestPath, JSON.stringify(manifest));
    const { exitCode, stdout, stderr } = await launch(join(project, "run"), {
      path: bunPath("unfit"),
    });
    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: "" });
    expect(stderr).toContain(
      "package.json and bun.lock do not belong together: run `bun install`, then commit bun.lock",
    );
    expect(readdirSync(join(project, ".tools"))).not.toContain("lock");
  });

  test("a changed lockfile is installed anew", async () => {
    const project = clone("changed");
    const path = bunPath("changed");
    expect((await launch(join(project, "run"), { path })).exitCode).toBe(0);
    writeFileSync(
      join(project, "bun.lock"),
      `${readFileSync(join(project, "bun.lock"), "utf8")}\n`,
    );
    expect((await launch(join(project, "run"), { path })).stderr).toContain("installing packages");
    expect((await launch(join(project, "run"), { path })).stderr).toBe("");
  });

  test("the exit code is the script's", async () => {
    const project = clone("code");
    writeFileSync(join(project, "scripts/probe.ts"), "process.exit(7);\n");
    expect((await launch(join(project, "run"), { path: bunPath("code") })).exitCode).toBe(7);
  });
});

describe("what it cannot do, it says", () => {
  test("neither npm nor Bun", async () => {
    const { exitCode, stderr } = await launch(join(clone("bare"), "run"), {
      path: binFolder("bare", {}),
    });
    expect(exitCode).toBe(1);
    expect(stderr).toContain("neither npm nor Bun was found. Install Node");
  });

  test("an unknown system", async () => {
    const path = binFolder("sunos", {}, { uname: '[ "$1" = -m ] && echo sparc || echo SunOS' });
    const { exitCode, stderr } = await launch(join(clone("sunos"), "run"), { path });
    expect({ exitCode, stderr }).toEqual({
      exitCode: 1,
      stderr: "run: Bun has no build for SunOS on sparc\n",
    });
  });

  test("a checkout that cannot be written, at once", async () => {
    const project = clone("unwritable");
    // A file where the folder should be refuses root as well.
    writeFileSync(join(project, ".tools"), "");
    const { exitCode, stderr } = await launch(join(project, "run"), {
      path: binFolder("unwritable", { bun: process.execPath }),
    });
    expect(exitCode).toBe(1);
    expect(stderr).toContain(
      `${project}/.tools cannot be written; run this once as somebody who can`,
    );
  });

  test("an installation that fails leaves no lock and no half of Bun", async () => {
    const project = clone("failing");
    const path = binFolder("failing", {}, { npm: "echo 'E404 not found' >&2; exit 1" });
    const { exitCode, stderr } = await launch(join(project, "run"), { path });
    expect(exitCode).toBe(1);
    expect(stderr).toContain("E404 not found");
    expect(stderr).toContain("is the npm registry reachable?");
    expect(readdirSync(join(project, ".tools"))).toEqual(["incoming"]);
  });

  test("under Rosetta it asks for the processor's own build", async () => {
    const path = binFolder(
      "rosetta",
      {},
      {
        uname: 'case "$1" in -m) echo x86_64 ;; -n) echo mac ;; *) echo Darwin ;; esac',
        sysctl: "echo 1",
        npm: 'echo "asked: $*" >&2; exit 1',
      },
    );
    const { stderr } = await launch(join(clone("rosetta"), "run"), { path });
    expect(stderr).toMatch(
      new RegExp(
        `asked: install --prefix .* --ignore-scripts .*@oven/bun-darwin-aarch64@${VERSION}`,
      ),
    );
  });
});
