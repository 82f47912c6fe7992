/** The order of a simulated world: by time, then by when it was asked for. */
import { expect, test } from "bun:test";
import { Agenda } from "#sim/agenda.ts";
import { type Nanos, ns } from "#stdx/nanos.ts";
import { Rng } from "#stdx/rng.ts";

/** Actors that note their names. */
const named = (agenda: Agenda, names: readonly string[]) => {
  const acted: string[] = [];
  const slots = new Map(
    names.map((name) => [name, agenda.add({ act: (now) => void acted.push(`${name}@${now}`) })]),
  );
  const wait = (name: string, at: number | null, ticket?: number): void =>
    agenda.wait(slots.get(name) ?? -1, at === null ? null : ns(at), ticket);
  return { acted, wait };
};

const runAll = (agenda: Agenda): void => {
  while (agenda.step());
};

test("who is due first acts first, and at one instant who asked first", () => {
  const agenda = new Agenda(4);
  const { acted, wait } = named(agenda, ["a", "b", "c", "d"]);
  wait("a", 20);
  wait("b", 10);
  wait("c", 10);
  wait("d", 5);
  runAll(agenda);
  expect(acted).toEqual(["d@5", "b@10", "c@10", "a@20"]);
  expect({ now: agenda.now, steps: agenda.steps, nextAt: agenda.nextAt() }).toEqual({
    now: ns(20),
    steps: 4,
    nextAt: null,
  });
});

test("asking for the same instant again keeps the place, for another one it is lost", () => {
  const agenda = new Agenda(2);
  const { acted, wait } = named(agenda, ["a", "b"]);
  wait("a", 10);
  wait("b", 10);
  wait("a", 10);
  expect(agenda.nextAt()).toBe(ns(10));
  runAll(agenda);
  wait("a", 30);
  wait("b", 30);
  wait("a", 29);
  wait("a", 30);
  runAll(agenda);
  expect(acted).toEqual(["a@10", "b@10", "b@30", "a@30"]);
});

test("a ticket keeps the place that was taken with it", () => {
  const agenda = new Agenda(2);
  const { acted, wait } = named(agenda, ["a", "b"]);
  const early = agenda.ticket();
  wait("b", 10);
  wait("a", 10, early);
  runAll(agenda);
  expect(acted).toEqual(["a@10", "b@10"]);
});

test("who waits for the past acts now, and who waits for nothing does not act", () => {
  const agenda = new Agenda(2);
  const { acted, wait } = named(agenda, ["a", "b"]);
  wait("a", 10);
  agenda.step();
  wait("a", 3);
  wait("b", 12);
  wait("b", null);
  runAll(agenda);
  expect(acted).toEqual(["a@10", "a@10"]);
});

test("an actor without end at one instant is an error, not an endless run", () => {
  const agenda = new Agenda(1);
  const slot: number = agenda.add({ act: (now) => agenda.wait(slot, now) });
  agenda.wait(slot, ns(7));
  expect(() => runAll(agenda)).toThrow("time stands still at 7 ns");
});

test("time never goes back, whatever is asked for meanwhile", () => {
  const rng = Rng.of(1, "agenda");
  const agenda = new Agenda(50);
  let last = 0;
  let acted = 0;
  const slots = Array.from({ length: 50 }, () =>
    agenda.add({
      act: (now) => {
        expect(now).toBeGreaterThanOrEqual(last);
        last = now;
        if (++acted > 5000) return;
        for (let i = 0; i < 2; i++) {
          const at = rng.below(5) === 0 ? null : ((now + rng.below(100) - 20) as Nanos);
          agenda.wait(slots[rng.below(50)] ?? 0, at);
        }
      },
    }),
  );
  for (const slot of slots) agenda.wait(slot, ns(rng.below(100)));
  runAll(agenda);
  expect(acted).toBeGreaterThan(1000);
});
