/** Tells once a second, as a status line, how a role's event loop fared and how far its clock is from its peers'. */
import { type Clock, toAbsolute } from "#host/clock.ts";
import type { LoopStatistics } from "#host/loop-statistics.ts";
import type { Nanos } from "#stdx/nanos.ts";
import type { StatusLine } from "#telemetry/status-line.ts";

const PERIOD_MS = 1_000;

/** A connection, for what it knows of its peer's clock. */
interface Peer {
  readonly peer: string;
  readonly clockDelta: Nanos;
  /** 0 until the peer has reported. */
  readonly roundTrip: Nanos;
}

export interface LoopReportOptions {
  readonly clock: Clock;
  readonly loop: LoopStatistics;
  /** The open connections. */
  readonly peers: () => Iterable<Peer>;
  readonly onStatus: (line: StatusLine) => void;
}

/** From now on until `stop`, which tells a last time. */
export class LoopReport {
  readonly #options: LoopReportOptions;
  readonly #timer: ReturnType<typeof setInterval>;

  constructor(options: LoopReportOptions) {
    this.#options = options;
    this.#timer = setInterval(() => this.#tell(), PERIOD_MS);
    this.#tell();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#tell();
  }

  #tell(): void {
    const { clock, loop, peers, onStatus } = this.#options;
    const reading = loop.take();
    const clocks = [...peers()]
      .filter(({ roundTrip }) => roundTrip > 0)
      .map(({ peer, clockDelta, roundTrip }) => ({
        peer,
        delta_ns: clockDelta,
        round_trip_ns: roundTrip,
      }));
    onStatus({
      event: "loop",
      at_ns: String(toAbsolute(clock, clock.now())),
      busy_ns: reading.busy,
      turns: reading.turns,
      stall_max_ns: reading.stallMax,
      stalls: reading.stalls,
      gc_count: reading.collections,
      gc_pause_max_ns: reading.collectionPauseMax,
      clock: clocks,
    });
  }
}
