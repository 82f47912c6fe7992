/** How an impaired link treats the bytes that go through it: order is kept, as TCP does, so one late chunk holds up all behind it. */

export interface Impairment {
  /** Share of chunks whose packet is lost, so that they come a retransmission later. */
  readonly lossShare: number;
  /** Until a lost packet has been sent again. */
  readonly retransmitMs: number;
  /** Added to each chunk. */
  readonly delayMs: number;
  /** Bytes per second at most; null without a limit. */
  readonly bytesPerS: number | null;
  /** Nothing passes until the impairment changes. */
  readonly isHeld: boolean;
}

export const NO_IMPAIRMENT: Impairment = {
  lossShare: 0,
  retransmitMs: 0,
  delayMs: 0,
  bytesPerS: null,
  isHeld: false,
};

/** One direction of a link: when each chunk may leave, in ms. */
export class LinkDirection {
  readonly #random: () => number;
  #lastMs = 0;

  /** `random`: uniform in [0, 1). */
  constructor(random: () => number) {
    this.#random = random;
  }

  /** When a chunk that comes in now goes out; never before the one ahead of it. */
  releaseMs(nowMs: number, bytes: number, impairment: Impairment): number {
    const { lossShare, retransmitMs, delayMs, bytesPerS } = impairment;
    const isLost = lossShare > 0 && this.#random() < lossShare;
    const arrivesMs = nowMs + delayMs + (isLost ? retransmitMs : 0);
    const transferMs = bytesPerS === null ? 0 : (bytes / bytesPerS) * 1000;
    this.#lastMs = Math.max(arrivesMs, this.#lastMs) + transferMs;
    return this.#lastMs;
  }
}
