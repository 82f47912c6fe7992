/** A controller over a real connection, for tests of workers. */
import { actionToWire } from "#host/action-mapping.ts";
import { startClock } from "#host/clock.ts";
import { connect, type Link } from "#host/link.ts";
import { resultFromWire } from "#host/result-mapping.ts";
import type { Action, ActionResult } from "#serving/messages.ts";
import { ENDPOINTS } from "#wire/messages.ts";

/** Of every fake controller: instants of results are relative to its epoch. */
export const clock = startClock();

/** Sends actions and waits for the results of ids. */
export class FakeController {
  readonly results = new Map<number, ActionResult>();
  readonly #waiting = new Map<number, (result: ActionResult) => void>();
  #link: Link<typeof ENDPOINTS.controllerForWorkers> | null = null;

  static async connect(port: number): Promise<FakeController> {
    const controller = new FakeController();
    const connected = await connect({
      endpoint: ENDPOINTS.controllerForWorkers,
      clock,
      host: "127.0.0.1",
      port,
      timeoutMs: 10_000,
      accept: () => ({
        onMessage: (frame) => {
          const result = resultFromWire(frame, clock);
          if (!result.ok) throw new Error(result.error);
          controller.results.set(result.value.actionId, result.value);
          controller.#waiting.get(result.value.actionId)?.(result.value);
        },
      }),
    });
    if (!connected.ok) throw new Error(connected.error.message);
    controller.#link = connected.value;
    return controller;
  }

  send(action: Action): void {
    this.#link?.send(actionToWire(action, clock));
  }

  result(actionId: number): Promise<ActionResult> {
    const there = this.results.get(actionId);
    if (there !== undefined) return Promise.resolve(there);
    const { promise, resolve } = Promise.withResolvers<ActionResult>();
    this.#waiting.set(actionId, resolve);
    return promise;
  }

  async ask<K extends ActionResult["kind"]>(
    action: Action,
    kind: K,
  ): Promise<Extract<ActionResult, { readonly kind: K }>> {
    this.send(action);
    const result = await this.result(action.actionId);
    if (result.kind !== kind) throw new Error(`got ${JSON.stringify(result)}`);
    return result as Extract<ActionResult, { readonly kind: K }>;
  }

  async close(): Promise<void> {
    await this.#link?.close();
  }
}
