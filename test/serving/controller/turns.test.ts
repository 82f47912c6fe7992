/** Turns go on behind whoever did something last. */
import { expect, test } from "bun:test";
import { Turns } from "#serving/controller/turns.ts";

test("everybody is asked until a whole round did nothing", () => {
  const turns = new Turns(3);
  const left = [1, 0, 2];
  const asked: number[] = [];
  const act = (index: number): boolean => {
    asked.push(index);
    if ((left[index] as number) === 0) return false;
    left[index] = (left[index] as number) - 1;
    return true;
  };
  turns.run(act);
  // 0 acts, 1 not, 2 acts; 0 and 1 not, 2 acts; then none of 0, 1, 2.
  expect(asked).toEqual([0, 1, 2, 0, 1, 2, 0, 1, 2]);
  left[1] = 1;
  asked.length = 0;
  turns.run(act);
  expect(asked).toEqual([0, 1, 2, 0, 1]);
  // 1 was the last to act: 2 is next.
  asked.length = 0;
  turns.run(act);
  expect(asked).toEqual([2, 0, 1]);
});

test("without anybody nothing happens", () => {
  let asked = 0;
  new Turns(0).run(() => {
    asked++;
    return true;
  });
  expect(asked).toBe(0);
});
