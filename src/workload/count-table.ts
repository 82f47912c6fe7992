/**
 * Counts per function and minute, kept minute by minute although files list them function by function, and kept
 * elsewhere: a replay holds one minute at a time, however many days its trace has.
 */
import { assert } from "#stdx/assert.ts";
import { ok, type Result } from "#stdx/result.ts";
import { AzureTraceReader, type TraceFunction, type TraceSink } from "#workload/azure-trace.ts";
import { type TraceProblems } from "#workload/trace-problems.ts";

/** Where encoded counts lie: in memory, or in a file. */
export interface CellStore {
  /** Keeps a copy of the bytes; returns by what to ask for them. */
  append(bytes: Uint8Array): number;
  /** Part of what was kept; valid until the next call. */
  read(handle: number, from: number, length: number): Uint8Array;
}

/** A store in memory, for traces of moderate size. */
export const memoryStore = (): CellStore => {
  const kept: Uint8Array[] = [];
  return {
    append: (bytes) => kept.push(bytes.slice()) - 1,
    read: (handle, from, length) => {
      const bytes = kept[handle];
      assert(bytes !== undefined, "what is read was kept");
      return bytes.subarray(from, from + length);
    },
  };
};

/** The functions with invocations in one minute, in no order; the arrays are longer than `size` and are used again. */
export interface MinuteCells {
  readonly size: number;
  readonly functions: Uint32Array;
  readonly counts: Float64Array;
}

/** Some functions of one file, all of its minutes: minute `first + i` lies in bytes offsets[i] to offsets[i + 1]. */
interface Block {
  readonly handle: number;
  readonly first: number;
  readonly offsets: Uint32Array;
}

const MINUTES_PER_DAY = 1440;
const MINUTES_MAX = 14 * MINUTES_PER_DAY;
/** Counts that are sorted at once: 14 MB of them. */
const BLOCK_CELLS = 1_000_000;

/** Bytes of a whole number with seven bits in each. */
const sizeOf = (value: number): number => {
  let bytes = 1;
  for (let left = value; left >= 128; left = Math.floor(left / 128)) bytes++;
  return bytes;
};

/** Whole numbers of either sign as ones of no sign, small ones first. */
const zigzag = (value: number): number => (value < 0 ? -2 * value - 1 : 2 * value);

/** The counts of one block while it is gathered, function by function. */
class OpenBlock {
  readonly #functions = new Uint32Array(BLOCK_CELLS);
  readonly #columns = new Uint16Array(BLOCK_CELLS);
  readonly #counts = new Float64Array(BLOCK_CELLS);
  #size = 0;

  get isEmpty(): boolean {
    return this.#size === 0;
  }

  hasRoom(cells: number): boolean {
    return this.#size + cells <= BLOCK_CELLS;
  }

  add(index: number, { columns, counts }: TraceFunction): void {
    this.#functions.fill(index, this.#size, this.#size + columns.length);
    this.#columns.set(columns, this.#size);
    this.#counts.set(counts, this.#size);
    this.#size += columns.length;
  }

  /** The cells of each minute one after another, as pairs: by how much the function's index rises, and its count. */
  close(minuteCount: number, write: (bytes: Uint8Array, offsets: Uint32Array) => void): void {
    const offsets = new Uint32Array(minuteCount + 1);
    this.#each(minuteCount, (column, rise, count) => {
      offsets[column + 1] = (offsets[column + 1] ?? 0) + sizeOf(rise) + sizeOf(count);
    });
    for (let i = 0; i < minuteCount; i++) {
      offsets[i + 1] = (offsets[i + 1] ?? 0) + (offsets[i] ?? 0);
    }
    const bytes = new Uint8Array(offsets[minuteCount] ?? 0);
    const at = offsets.slice();
    const put = (column: number, value: number): void => {
      let position = at[column] ?? 0;
      let left = value;
      for (; left >= 128; left = Math.floor(left / 128)) bytes[position++] = 128 + (left % 128);
      bytes[position++] = left;
      at[column] = position;
    };
    this.#each(minuteCount, (column, rise, count) => {
      put(column, rise);
      put(column, count);
    });
    this.#size = 0;
    write(bytes, offsets);
  }

  #each(minuteCount: number, visit: (column: number, rise: number, count: number) => void): void {
    const last = new Uint32Array(minuteCount);
    for (let i = 0; i < this.#size; i++) {
      const column = this.#columns[i] ?? 0;
      const index = this.#functions[i] ?? 0;
      visit(column, zigzag(index - (last[column] ?? 0)), this.#counts[i] ?? 0);
      last[column] = index;
    }
  }
}

interface TableParts {
  readonly store: CellStore;
  readonly blocks: readonly Block[];
  readonly firstMinute: number;
  readonly classes: readonly string[];
  readonly classOf: readonly number[];
  readonly totals: Float64Array;
}

/** A trace of counts, minute by minute; functions are numbered in the order in which they first appear. */
export class CountTable {
  readonly #parts: TableParts;
  #functions = new Uint32Array(1024);
  #counts = new Float64Array(1024);
  #size = 0;

  constructor(parts: TableParts) {
    this.#parts = parts;
  }

  /** As the first file's header names it. */
  get firstMinute(): number {
    return this.#parts.firstMinute;
  }

  get minuteCount(): number {
    return this.#parts.totals.length;
  }

  get functionCount(): number {
    return this.#parts.classOf.length;
  }

  /** The trigger of a function, as the trace has it. */
  triggerOf(index: number): string {
    return this.#parts.classes[this.#parts.classOf[index] ?? 0] ?? "";
  }

  /** Invocations of all functions in a minute, 0-based. */
  totalOf(minute: number): number {
    return this.#parts.totals[minute] ?? 0;
  }

