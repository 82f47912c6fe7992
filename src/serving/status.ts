/** Result and status codes of requests and actions, as on the wire and in the logs. */

export const STATUS = {
  SUCCESS: 0,
  /** Invalid model id, failed model load, unsupported call; on workers: cancelled. */
  ERROR: 1,
  RUNTIME_ERROR: 2,
  /** The worker or the controller is ending; the controller gives it to actions that were lost with their worker, too. */
  SHUTTING_DOWN: 3,
  TIMEOUT: 4,
  INITIALIZING: 5,
  INVALID_REQUEST: 6,
  CONTROLLER_SKIPPED: 7,
  CONTROLLER_LATE: 8,
  /** Ours: more is outstanding than the controller's limits allow. */
  OVERLOADED: 9,
  UNKNOWN_MODEL: 10,
  LOAD_MODEL_LATE: 11,
  INVALID_GPU: 13,
  MODEL_ID_IN_USE: 40,
  BAD_MODEL_PATH: 41,
  NOT_SENT_IN_TIME: 45,
  LOAD_WEIGHTS_EARLY: 50,
  LOAD_WEIGHTS_LATE: 51,
  LOAD_WEIGHTS_UNKNOWN_MODEL: 52,
  LOAD_WEIGHTS_NO_PAGES: 53,
  LOAD_WEIGHTS_CHANGED: 54,
  EVICT_EARLY: 60,
  EVICT_LATE: 61,
  EVICT_UNKNOWN_MODEL: 62,
  EVICT_NOT_RESIDENT: 63,
  INFER_UNKNOWN_MODEL: 72,
  INFER_BATCH_SIZE: 73,
  INPUT_POOL_FULL: 74,
  INFER_INPUT_SIZE: 75,
  EXEC_EARLY: 80,
  EXEC_LATE: 81,
  EXEC_NO_WEIGHTS: 82,
  EXEC_WEIGHTS_CHANGED: 84,
} as const;

/** Zero-based action types, as in error results and in the action log (the wire's message ids differ). */
export const ACTION_TYPE = {
  load_model: 0,
  load_weights: 1,
  infer: 2,
  evict_weights: 3,
  clear_cache: 4,
  get_worker_state: 5,
} as const;

export type ActionKind = keyof typeof ACTION_TYPE;
