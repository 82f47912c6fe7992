/** What every simulated role has: a host of its own, a wake-up on the agenda, something to say, and an end. */
import type { Agenda } from "#sim/agenda.ts";
import type { Host } from "#sim/connection.ts";
import type { Nanos } from "#stdx/nanos.ts";
import type { StatusLine } from "#telemetry/status-line.ts";

/** Takes what roles say and leave behind; called in the order of the world's instants. */
export interface RoleVoice {
  /** For whoever leads the run. */
  status(name: string, line: StatusLine): void;
  /** A line for people. */
  line(name: string, text: string): void;
  /** The role is gone; everything it had to say was said. */
  exited(name: string, ending: RoleEnding): void;
}

export interface RoleEnding {
  readonly isClean: boolean;
  /** In words. */
  readonly description: string;
}

export interface RoleParts {
  readonly agenda: Agenda;
  readonly host: Host;
  readonly voice: RoleVoice;
}

export abstract class Role {
  readonly host: Host;
  protected readonly agenda: Agenda;
  readonly #voice: RoleVoice;
  readonly #slot: number;
  #failure: string | null = null;
  #isOver = false;

  constructor({ agenda, host, voice }: RoleParts) {
    this.agenda = agenda;
    this.host = host;
    this.#voice = voice;
    this.#slot = agenda.add({ act: (now) => this.onWake(now) });
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Ends in good order: what waits is finished, the logs are closed, the connections end. */
  end(now: Nanos): void {
    if (this.#isOver) return;
    this.onEnd(now);
    this.#leave();
  }

  /** Ends without a last word, as a process does that is killed; its logs are kept. */
  kill(now: Nanos): void {
    if (this.#isOver) return;
    this.#failure ??= "killed";
    this.onGone(now);
    this.#leave();
  }

  /** The instant of the last `wakeAt` has come. */
  protected abstract onWake(now: Nanos): void;
  protected abstract onEnd(now: Nanos): void;
  protected abstract onGone(now: Nanos): void;

  /** `local` is an instant of the role's own clock; null: never. */
  protected wakeAt(local: Nanos | null): void {
    if (this.#isOver) return;
    this.agenda.wait(this.#slot, local === null ? null : this.host.clock.when(local));
  }

  protected tell(line: StatusLine): void {
    this.#voice.status(this.host.name, line);
  }

  protected say(text: string): void {
    this.#voice.line(this.host.name, text);
  }

  /** Notes the first thing that went wrong; the role goes on until it is ended. */
  protected fail(message: string): void {
    this.#failure ??= message;
    this.tell({ event: "error", message });
  }

  #leave(): void {
    this.#isOver = true;
    this.agenda.remove(this.#slot);
    const isClean = this.#failure === null;
    this.#voice.exited(this.host.name, { isClean, description: this.#failure ?? "ended" });
  }
}
