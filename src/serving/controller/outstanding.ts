/** What clients have outstanding, and when that is too much: what is above a limit is refused at once, not kept. */

export interface RequestLimits {
  /** Requests of all connections together. */
  readonly requestsMax: number;
  readonly requestsPerConnectionMax: number;
  /** Inference requests that state the same user id; null for no limit. Clients choose their ids: it binds the honest only. */
  readonly requestsPerUserMax: number | null;
  /** Bytes of the inputs of all requests together. */
  readonly inputBytesMax: number;
}

/** What of a request is counted. */
export interface Counted {
  readonly connectionId: number;
  /** Null where it is no inference request. */
  readonly userId: number | null;
  readonly inputBytes: number;
}

/** What one connection has outstanding. */
interface Account {
  requests: number;
  inputBytes: number;
}

/**
 * A limit on the total refuses only connections that have their share of it, the limit divided by the connections that
 * have something outstanding: those that flood cannot use up what the others need. So the total stays below twice the limit.
 */
export class Outstanding {
  readonly #limits: RequestLimits;
  readonly #accounts = new Map<number, Account>();
  /** Requests per user id; kept only where they are limited. */
  readonly #users = new Map<number, number>();
  #requests = 0;
  #inputBytes = 0;

  constructor(limits: RequestLimits) {
    this.#limits = limits;
  }

  /** Requests that were counted and have not ended. */
  get requests(): number {
    return this.#requests;
  }

  /** Counts the request, and says why it must be refused; null when it may stay. Either way it ends with `ended`. */
  begun(counted: Counted): string | null {
    const account = this.#accountOf(counted.connectionId);
    const refusal = this.#refusal(account, counted);
    account.requests += 1;
    account.inputBytes += counted.inputBytes;
    this.#requests += 1;
    this.#inputBytes += counted.inputBytes;
    this.#countUser(counted.userId, 1);
    return refusal;
  }

  /** The request was answered. */
  ended(counted: Counted): void {
    const account = this.#accountOf(counted.connectionId);
    account.requests -= 1;
    account.inputBytes -= counted.inputBytes;
    this.#requests -= 1;
    this.#inputBytes -= counted.inputBytes;
    this.#countUser(counted.userId, -1);
    if (account.requests === 0) this.#accounts.delete(counted.connectionId);
  }

  #accountOf(connectionId: number): Account {
    const known = this.#accounts.get(connectionId);
    if (known !== undefined) return known;
    const account = { requests: 0, inputBytes: 0 };
    this.#accounts.set(connectionId, account);
    return account;
  }

  #countUser(userId: number | null, by: 1 | -1): void {
    if (userId === null || this.#limits.requestsPerUserMax === null) return;
    const count = (this.#users.get(userId) ?? 0) + by;
    if (count === 0) this.#users.delete(userId);
    else this.#users.set(userId, count);
  }

  #refusal(own: Account, { userId, inputBytes }: Counted): string | null {
    const { requestsMax, requestsPerConnectionMax, requestsPerUserMax, inputBytesMax } =
      this.#limits;
    const tooMuch = (what: string, limit: number): string =>
      `too much is outstanding: ${what} (limit ${limit})`;
    if (own.requests >= requestsPerConnectionMax)
      return tooMuch("requests of this connection", requestsPerConnectionMax);
    const share = 1 / this.#accounts.size;
    if (this.#requests >= requestsMax && own.requests >= requestsMax * share)
      return tooMuch("requests of all connections", requestsMax);
    const isFull = this.#inputBytes + inputBytes > inputBytesMax;
    if (inputBytes > 0 && isFull && own.inputBytes + inputBytes > inputBytesMax * share)
      return tooMuch("bytes of inputs", inputBytesMax);
    if (userId === null || requestsPerUserMax === null) return null;
    const ofUser = this.#users.get(userId) ?? 0;
    if (ofUser >= requestsPerUserMax)
      return tooMuch(`requests of user ${userId}`, requestsPerUserMax);
    return null;
  }
}
