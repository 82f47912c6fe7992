/** The inference requests in the controller: deadlines at admission, time-outs, and exactly one response for each. */
import type { ControllerEffect, RequestRecord } from "#serving/controller/events.ts";
import { Heap } from "#serving/controller/heap.ts";
import type { Demand } from "#serving/controller/load-tracker.ts";
import type { Model } from "#serving/controller/model.ts";
import {
  DEADLINE_BUFFER,
  LONGEST_SLO,
  MAX_WEIGHTS_SLO,
  type SchedulerOptions,
} from "#serving/controller/options.ts";
import type { ClientRequest, OutputSlice, Payload } from "#serving/messages.ts";
import { STATUS } from "#serving/status.ts";
import { addNs, type Nanos } from "#stdx/nanos.ts";

type InferRequest = Extract<ClientRequest, { readonly kind: "infer" }>;

/** An inference request as it came in; `requestId` is the controller's. */
export interface Arrived {
  readonly requestId: number;
  readonly connectionId: number;
  readonly messageId: number;
  readonly arrival: Nanos;
  readonly request: InferRequest;
}

/** On how many workers, and on how many of their GPUs, a model's weights are. */
export interface Copies {
  readonly workers: number;
  readonly gpus: number;
}

export const NO_COPIES: Copies = { workers: 0, gpus: 0 };

/** The times a request must keep. */
export interface RequestTimes {
  /** The promise: what the logs judge by. */
  readonly slo: Nanos;
  /** What scheduling aims at, tighter than the SLO and never below what a look ahead needs. */
  readonly execSlo: Nanos;
  /** Within this time the weights should be on their way. */
  readonly weightsSlo: Nanos;
}

/** The original's formulas; its unsigned subtractions wrap when an SLO is shorter than what is taken from it. */
export const requestTimes = (
  model: Pick<Model, "singleExec" | "load">,
  sloFactor: number,
  options: Pick<SchedulerOptions, "defaultSlo" | "scheduleAhead">,
): RequestTimes => {
  const scaled = Math.trunc(Math.fround(Math.fround(model.singleExec) * Math.fround(sloFactor)));
  const slo = sloFactor > 0 ? Math.min(scaled, LONGEST_SLO) : options.defaultSlo;
  const floor = options.scheduleAhead + DEADLINE_BUFFER;
  const execSlo = Math.max(slo < DEADLINE_BUFFER ? slo : slo - DEADLINE_BUFFER, floor);
  const work = model.load.estimate() + model.singleExec + DEADLINE_BUFFER + options.scheduleAhead;
  const weightsCap = Math.min(MAX_WEIGHTS_SLO, slo < work ? slo : slo - work);
  return {
    slo: slo as Nanos,
    execSlo: execSlo as Nanos,
    weightsSlo: Math.max(weightsCap, floor) as Nanos,
  };
};

/** Skipped in favour of a batch it could not join; not to be started in time on the GPU that looked at it. */
export type GivenUp = typeof STATUS.CONTROLLER_SKIPPED | typeof STATUS.CONTROLLER_LATE;

/** An admitted request. It ends once: with its batch if `locked` (in an infer action), else at its deadline. */
export class Request {
  readonly requestId: number;
  readonly connectionId: number;
  readonly messageId: number;
  readonly userId: number;
  readonly userRequestId: number;
  readonly sloFactor: number;
  /** Let go once the request has ended: queues may hold it for a while yet. */
  input: Payload;
  readonly model: Model;
  readonly arrival: Nanos;
  readonly times: RequestTimes;
  /** `arrival + execSlo`: drives scheduling and the time-out. */
  readonly deadline: Nanos;
  readonly arrivalWorkers: number;
  readonly arrivalGpus: number;
  /** What is still counted of it in the load tracker. */
  readonly demand: Demand;
  locked = false;
  /** Why a strategy will not serve it: what it ends with at its deadline. Null for no particular reason. */
  givenUp: GivenUp | null = null;
  /** Null until it ended. */
  result: number | null = null;
  departure: Nanos | null = null;

  constructor(arrived: Arrived, model: Model, times: RequestTimes) {
    const { request } = arrived;
    this.requestId = arrived.requestId;
    this.connectionId = arrived.connectionId;
    this.messageId = arrived.messageId;
    this.userId = request.userId;
    this.userRequestId = request.userRequestId;
    this.sloFactor = request.sloFactor;
    this.input = request.input;
    this.model = model;
    this.arrival = arrived.arrival;
    this.times = times;
    this.deadline = addNs(arrived.arrival, times.execSlo);
    this.arrivalWorkers = model.workers;
    this.arrivalGpus = model.copies;
    this.demand = { exec: 0, load: 0 };
  }

  /** Neither ended, nor in an action, nor given up. */
  get isWaiting(): boolean {
    return !this.locked && this.result === null && this.givenUp === null;
  }

  get met(): boolean {
    return (
      this.result === STATUS.SUCCESS &&
      this.departure !== null &&
      this.departure - this.arrival <= this.times.slo
    );
  }
}

/** What the load tracker counts of a request. */
export const demandOf = (request: Request): Demand => request.demand;

