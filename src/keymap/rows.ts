// The rows in which an author wrote a layer's keys, also when the keys come out of macros.
import { type Frame, framesOf, type Token } from './preprocessor/token.ts';

/** More keys in a row than any keyboard has: what is written in such a line is looked at further inside. */
const MAX_IN_ROW = 24;

/** The frames of each key, the outermost first. */
type Keys = readonly (readonly Frame[])[];

/**
 * How many keys each row has, by the first token of each key. Rows are the lines that the keys are written on; where
 * all are on one, since a macro stands for the whole layer, those of the macro's arguments or of its definition.
 */
export function rowsOf(keys: readonly Token[]): number[] {
  if (keys.length === 0) return [];
  return rowsAt(keys.map(framesOf), 0) ?? [keys.length];
}

/** The rows that the keys have where they stand side by side, at `level` or further inside; undefined when there are none. */
function rowsAt(keys: Keys, level: number): number[] | undefined {
  for (let at = level; standTogether(keys, at); at++) {
    const runs = runsAt(keys, at, ({ place: { file, line } }) => `${file.name}:${line}`);
    // What is not in the order of its lines was put in this order by a macro: its lines are not rows.
    if (runs.length === 1 || runs.length > new Set(runs.map(({ id }) => id)).size) continue;
    return runs.flatMap(run => rowsOfLine(run.keys, at));
  }
  return keys.length > MAX_IN_ROW ? macrosAsRows(keys, level) : undefined;
}

function rowsOfLine(keys: Keys, level: number): number[] {
  const inner = keys.length > MAX_IN_ROW ? rowsAt(keys, level + 1) : undefined;
  return inner ?? [keys.length];
}

/** A row for each macro, where a whole layer is on one line: `<ROW_1 ROW_2 THUMBS>`. */
function macrosAsRows(keys: Keys, level: number): number[] | undefined {
  for (let at = level; at < MAX_LEVEL; at++) {
    const runs = runsAt(keys, at, ({ invocation }) => invocation);
    if (runs.length === 1) continue;
    return runs.every(({ id }) => id !== undefined) ? runs.map(run => run.keys.length) : undefined;
  }
  return undefined;
}

const MAX_LEVEL = 16;

/** Whether all keys have a place at this level, in the expansion of the same use of a macro. */
function standTogether(keys: Keys, level: number): boolean {
  const first = keys[0]![level];
  return (
    first !== undefined &&
    keys.every(frames => frames[level]?.invocation === first.invocation && level in frames)
  );
}

/** Neighbours that have something in common at this level. */
function runsAt<T>(keys: Keys, level: number, idOf: (frame: Frame) => T): { id: T; keys: Keys }[] {
  const runs: { id: T; keys: (readonly Frame[])[] }[] = [];
  for (const frames of keys) {
    const id = idOf(frames[level] ?? frames.at(-1)!);
    const run = runs.at(-1);
    if (run !== undefined && run.id === id) run.keys.push(frames);
    else runs.push({ id, keys: [frames] });
  }
  return runs;
}
