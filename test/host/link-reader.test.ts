/** A bounded number of messages per turn, over real sockets: nothing is lost, and others get their turns in between. */
import { afterEach, expect, test } from "bun:test";
import { AnswerLane } from "#host/answer-lane.ts";
import { startClock } from "#host/clock.ts";
import { connect } from "#host/link.ts";
import { type Listener, listen } from "#host/listener.ts";
import { requestToWire } from "#host/wire-mapping.ts";
import type { Nanos } from "#stdx/nanos.ts";
import { ENDPOINTS } from "#wire/messages.ts";

const PER_TURN = 16;
const COUNT = 5000;

const clock = startClock();
const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

interface Seen {
  readonly ids: number[];
  /** Messages of each turn. */
  readonly turns: number[];
  readonly instants: Nanos[];
  /** Rounds of the event loop since the connection was made. */
  rounds: number;
}

/** Takes `PER_TURN` messages per turn from each connection; `ended` settles with what one brought once it is gone. */
const serve = async (hasLane: boolean) => {
  const ended = Promise.withResolvers<Seen>();
  const listening = await listen({
    endpoint: ENDPOINTS.controllerForClients,
    host: "127.0.0.1",
    port: 0,
    clock,
    messagesPerTurn: PER_TURN,
    accept: (link) => {
      const seen: Seen = { ids: [], turns: [], instants: [], rounds: 0 };
      let sinceTurn = 0;
      let isOpen = true;
      const round = (): void => {
        seen.rounds += 1;
        if (isOpen) setImmediate(round);
      };
      round();
      const take = (id: number, at: Nanos): void => {
        seen.ids.push(id);
        seen.instants.push(at);
        sinceTurn += 1;
      };
      const lane = new AnswerLane((id, _, at) => take(id, at), clock, link.sync);
      return {
        ...(hasLane ? { lane } : {}),
        onMessage: (frame, at) => take(Number(frame.messageId), at),
        onRead: () => {
          seen.turns.push(sinceTurn);
          sinceTurn = 0;
        },
        onClose: () => {
          isOpen = false;
          ended.resolve(seen);
        },
      };
    },
  });
  if (!listening.ok) throw new Error(listening.error.message);
  cleanups.push(() => listening.value.close());
  return { listener: listening.value, ended: ended.promise };
};

const sendAll = async ({ port }: Listener): Promise<void> => {
  const connected = await connect({
    endpoint: ENDPOINTS.client,
    clock,
    host: "127.0.0.1",
    port,
    timeoutMs: 5000,
    accept: () => ({ onMessage: () => {} }),
  });
  if (!connected.ok) throw new Error(connected.error.message);
  const request = { kind: "infer", userId: 0, modelId: 0, batchSize: 1, sloFactor: 0 } as const;
  for (let id = 0; id < COUNT; id++) {
    const input = { sizeBytes: 0 };
    connected.value.send(requestToWire({ ...request, userRequestId: id, input }, id));
  }
  await connected.value.close();
};

test.each([true, false])("messages are taken in parts; with a lane: %p", async (hasLane) => {
  const { listener, ended } = await serve(hasLane);
  await sendAll(listener);
  const { ids, turns, instants, rounds } = await ended;
  expect(ids).toEqual(Array.from({ length: COUNT }, (_, id) => id));
  // The last part may be all that is left when the connection ends.
  expect(Math.max(...turns.slice(0, -1))).toBe(PER_TURN);
  expect(rounds).toBeGreaterThanOrEqual(turns.length - 1);
  // Each part is taken up when its turn comes, not when the chunk was read.
  const distinct = new Set(instants);
  expect(distinct.size).toBeGreaterThan(10);
  expect([...instants].sort((a, b) => a - b)).toEqual(instants);
});