export interface Ending {
  readonly result: number;
  /** "" on success. */
  readonly message: string;
  readonly output: OutputSlice | null;
}

const isDueBefore = (a: Request, b: Request): boolean =>
  a.deadline !== b.deadline ? a.deadline < b.deadline : a.requestId < b.requestId;

const NO_INPUT: Payload = { sizeBytes: 0 };
/** Requests that ended stay among the deadlines until these are more than twice those that are open, and this many. */
const SWEEP_AT = 1024;

export class RequestBook {
  readonly #emit: (effect: ControllerEffect) => void;
  #deadlines = new Heap<Request>(isDueBefore);
  /** Requests that were admitted and have not ended. */
  #open = 0;

  constructor(emit: (effect: ControllerEffect) => void) {
    this.#emit = emit;
  }

  /** Takes responsibility for the request's time-out. */
  admit(request: Request): void {
    this.#open += 1;
    this.#deadlines.push(request);
  }

  /** Ends every request that waits; those in actions end with these. */
  endAll(now: Nanos, ending: Ending): void {
    const deadlines = this.#deadlines;
    this.#deadlines = new Heap(isDueBefore);
    for (;;) {
      const request = deadlines.pop();
      if (request === undefined) return;
      this.end(now, request, ending);
    }
  }

  /** The next request whose deadline has come and that is in no action; it ends here, as timed out. */
  takeTimedOut(now: Nanos): Request | null {
    for (;;) {
      const request = this.#deadlines.peek();
      if (request === undefined || request.deadline > now) return null;
      this.#deadlines.pop();
      if (request.locked || request.result !== null) continue;
      const result = request.givenUp ?? STATUS.TIMEOUT;
      this.end(now, request, { result, message: "", output: null });
      return request;
    }
  }

  /** When the next time-out may be due. */
  nextTimeout(): Nanos | null {
    for (;;) {
      const request = this.#deadlines.peek();
      if (request === undefined) return null;
      if (!request.locked && request.result === null) return request.deadline;
      this.#deadlines.pop();
    }
  }

  /** Answers the request unless that has happened already. */
  end(now: Nanos, request: Request, ending: Ending): void {
    if (request.result !== null) return;
    request.result = ending.result;
    request.departure = now;
    this.#emit({
      kind: "respond",
      connectionId: request.connectionId,
      messageId: request.messageId,
      response: {
        kind: "infer",
        userRequestId: request.userRequestId,
        status: ending.result,
        message: ending.message,
        modelId: request.model.modelId,
        batchSize: 1,
        output: ending.output,
      },
    });
    this.#emit({ kind: "request_done", record: recordOf(request, now, ending.result) });
    request.input = NO_INPUT;
    this.#open -= 1;
    if (this.#deadlines.size > 2 * this.#open + SWEEP_AT) this.#sweep();
  }

  /** Clients choose deadlines: days away, they must not keep requests that ended long ago. */
  #sweep(): void {
    const deadlines = this.#deadlines;
    this.#deadlines = new Heap(isDueBefore);
    for (;;) {
      const request = deadlines.pop();
      if (request === undefined) return;
      if (request.result === null) this.#deadlines.push(request);
    }
  }
}

const recordOf = (request: Request, departure: Nanos, result: number): RequestRecord => ({
  requestId: request.requestId,
  connectionId: request.connectionId,
  userRequestId: request.userRequestId,
  userId: request.userId,
  modelId: request.model.modelId,
  modelExists: true,
  sloFactor: request.sloFactor,
  inputBytes: request.input.sizeBytes,
  result,
  arrival: request.arrival,
  departure,
  slo: request.times.slo,
  arrivalWorkers: request.arrivalWorkers,
  departureWorkers: request.model.workers,
  arrivalGpus: request.arrivalGpus,
  departureGpus: request.model.copies,
});

/** Answers a request that never reaches a strategy (start-up, unknown model, overload, ECHO) and leaves its record. */
export const answerUnscheduled = (
  now: Nanos,
  arrived: Arrived,
  reason: {
    readonly status: number;
    readonly message: string;
    /** Where the model is; null when there is no such model. */
    readonly copies: Copies | null;
  },
): readonly ControllerEffect[] => {
  const { request } = arrived;
  const { workers, gpus } = reason.copies ?? NO_COPIES;
  return [
    {
      kind: "respond",
      connectionId: arrived.connectionId,
      messageId: arrived.messageId,
      response: {
        kind: "infer",
        userRequestId: request.userRequestId,
        status: reason.status,
        message: reason.message,
        modelId: request.modelId,
        batchSize: 1,
        output: null,
      },
    },
    {
      kind: "request_done",
      record: {
        requestId: arrived.requestId,
        connectionId: arrived.connectionId,
        userRequestId: request.userRequestId,
        userId: request.userId,
        modelId: request.modelId,
        modelExists: reason.copies !== null,
        sloFactor: request.sloFactor,
        inputBytes: request.input.sizeBytes,
        result: reason.status,
        arrival: arrived.arrival,
        departure: now,
        slo: null,
        arrivalWorkers: workers,
        departureWorkers: workers,
        arrivalGpus: gpus,
        departureGpus: gpus,
      },
    },
  ];
};