  /** The counts above 0 of a minute, 0-based; valid until the next call. */
  cellsOf(minute: number): MinuteCells {
    this.#size = 0;
    for (const { handle, first, offsets } of this.#parts.blocks) {
      const from = offsets[minute - first] ?? 0;
      const to = minute < first ? 0 : (offsets[minute - first + 1] ?? 0);
      if (to > from) this.#decode(this.#parts.store.read(handle, from, to - from));
    }
    return { size: this.#size, functions: this.#functions, counts: this.#counts };
  }

  #decode(bytes: Uint8Array): void {
    // Each cell takes two bytes or more.
    this.#makeRoom(this.#size + bytes.length / 2);
    let [at, index] = [0, 0];
    const next = (): number => {
      let [value, weight] = [0, 1];
      for (;;) {
        const byte = bytes[at++] ?? 0;
        if (byte < 128) return value + byte * weight;
        value += (byte - 128) * weight;
        weight *= 128;
      }
    };
    while (at < bytes.length) {
      const rise = next();
      index += rise % 2 === 1 ? -(rise + 1) / 2 : rise / 2;
      this.#functions[this.#size] = index;
      this.#counts[this.#size] = next();
      this.#size++;
    }
  }

  #makeRoom(cells: number): void {
    if (cells <= this.#functions.length) return;
    const length = 2 ** Math.ceil(Math.log2(cells));
    const functions = new Uint32Array(length);
    functions.set(this.#functions);
    const counts = new Float64Array(length);
    counts.set(this.#counts);
    this.#functions = functions;
    this.#counts = counts;
  }
}

/** A number for a function's names; of a million functions two have the same one with a probability of 1 in 18,000. */
const keyOf = ({ owner, app, name, trigger }: TraceFunction): number => {
  let [a, b] = [0x811c_9dc5, 0x9e37_79b9];
  for (const text of [owner, app, name, trigger]) {
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      a = Math.imul(a ^ code, 0x0100_0193);
      b = Math.imul(b ^ code, 0x85eb_ca6b);
      b ^= b >>> 15;
    }
    a = Math.imul(a ^ 0x1f, 0x0100_0193);
    b = Math.imul(b ^ 0x1f, 0xc2b2_ae35);
  }
  return (a >>> 0) * 2 ** 21 + (b >>> 11);
};

/** Takes the functions of one file after another, the days in order. */
export class CountTableBuilder implements TraceSink {
  readonly #store: CellStore;
  readonly #blocks: Block[] = [];
  readonly #open = new OpenBlock();
  readonly #indices = new Map<number, number>();
  readonly #classes = new Map<string, number>();
  readonly #classOf: number[] = [];
  /** The file in which a function was last seen. */
  readonly #lastFile: number[] = [];
  #totals = new Float64Array(0);
  #firstMinute = 0;
  #files = 0;
  /** 0-based minute of the table at which the current file begins, and how many it has. */
  #first = 0;
  #minutes = 0;

  constructor(store: CellStore) {
    this.#store = store;
  }

  begin(firstMinute: number, minuteCount: number): string | null {
    this.#closeBlock();
    const due = this.#firstMinute + this.#totals.length - this.#files * MINUTES_PER_DAY;
    if (this.#files === 0) this.#firstMinute = firstMinute;
    else if (firstMinute !== due) {
      return `the file before ends with minute ${due - 1 + MINUTES_PER_DAY} of its day, and this one begins with minute ${firstMinute}`;
    }
    this.#files++;
    this.#first = this.#totals.length;
    this.#minutes = minuteCount;
    if (this.#first + minuteCount > MINUTES_MAX) {
      return `the files have more than the ${MINUTES_MAX} minutes of 14 days`;
    }
    const totals = new Float64Array(this.#first + minuteCount);
    totals.set(this.#totals);
    this.#totals = totals;
    return null;
  }

  add(fn: TraceFunction): string | null {
    const index = this.#indexOf(fn);
    if (this.#lastFile[index] === this.#files) return "the function has a line already";
    this.#lastFile[index] = this.#files;
    if (!this.#open.hasRoom(fn.columns.length)) this.#closeBlock();
    this.#open.add(index, fn);
    for (let i = 0; i < fn.columns.length; i++) {
      const minute = this.#first + (fn.columns[i] ?? 0);
      this.#totals[minute] = (this.#totals[minute] ?? 0) + (fn.counts[i] ?? 0);
    }
    return null;
  }

  finish(): CountTable {
    this.#closeBlock();
    return new CountTable({
      store: this.#store,
      blocks: this.#blocks,
      firstMinute: this.#firstMinute,
      classes: [...this.#classes.keys()],
      classOf: this.#classOf,
      totals: this.#totals,
    });
  }

  #indexOf(fn: TraceFunction): number {
    const key = keyOf(fn);
    const known = this.#indices.get(key);
    if (known !== undefined) return known;
    const index = this.#indices.size;
    this.#indices.set(key, index);
    let trigger = this.#classes.get(fn.trigger);
    if (trigger === undefined) {
      trigger = this.#classes.size;
      this.#classes.set(fn.trigger, trigger);
    }
    this.#classOf.push(trigger);
    return index;
  }

  #closeBlock(): void {
    if (this.#open.isEmpty) return;
    this.#open.close(this.#minutes, (bytes, offsets) => {
      this.#blocks.push({ handle: this.#store.append(bytes), first: this.#first, offsets });
    });
  }
}

/** The table of a whole file, kept in memory. */
export const parseCountTable = (text: string): Result<CountTable, TraceProblems> => {
  const builder = new CountTableBuilder(memoryStore());
  const reader = new AzureTraceReader(builder);
  reader.push(text);
  const read = reader.finish();
  return read.ok ? ok(builder.finish()) : read;
};
