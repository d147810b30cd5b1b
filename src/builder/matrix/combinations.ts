// Combinations of a build matrix, by GitHub's rules.

import { type Entry, MatrixError, type MatrixFile, type Value } from './matrix-file.ts';

/** GitHub's limit on the jobs of one matrix. */
export const MAX_COMBINATIONS = 256;

/** Limit on the combinations of the lists before `exclude`. */
const MAX_PRODUCT = 4_096;

/**
 * The combinations of a matrix, in GitHub's order: those of the lists, the first list varying slowest, then those that
 * `include` adds.
 *
 * - `exclude` removes the combinations that have all of an entry's values.
 *
 * - An entry of `include` extends every combination of the lists whose original values it does not change. It may
 * change values that earlier entries added.
 *
 * - An entry that extends none is a combination of its own, which later entries do not extend.
 *
 * Values are compared without regard to case, as GitHub's `==` does.
 */
export function combine({ file, lists, include, exclude }: MatrixFile): Entry[] {
  for (const { values } of exclude) {
    for (const [field, { line }] of values) {
      if (!lists.has(field)) {
        throw new MatrixError(file, line, `'exclude' names '${field}', which is not a list of the matrix.`);
      }
    }
  }
  const unused = new Set(include);
  const combinations: Entry[] = [];
  for (const original of product(file, lists)) {
    if (exclude.some(entry => matches(entry, original))) continue;
    const values = new Map(original.values);
    for (const entry of include) {
      if (!matches(entry, original)) continue;
      unused.delete(entry);
      for (const [field, value] of entry.values) if (!lists.has(field)) values.set(field, value);
    }
    combinations.push({ values, line: original.line });
  }
  combinations.push(...unused);
  if (combinations.length > MAX_COMBINATIONS) {
    throw new MatrixError(
      file,
      combinations[MAX_COMBINATIONS]!.line,
      `has ${combinations.length} combinations; GitHub builds at most ${MAX_COMBINATIONS}.`,
    );
  }
  return combinations;
}

/** Whether the combination has all of the entry's values that belong to lists. */
function matches(entry: Entry, combination: Entry): boolean {
  for (const [field, value] of entry.values) {
    const original = combination.values.get(field);
    if (original !== undefined && original.text.toLowerCase() !== value.text.toLowerCase()) return false;
  }
  return true;
}

function product(file: string, lists: Map<string, Value[]>): Entry[] {
  if (lists.size === 0) return [];
  let entries: Entry[] = [{ values: new Map(), line: 0 }];
  for (const [field, list] of lists) {
    if (entries.length * list.length > MAX_PRODUCT) {
      throw new MatrixError(
        file,
        list[0]!.line,
        `has more than ${MAX_PRODUCT} combinations; GitHub builds at most ${MAX_COMBINATIONS}.`,
      );
    }
    entries = entries.flatMap(entry =>
      list.map(value => ({
        values: new Map(entry.values).set(field, value),
        line: entry.line || value.line,
      })),
    );
  }
  return entries;
}
