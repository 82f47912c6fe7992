/** What a trial knows of its run from outside: processes, window, kernel counters; and all that it must end again. */
import { rmSync } from "node:fs";
import type { HostEvent, ProcessSpec, RemoteHost } from "#remote/remote.ts";
import type { RunFolders } from "#runner/role-commands.ts";
import { parseStatusLine } from "#telemetry/status-line.ts";
import { ROOT } from "../step.ts";
import { type Disturbance, disturbanceOf, readKernelCounters } from "./kernel-counters.ts";
import type { Injection, Scene } from "./kind.ts";
import { makeScratch } from "./machine.ts";

/** A client with a wrong clock says that it starts at some other time; it starts within this all the same. */
const START_AHEAD_MS_MAX = 2000;
const NS_PER_MS = 1e6;

const sleep = (ms: number, over: AbortSignal): Promise<void> =>
  new Promise((resolve, reject) => {
    const fail = (): void => {
      clearTimeout(timer);
      reject(new Error("the run was over before the fault was"));
    };
    const timer = setTimeout(() => {
      over.removeEventListener("abort", fail);
      resolve();
    }, ms);
    if (over.aborted) fail();
    else over.addEventListener("abort", fail, { once: true });
  });

const messageOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error);

export class Stage implements Scene, AsyncDisposable {
  readonly root = ROOT;
  readonly scratch = makeScratch();
  readonly seed: number;
  readonly #injection: Injection;
  readonly #owned = new AsyncDisposableStack();
  readonly #pids = new Map<string, number>();
  readonly #commands = new Map<string, readonly string[]>();
  readonly #over = new AbortController();
  /** Set before the run is launched. */
  #folders: RunFolders | null = null;
  /** By `performance.now()`; null until the client says when it sends. */
  #window: { readonly startMs: number; readonly lengthMs: number } | null = null;
  #acting: Promise<void> = Promise.resolve();
  #disturbance: Disturbance | null = null;
  #problem = "";

  constructor(injection: Injection, seed: number) {
    this.#injection = injection;
    this.seed = seed;
    this.own(() => rmSync(this.scratch, { recursive: true, force: true }));
  }

  /** Ends whatever the fault started; the run is over by then. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#over.abort();
    await this.#acting;
    await this.#owned.disposeAsync();
  }

  /** Why the fault was not injected; "" while all went as declared. */
  get problem(): string {
    return this.#problem;
  }

  /** What the kernel counted in the measurement window; null when it was not reached or not left. */
  get disturbance(): Disturbance | null {
    return this.#disturbance;
  }

  get windowMs(): number {
    return this.#window?.lengthMs ?? 0;
  }

  get folders(): RunFolders {
    if (this.#folders === null) throw new Error("the run has no folder yet");
    return this.#folders;
  }

  set folders(folders: RunFolders) {
    this.#folders = folders;
  }

  readonly own = (end: () => void | Promise<void>): void => {
    this.#owned.defer(async () => await end());
  };

  readonly pid = (role: string): number => {
    const pid = this.#pids.get(role);
    if (pid === undefined) throw new Error(`${role} was never launched`);
    return pid;
  };

  readonly commandOf = (role: string): readonly string[] => this.#commands.get(role) ?? [];

  readonly at = (offsetMs: number): Promise<void> =>
    this.wait((this.#window?.startMs ?? 0) + offsetMs - performance.now());

  readonly wait = (ms: number): Promise<void> => sleep(Math.max(0, ms), this.#over.signal);

  /** The same host, but that the fault may change how each process is started, and the trial learns its id. */
  staged(host: RemoteHost): RemoteHost {
    const launch: RemoteHost["launch"] = async (spec) => {
      const changed = await this.#changed(spec);
      const launched = await host.launch(changed);
      this.#commands.set(spec.name, changed.command);
      if (launched.ok) this.#pids.set(spec.name, launched.value.pid);
      return launched;
    };
    // Whatever else a host can do is its own affair.
    return new Proxy(host, {
      get: (target, key) => {
        if (key === "launch") return launch;
        const value: unknown = Reflect.get(target, key, target);
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
  }

  /** Learns from the first client's output when the measurement window begins. */
  onHostEvent(event: HostEvent): void {
    if (event.kind !== "line" || event.line.stream !== "stdout" || event.name !== "client0") return;
    const status = parseStatusLine(event.line.text);
    if (status?.event !== "started" || this.#window !== null) return;
    const aheadMs = Number(BigInt(status.measure_start_ns) / 1_000_000n) - Date.now();
    const lengthNs = BigInt(status.measure_end_ns) - BigInt(status.measure_start_ns);
    this.#window = {
      startMs: performance.now() + Math.min(Math.max(aheadMs, 0), START_AHEAD_MS_MAX),
      lengthMs: Number(lengthNs) / NS_PER_MS,
    };
    void this.#watch();
    this.#acting = this.attempt(() => this.#injection.during?.(this));
  }

  /** The run is over: what the fault still wanted to do to it has failed. */
  async runEnded(): Promise<void> {
    this.#over.abort();
    await this.#acting;
    if (this.#injection.during !== undefined && this.#window === null)
      this.#problem = "the run ended before its measurement window began";
  }

  /** Does a part of the injection; what goes wrong is kept as the reason why nothing was injected. */
  async attempt(act: () => Promise<void> | undefined): Promise<void> {
    try {
      await act();
    } catch (error) {
      this.#problem ||= messageOf(error);
    }
  }

  async #changed(spec: ProcessSpec): Promise<ProcessSpec> {
    let changed = spec;
    await this.attempt(async () => {
      changed = (await this.#injection.launch?.(spec, this)) ?? spec;
    });
    return changed;
  }

  async #watch(): Promise<void> {
    try {
      await this.at(0);
      const from = { counters: readKernelCounters(), atMs: performance.now() };
      await this.at(this.windowMs);
      const spanMs = performance.now() - from.atMs;
      this.#disturbance = disturbanceOf(from.counters, readKernelCounters(), spanMs);
    } catch {
      // A run that ends within its window has no counters for it.
    }
  }
}
