// Rows of a layer's keys as written in the source, also when the keys come from macros.
import { type Frame, framesOf, type Token } from './preprocessor/token.ts';

/** More keys in a row than any keyboard has. Such a line is split by the macros on it. */
const MAX_IN_ROW = 24;

/** The frames of each key, outermost first. */
type Keys = readonly (readonly Frame[])[];

/**
 * The number of keys in each row, from the first token of each key. Rows are source lines. When all keys are on one
 * line, because a macro stands for the whole layer, rows are the lines of the macro's arguments or definition.
 */
export function rowsOf(keys: readonly Token[]): number[] {
  if (keys.length === 0) return [];
  return rowsAt(keys.map(framesOf), 0) ?? [keys.length];
}

/**
 * The rows at the first level, from `level` inward, where the keys stand side by side; undefined when there is
 * none.
 */
function rowsAt(keys: Keys, level: number): number[] | undefined {
  for (let at = level; standTogether(keys, at); at++) {
    const runs = runsAt(keys, at, ({ place: { file, line } }) => `${file.name}:${line}`);
    // Keys that are not in line order were reordered by a macro, so its lines are not rows.
    if (runs.length === 1 || runs.length > new Set(runs.map(({ id }) => id)).size) continue;
    return runs.flatMap(run => rowsOfLine(run.keys, at));
  }
  return keys.length > MAX_IN_ROW ? macrosAsRows(keys, level) : undefined;
}

function rowsOfLine(keys: Keys, level: number): number[] {
  const inner = keys.length > MAX_IN_ROW ? rowsAt(keys, level + 1) : undefined;
  return inner ?? [keys.length];
}

/** One row per macro, for a whole layer on one line: `<ROW_1 ROW_2 THUMBS>`. */
function macrosAsRows(keys: Keys, level: number): number[] | undefined {
  for (let at = level; at < MAX_LEVEL; at++) {
    const runs = runsAt(keys, at, ({ invocation }) => invocation);
    if (runs.length === 1) continue;
    return runs.every(({ id }) => id !== undefined) ? runs.map(run => run.keys.length) : undefined;
  }
  return undefined;
}

const MAX_LEVEL = 16;

/** Whether all keys have a place at this level, in the expansion of the same invocation. */
function standTogether(keys: Keys, level: number): boolean {
  const first = keys[0]![level];
  return (
    first !== undefined &&
    keys.every(frames => frames[level]?.invocation === first.invocation && level in frames)
  );
}

/** Groups neighbors that share an id at this level. */
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
