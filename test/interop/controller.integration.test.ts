/** Our controller between a client and a worker that were recorded: every field of what it sends either is held against the original's. */
import { afterEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ACTIONS, RESPONSES } from "#wire/messages.ts";
import { RoleProcess } from "../../scripts/bench/role-process.ts";
import {
  type Conversation,
  type ConversationComparison,
  compareConversations,
} from "./conversation.ts";
import { RecordedClient } from "./recorded-client.ts";
import {
  areVectorsAbsent,
  type RecordedSession,
  trimmedSession,
  wholeSession,
} from "./recorded-session.ts";
import { RecordedWorker } from "./recorded-worker.ts";
import { tamperings } from "./tamper.ts";

if (areVectorsAbsent)
  console.warn("SKIPPED: our controller between peers recorded in full; no captures here");

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0).toReversed()) cleanup();
});

/** The recordings' schedulers; the others are INFER4. */
const typeOf = (scenario: string): string => (scenario === "slo_i5" ? "INFER5" : "INFER4");

/** So long that it does not matter how quick this machine is; where requests are to be too late, the recorded one. */
const sloOf = (scenario: string): string =>
  scenario === "evict" || scenario === "toolate" ? "100ms" : "5s";

/** Each direction of a recording ends for itself: responses to requests that it lacks are left out. */
const conversationOf = ({ clients, actions }: RecordedSession): Conversation => ({
  clients: clients.map((client) => {
    const requests = client.requests.map(({ frame }) => frame);
    const ids = new Set(requests.map(({ messageId }) => messageId));
    const responses = client.responses.map(({ frame }) => frame);
    return { requests, responses: responses.filter(({ messageId }) => ids.has(messageId)) };
  }),
  actions: actions.map(({ frame }) => frame),
});

const converse = async (scenario: string, session: RecordedSession): Promise<Conversation> => {
  const dir = mkdtempSync(join(tmpdir(), "escapement-interop-"));
  cleanups.push(() => rmSync(dir, { recursive: true, force: true }));
  const worker = await RecordedWorker.listen(session);
  cleanups.push(() => worker.close());
  const role = ["controller", typeOf(scenario), `127.0.0.1:${worker.port}`];
  const flags = ["--client-port", "0", "--default-slo", sloOf(scenario), "--lifeline"];
  await using controller = new RoleProcess([...role, ...flags], { CLOCKWORK_LOG_DIR: dir });
  const { port } = await controller.status("ready");
  const clients = session.clients.map((stream) => new RecordedClient(port ?? 0, stream));
  cleanups.push(() => {
    for (const client of clients) client.close();
  });
  // A second client came once the first was served.
  for (const client of clients) await client.play();
  return { clients, actions: worker.actions };
};

/** On a busy machine requests wait: larger batches, and time-outs. Nothing else may be unlike all that was recorded. */
const isOfHaste = (meaning: string): boolean =>
  /^(?:InferAction .* [1-9]\d*|ModelInferenceRsp +(?:4|45) .*)$/.test(meaning);

interface Verdict {
  readonly problems: readonly string[];
  readonly unknown: readonly string[];
  readonly unseen: readonly string[];
}

const verdictOf = ({ problems, actions, responses }: ConversationComparison): Verdict => ({
  problems: [...problems, ...actions.differences, ...responses.differences],
  unknown: [...actions.unknown, ...responses.unknown].filter((each) => !isOfHaste(each)),
  unseen: [...actions.unseen, ...responses.unseen].filter(
    (each) => !/^ModelInferenceRsp +4 /.test(each),
  ),
});

const WELL: Verdict = { problems: [], unknown: [], unseen: [] };

test.each(["simple", "slo_i5", "lateload"])(
  "the trimmed recording %s: nothing is said that the original did not say",
  async (scenario) => {
    const session = trimmedSession(scenario);
    const compared = compareConversations(
      await converse(scenario, session),
      conversationOf(session),
    );
    const { problems, unknown } = verdictOf(compared);
    expect({ problems, unknown }).toEqual({ problems: [], unknown: [] });
    expect(compared.actions.compared).toBeGreaterThan(2);
    expect(compared.responses.compared).toBeGreaterThan(2);
  },
  60_000,
);

describe.skipIf(areVectorsAbsent)("a whole recording", () => {
  test.each([
    "simple",
    "simple_n2",
    "slo_i5",
    "lateload",
    "azure",
    "simple_inputs",
    "loaderr_badpath",
    "loaderr_nomeas",
  ])(
    "%s: our controller says all that the original said, field by field, and nothing else",
    async (scenario) => {
      const session = wholeSession(scenario);
      const ours = await converse(scenario, session);
      const compared = compareConversations(ours, conversationOf(session));
      expect(verdictOf(compared)).toEqual(WELL);
      const asked = ours.clients.reduce((sum, { requests }) => sum + requests.length, 0);
      const answered = ours.clients.reduce((sum, { responses }) => sum + responses.length, 0);
      expect(answered).toBe(asked);
    },
    60_000,
  );

  test.each(["evict", "toolate"])(
    "%s: with a worker that refuses, what our controller says is as the original said it",
    async (scenario) => {
      const session = wholeSession(scenario);
      const compared = compareConversations(
        await converse(scenario, session),
        conversationOf(session),
      );
      const { problems } = verdictOf(compared);
      expect(problems).toEqual([]);
      // Which models wait for which is a matter of microseconds; most of it comes about each time.
      const kinds = new Set(session.actions.map(({ frame }) => frame.name)).size;
      expect(kinds).toBe(5);
      expect(compared.actions.unseen.length).toBeLessThan(10);
      expect(compared.actions.compared).toBeGreaterThan(session.actions.length / 3);
      expect(compared.responses.compared).toBeGreaterThan(session.actions.length / 3);
    },
    60_000,
  );

  test("one changed byte in any field of what was recorded makes the comparison fail", async () => {
    const session = wholeSession("simple_inputs");
    const ours = await converse("simple_inputs", session);
    const recorded = conversationOf(session);
    expect(verdictOf(compareConversations(ours, recorded))).toEqual(WELL);
    const unnoticed = new Set<string>();
    let noticed = 0;
    const look = (what: string, changed: Conversation): void => {
      const verdict = verdictOf(compareConversations(ours, changed));
      if (Bun.deepEquals(verdict, WELL)) unnoticed.add(what);
      else noticed++;
    };
    for (const [index, action] of recorded.actions.entries())
      for (const { path, frame } of tamperings<typeof ACTIONS>(action))
        look(`${action.name}.${path}`, {
          ...recorded,
          actions: recorded.actions.with(index, frame),
        });
    const [client] = recorded.clients;
    if (client === undefined) throw new Error("no client was recorded");
    for (const [index, response] of client.responses.entries())
      for (const { path, frame } of tamperings<typeof RESPONSES>(response)) {
        const clients = [{ ...client, responses: client.responses.with(index, frame) }];
        look(`${response.name}.${path}`, { ...recorded, clients });
      }
    expect(noticed).toBeGreaterThan(100);
    // Instants of another day, and an id that the original leaves unset.
    expect([...unnoticed].toSorted()).toEqual([
      "InferAction.earliest",
      "InferAction.latest",
      "LoadModelFromDiskRsp.header.user_request_id",
      "LoadWeightsAction.earliest",
      "LoadWeightsAction.latest",
    ]);
  }, 60_000);
});
