/** The client's way to ready: loads every model, one request at a time, then asks for the list until serving begins. */
import type { LoadedModel } from "#serving/client/events.ts";
import type { ClientResponse } from "#serving/messages.ts";
import { STATUS } from "#serving/status.ts";
import { addNs, MILLISECOND, type Nanos, ns, toSeconds } from "#stdx/nanos.ts";

/** Instances of one model, loaded by one request. */
export interface ModelDemand {
  readonly model: string;
  readonly instances: number;
}

/** What to ask the controller for; the owner adds ids. */
export type LoaderRequest =
  | { readonly kind: "load_model"; readonly path: string; readonly copies: number }
  | { readonly kind: "ls" };

export type LoaderStep =
  | { readonly kind: "send"; readonly request: LoaderRequest }
  | { readonly kind: "wait" }
  | { readonly kind: "loaded"; readonly models: readonly LoadedModel[] }
  | { readonly kind: "failed"; readonly message: string };

export interface ModelLoaderOptions {
  readonly models: readonly ModelDemand[];
  /** Folder of the model zoo as the workers see it. */
  readonly modelDir: string;
  /** From the connection until the controller serves. */
  readonly limit: Nanos;
  /** Pause after a controller said that it is not serving yet. */
  readonly retryAfter?: Nanos;
}

/** The original waits a second, which is all a run's start-up. */
const RETRY_AFTER = ns(100 * MILLISECOND);

const WAIT: LoaderStep = { kind: "wait" };

/** Asks one thing at a time: each response leads to the next request. */
export class ModelLoader {
  readonly #options: ModelLoaderOptions;
  readonly #loaded: LoadedModel[] = [];
  readonly #deadline: Nanos;
  /** Index of the model being loaded; past the last one the list is asked for. */
  #next = 0;
  /** When to ask again; null while a response is awaited. */
  #retryAt: Nanos | null = null;

  /** `now` is when the connection came up. */
  constructor(now: Nanos, options: ModelLoaderOptions) {
    this.#options = options;
    this.#deadline = addNs(now, options.limit);
  }

  nextTimeout(): Nanos {
    return this.#retryAt ?? this.#deadline;
  }

  /** The next request; also to be called for the first one. */
  request(): LoaderStep {
    const demand = this.#options.models[this.#next];
    if (demand === undefined) return { kind: "send", request: { kind: "ls" } };
    const path = `${this.#options.modelDir}/${demand.model}/model`;
    return { kind: "send", request: { kind: "load_model", path, copies: demand.instances } };
  }

  onTimer(now: Nanos): LoaderStep {
    if (now >= this.#deadline) {
      const { length } = this.#options.models;
      const waiting =
        this.#next < length
          ? `model ${this.#next + 1} of ${length} (${this.#name()}) was not loaded`
          : "the controller still says that it is starting up";
      const limit = toSeconds(this.#options.limit);
      return { kind: "failed", message: `not ready within ${limit} s: ${waiting}` };
    }
    if (this.#retryAt === null || now < this.#retryAt) return WAIT;
    this.#retryAt = null;
    return this.request();
  }

  onResponse(now: Nanos, response: ClientResponse): LoaderStep {
    if (response.status === STATUS.INITIALIZING) {
      const again = addNs(now, this.#options.retryAfter ?? RETRY_AFTER);
      this.#retryAt = again < this.#deadline ? again : this.#deadline;
      return WAIT;
    }
    if (response.kind === "load_model") return this.#onLoaded(response);
    const wantsList = this.#next === this.#options.models.length;
    if (response.kind === "ls" && wantsList) return this.#onList(response);
    return {
      kind: "failed",
      message: `the controller sent an unexpected ${response.kind} response`,
    };
  }

  #onLoaded(response: Extract<ClientResponse, { readonly kind: "load_model" }>): LoaderStep {
    const demand = this.#options.models[this.#next];
    if (demand === undefined)
      return { kind: "failed", message: "the controller loaded a model twice" };
    if (response.status !== STATUS.SUCCESS)
      return { kind: "failed", message: this.#refusal(response) };
    if (response.copies !== demand.instances) {
      const message = `asked for ${demand.instances} instances of ${demand.model}, the controller made ${response.copies}`;
      return { kind: "failed", message };
    }
    for (let i = 0; i < demand.instances; i++) {
      const { inputBytes } = response;
      this.#loaded.push({ model: demand.model, modelId: response.modelId + i, inputBytes });
    }
    this.#next++;
    return this.request();
  }

  #onList(response: Extract<ClientResponse, { readonly kind: "ls" }>): LoaderStep {
    if (response.status !== STATUS.SUCCESS) {
      const message = `the controller refused to list its models: status ${response.status} ${response.message}`;
      return { kind: "failed", message: message.trimEnd() };
    }
    const listed = new Set(response.models.map((model) => model.modelId));
    const missing = this.#loaded.find((model) => !listed.has(model.modelId));
    if (missing !== undefined) {
      const message = `model ${missing.modelId} (${missing.model}) was loaded but the controller does not list it`;
      return { kind: "failed", message };
    }
    return { kind: "loaded", models: this.#loaded };
  }

  #refusal(response: ClientResponse): string {
    const reason = `status ${response.status} ${response.message}`.trimEnd();
    const late =
      response.status === STATUS.INVALID_REQUEST
        ? "; a controller takes models only until it begins to serve, so start a fresh one"
        : "";
    return `the controller did not load ${this.#name()}: ${reason}${late}`;
  }

  #name(): string {
    return this.#options.models[this.#next]?.model ?? "";
  }
}
