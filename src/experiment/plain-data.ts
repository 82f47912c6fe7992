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

/** One problem for every value that is no plain data; a value that holds itself is named where it comes round. */
export const findNonData = (root: unknown): readonly Problem[] => {
  const problems: Problem[] = [];
  const open = new Set<object>();
  const add = (path: readonly PropertyKey[], value: unknown, message: string, remedy = LIST) => {
    problems.push({ path: showPath(path), value: showValue(value), message, remedy });
  };
  const visit = (value: unknown, path: readonly PropertyKey[]): void => {
    if (typeof value === "number" && !Number.isFinite(value))
      return add(path, value, `${value} is not a number`);
    if (value === undefined)
      return add(path, value, "the value is undefined", "give it a value, or leave the key out");
    if (typeof value === "function" || typeof value === "symbol" || typeof value === "bigint") {
      return add(path, value, `${showValue(value)} is no plain data`);
    }
    if (typeof value !== "object" || value === null) return;
    if (open.has(value)) return add(path, "(itself)", "the value holds itself");
    if (!Array.isArray(value) && !isPlainObject(value))
      return add(path, value, "an object of a class is no plain data");
    open.add(value);
    const entries = Array.isArray(value) ? value.entries() : Object.entries(value);
    for (const [name, item] of entries) visit(item, [...path, name]);
    open.delete(value);
  };
  visit(root, []);
  return problems;
};
