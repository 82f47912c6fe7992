/** What must hold between the messages of one session, whoever sent them: every answer to its question, every input from its request. */
import { ACTIONS, type IncomingFrame, REQUESTS, RESPONSES } from "#wire/messages.ts";
import { compareByMeaning, type MeaningComparison } from "./compare.ts";
import { pairKeyOf } from "./recorded-worker.ts";

type Request = IncomingFrame<typeof REQUESTS>;
type Response = IncomingFrame<typeof RESPONSES>;
type Action = IncomingFrame<typeof ACTIONS>;

/** One client's connection. */
export interface Exchange {
  readonly requests: readonly Request[];
  readonly responses: readonly Response[];
}

/** The controller's side of a session: clients, and one worker. */
export interface Conversation {
  readonly clients: readonly Exchange[];
  readonly actions: readonly Action[];
}

const typeIdOf = (frame: Request | Response): number =>
  (REQUESTS.byName.get(frame.name) ?? RESPONSES.byName.get(frame.name))?.id ?? 0;

/** A response's id is a hundred above its request's. */
const isAnswerTo = (request: Request, response: Response): boolean =>
  typeIdOf(response) === typeIdOf(request) + 100;

const idProblems = (request: Request, response: Response): readonly string[] => {
  const { userRequestId, status } = response.fields.header;
  const problems: string[] = [];
  // The original leaves it unset where a load succeeds.
  const isEcho = userRequestId === request.fields.header.userRequestId;
  if (!isEcho && response.name !== "LoadModelFromDiskRsp")
    problems.push(`request ${request.fields.header.userRequestId} came back as ${userRequestId}`);
  if (request.name !== "ModelInferenceReq" || response.name !== "ModelInferenceRsp")
    return problems;
  // Unset during start-up.
  if (status !== 5 && response.fields.modelId !== request.fields.modelId)
    problems.push(`model ${request.fields.modelId} came back as ${response.fields.modelId}`);
  return problems;
};

/** Each response answers a request that was sent, and none is answered twice. */
const answerProblems = ({ requests, responses }: Exchange): readonly string[] => {
  const open = new Map(requests.map((request) => [request.messageId, request]));
  return responses.flatMap((response) => {
    const request = open.get(response.messageId);
    open.delete(response.messageId);
    if (request === undefined || !isAnswerTo(request, response))
      return [`${response.name} ${response.messageId} answers nothing that is open`];
    return idProblems(request, response);
  });
};

const sha1 = (bytes: Uint8Array): string =>
  new Bun.CryptoHasher("sha1").update(bytes).digest("hex");

/** Each input of a batch is that of a request for its model; ids of actions are used once. */
const actionProblems = ({ clients, actions }: Conversation): readonly string[] => {
  const inputs = new Set<string>();
  for (const { requests } of clients)
    for (const request of requests)
      if (request.name === "ModelInferenceReq")
        inputs.add(`${request.fields.modelId} ${sha1(request.body)}`);
  const used = new Set<string>();
  return actions.flatMap((action) => {
    const problems = used.has(pairKeyOf(action)) ? [`two actions ${pairKeyOf(action)}`] : [];
    used.add(pairKeyOf(action));
    if (action.name !== "InferAction") return problems;
    const { inputSizes, modelId, batchSize, actionId } = action.fields;
    if (inputSizes.length !== batchSize)
      problems.push(
        `action ${actionId} has ${inputSizes.length} inputs for a batch of ${batchSize}`,
      );
    let start = 0;
    for (const size of inputSizes) {
      const input = action.body.subarray(start, start + size);
      // Without inputs there is nothing to tell one from another.
      if (size > 0 && !inputs.has(`${modelId} ${sha1(input)}`))
        problems.push(`action ${actionId} has an input that nobody sent for model ${modelId}`);
      start += size;
    }
    return problems;
  });
};

export interface ConversationComparison {
  readonly problems: readonly string[];
  readonly actions: MeaningComparison;
  readonly responses: MeaningComparison;
}

/** Ours against the recorded one; what holds between messages must hold in both. */
export const compareConversations = (
  ours: Conversation,
  recorded: Conversation,
): ConversationComparison => {
  const problems = [ours, recorded].flatMap((each) => [
    ...each.clients.flatMap(answerProblems),
    ...actionProblems(each),
  ]);
  const responsesOf = ({ clients }: Conversation): readonly Response[] =>
    clients.flatMap(({ responses }) => responses);
  return {
    problems: [...new Set(problems)],
    actions: compareByMeaning(ACTIONS, ours.actions, recorded.actions),
    responses: compareByMeaning(RESPONSES, responsesOf(ours), responsesOf(recorded)),
  };
};
