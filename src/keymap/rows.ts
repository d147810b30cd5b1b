// The rows in which an author wrote a layer's keys, also when the keys come out of macros.
import { type Frame, framesOf, type Invocation, type Token } from './preprocessor/token.ts';

/** More keys in a row than any keyboard has: what is written in such a line is looked at further inside. */
const MAX_IN_ROW = 24;

/**
 * How many keys each row has, by the first token of each key. Rows are the lines that the keys are written on; where
 * all are on one, since a macro stands for the whole layer, those of its arguments or of its definition.
 */
export function rowsOf(keys: readonly Token[]): number[] {
  if (keys.length === 0) return [];
  return rowsAt(keys.map(framesOf), 0) ?? [keys.length];
}

/** The rows as the frames at `level` or further inside have them; undefined when none has any. */
function rowsAt(keys: readonly (readonly Frame[])[], level: number): number[] | undefined {
  const deepest = Math.max(...keys.map(({ length }) => length));
  for (let at = level; at < deepest; at++) {
    const runs = runsAt(keys, at);
    // What is not in the order of its lines was put in this order by a macro: its lines are no rows.
    if (runs.length === 1 || runs.length > new Set(runs.map(({ line }) => line)).size) continue;
    return runs.flatMap(({ frames }) => {
      const inner =
        frames.length > MAX_IN_ROW && comesFromOne(frames, at + 1) ? rowsAt(frames, at + 1) : undefined;
      return inner ?? [frames.length];
    });
  }
  return undefined;
}

interface Run {
  line: string;
  frames: (readonly Frame[])[];
}

/** Neighbours on the same line. */
function runsAt(keys: readonly (readonly Frame[])[], level: number): Run[] {
  const runs: Run[] = [];
  for (const frames of keys) {
    const { file, line } = (frames[level] ?? frames.at(-1)!).place;
    const name = `${file.name}:${line}`;
    const run = runs.at(-1);
    if (run?.line === name) run.frames.push(frames);
    else runs.push({ line: name, frames: [frames] });
  }
  return runs;
}

function comesFromOne(keys: readonly (readonly Frame[])[], level: number): boolean {
  const invocations = new Set<Invocation | undefined>(keys.map(frames => frames[level]?.invocation));
  return invocations.size === 1 && !invocations.has(undefined);
}
