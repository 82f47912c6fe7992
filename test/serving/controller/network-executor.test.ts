/** Send slots, late sends and their delayed report; instants in ns. */
import { describe, expect, test } from "bun:test";
import { NetworkExecutor, type Sendable } from "#serving/controller/network-executor.ts";
import { ns } from "#stdx/nanos.ts";

const entry = (
  actionId: number,
  extra: {
    readonly worker?: number;
    readonly sendBy?: number;
    readonly reportErrorAt?: number;
  } = {},
): Sendable => ({
  actionId,
  worker: extra.worker ?? 0,
  sendBy: extra.sendBy === undefined ? null : ns(extra.sendBy),
  reportErrorAt: ns(extra.reportErrorAt ?? 0),
});

const make = () => {
  const sent: string[] = [];
  const network = new NetworkExecutor<Sendable>((now, { actionId }) =>
    sent.push(`${now}:A${actionId}`),
  );
  return { sent, network };
};

describe("NetworkExecutor", () => {
  test("two at a time, in order", () => {
    const { sent, network } = make();
    for (const id of [1, 2, 3, 4]) network.send(ns(0), entry(id));
    expect(sent).toEqual(["0:A1", "0:A2"]);
    network.onSent(ns(5), 2);
    // A slot is freed once, whatever the network says twice.
    network.onSent(ns(6), 2);
    expect(sent).toEqual(["0:A1", "0:A2", "5:A3"]);
  });

  test("what is too late is reported when a worker would have reported it", () => {
    const { sent, network } = make();
    network.send(ns(0), entry(1));
    network.send(ns(0), entry(2));
    network.send(ns(0), entry(3, { sendBy: 10, reportErrorAt: 50 }));
    network.onSent(ns(11), 1);
    expect(sent).toEqual(["0:A1", "0:A2"]);
    expect(network.nextTimeout() as number).toBe(50);
    expect(network.takeUnsent(ns(49))).toBeNull();
    expect(network.takeUnsent(ns(50))).toMatchObject({ entry: { actionId: 3 }, decided: 11 });
    // A2 is on its way since 0: from 100 ms on its worker counts as blocked.
    expect(network.nextTimeout() as number).toBe(100_000_000);
  });

  test("an action whose last instant has come may still leave", () => {
    const { sent, network } = make();
    for (const id of [1, 2]) network.send(ns(0), entry(id));
    network.send(ns(0), entry(3, { sendBy: 10 }));
    network.onSent(ns(10), 1);
    expect(sent).toEqual(["0:A1", "0:A2", "10:A3"]);
  });

  test("lateness is noticed even if no slot ever gets free", () => {
    const { network } = make();
    network.send(ns(0), entry(1));
    network.send(ns(0), entry(2));
    network.send(ns(0), entry(3, { sendBy: 10, reportErrorAt: 12 }));
    // Sending at 10 is still in time; from 11 on it is not.
    expect(network.nextTimeout() as number).toBe(11);
    network.expire(ns(10));
    expect(network.takeUnsent(ns(12))).toBeNull();
    network.expire(ns(11));
    expect(network.takeUnsent(ns(12))).toMatchObject({ entry: { actionId: 3 }, decided: 11 });
  });

  test("a lost worker gives its slots back and takes its waiting actions with it", () => {
    const { sent, network } = make();
    network.send(ns(0), entry(1, { worker: 1 }));
    network.send(ns(0), entry(2, { worker: 1 }));
    network.send(ns(0), entry(3, { worker: 1 }));
    network.send(ns(0), entry(4, { worker: 0 }));
    const dropped = network.onWorkerDown(ns(7), 1);
    expect(dropped.map(({ actionId }) => actionId)).toEqual([3]);
    expect(sent).toEqual(["0:A1", "0:A2", "7:A4"]);
  });

  test("a worker that takes nothing for 100 ms holds up nobody else", () => {
    const { sent, network } = make();
    const late = 100_000_000;
    network.send(ns(0), entry(1, { worker: 1 }));
    network.send(ns(0), entry(2, { worker: 1 }));
    network.send(ns(5), entry(3, { worker: 1 }));
    network.send(ns(5), entry(4));
    network.send(ns(5), entry(5, { worker: 1, sendBy: late + 50, reportErrorAt: late + 60 }));
    expect(network.nextTimeout() as number).toBe(late);
    network.expire(ns(late - 1));
    expect(sent).toEqual(["0:A1", "0:A2"]);
    network.expire(ns(late));
    expect(sent).toEqual(["0:A1", "0:A2", `${late}:A4`]);
    // What waits for it may still be too late, and what comes for it waits.
    network.expire(ns(late + 51));
    expect(network.takeUnsent(ns(late + 60))).toMatchObject({ entry: { actionId: 5 } });
    network.send(ns(late + 70), entry(6, { worker: 1 }));
    network.send(ns(late + 70), entry(7));
    network.send(ns(late + 70), entry(8));
    expect(sent.slice(3)).toEqual([`${late + 70}:A7`]);
    // It takes what was on its way: from then on it is like any other.
    network.onSent(ns(late + 80), 1);
    expect(sent).toHaveLength(4);
    network.onSent(ns(late + 81), 2);
    network.onSent(ns(late + 82), 4);
    network.onSent(ns(late + 83), 7);
    expect(sent.slice(4)).toEqual([`${late + 82}:A8`, `${late + 83}:A3`]);
    network.onSent(ns(late + 84), 8);
    expect(sent.slice(6)).toEqual([`${late + 84}:A6`]);
  });

  test("a blocked worker that is lost leaves no slot taken", () => {
    const { sent, network } = make();
    for (const id of [1, 2, 3]) network.send(ns(0), entry(id, { worker: 1 }));
    network.expire(ns(100_000_000));
    expect(network.onWorkerDown(ns(100_000_001), 1).map(({ actionId }) => actionId)).toEqual([3]);
    for (const id of [4, 5, 6]) network.send(ns(100_000_002), entry(id));
    expect(sent.slice(2)).toEqual(["100000002:A4", "100000002:A5"]);
  });
});
