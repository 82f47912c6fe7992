/** Finds what is no plain data in an experiment: functions, dates, undefined values, numbers that are none, cycles. */
import { showValue } from "#experiment/problem.ts";
import type { Problem } from "#experiment/resolved.ts";

const LIST = "plain values only: texts, numbers, booleans, lists and objects of them";

const isPlainObject = (value: object): boolean => {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
};

/** A key path in words: dots between keys, brackets around positions and around keys that hold dots. */
export const showPath = (path: readonly PropertyKey[]): string => {
  let shown = "";
  for (const [position, part] of path.entries()) {
    const name = String(part);
    if (typeof part === "number") shown += `[${part}]`;
    else if (path[0] === "sweep" && position === 1) shown += `["${name}"]`;
    else shown += shown === "" ? name : `.${name}`;
  }
  return shown;
};

interface Finding {
  readonly message: string;
  readonly remedy: string;
}

const notData = (message: string): Finding => ({ message, remedy: LIST });

/** What is wrong with one value, apart from what it holds; null when nothing is. */
const judge = (value: unknown): Finding | null => {
  if (value === undefined) {
    return { message: "the value is undefined", remedy: "give it a value, or leave the key out" };
  }
  if (typeof value === "number") {
    return Number.isFinite(value) ? null : notData(`${value} is not a number`);
  }
  if (typeof value === "function" || typeof value === "symbol" || typeof value === "bigint") {
    return notData(`${showValue(value)} is no plain data`);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) return null;
  return isPlainObject(value) ? null : notData("an object of a class is no plain data");
};

/** One problem for every value that is no plain data; a value that holds itself is named where it comes round. */
export const findNonData = (root: unknown): readonly Problem[] => {
  const problems: Problem[] = [];
  const open = new Set<object>();
  const visit = (value: unknown, path: readonly PropertyKey[]): void => {
    const holder = typeof value === "object" && value !== null ? value : null;
    const isCycle = holder !== null && open.has(holder);
    const finding = isCycle ? notData("the value holds itself") : judge(value);
    if (finding !== null) {
      const shown = isCycle ? "(itself)" : showValue(value);
      problems.push({ path: showPath(path), value: shown, ...finding });
      return;
    }
    if (holder === null) return;
    open.add(holder);
    const entries = Array.isArray(holder) ? holder.entries() : Object.entries(holder);
    for (const [name, item] of entries) visit(item, [...path, name]);
    open.delete(holder);
  };
  visit(root, []);
  return problems;
};
