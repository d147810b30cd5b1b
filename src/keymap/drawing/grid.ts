// Grid of a layer's keys, derived from the rows of its source.

/** Arrangement of key caps. */
export interface Grid {
  /** The keys of each row by index, split into halves on a split keyboard. A keyboard in one piece has one part. */
  rows: number[][][];
  /** Inner width of a cap in columns. */
  cap: number;
}

/** The place of one key. */
export interface PlacedKey {
  /** Index of the key in its layer. */
  key: number;
  row: number;
  /** First column. A cap takes `cap` columns and one more to separate it from the next. */
  left: number;
}

const GAP = 3;
const NARROWEST_CAP = 3;

/**
 * Splits the rows into halves when all have an even number of keys, and makes caps as wide as `width` columns
 * allow, from three up to `widest` columns. Rows that cannot fit are wrapped.
 */
export function gridOf(counts: readonly number[], widest: number, width: number): Grid {
  const fitting = Math.max(2, Math.floor((width - GAP - 2) / (NARROWEST_CAP + 1)) & ~1);
  const wrapped = counts.flatMap(count => chunks(count, fitting));
  const split = wrapped.every(count => count % 2 === 0);
  let next = 0;
  const take = (count: number) => Array.from({ length: count }, () => next++);
  const rows = wrapped.map(count => (split ? [take(count / 2), take(count / 2)] : [take(count)]));
  const room = Math.floor((width - (split ? GAP + 2 : 1)) / Math.max(1, ...wrapped)) - 1;
  return { rows, cap: Math.max(NARROWEST_CAP, Math.min(room, widest)) };
}

/** The places of all keys, row by row. */
export function placeKeys({ rows, cap }: Grid): PlacedKey[] {
  const most = Math.max(0, ...rows.flat().map(part => part.length));
  return rows.flatMap((parts, row) =>
    parts.flatMap((keys, part) => {
      const left = leftOf(keys.length, most, part, parts.length, cap, row === rows.length - 1);
      return keys.map((key, place) => ({ key, row, left: left + place * (cap + 1) }));
    }),
  );
}

/** Splits a row that does not fit, such as a whole layer written in one line. */
function chunks(count: number, most: number): number[] {
  const pieces = Math.ceil(count / most);
  return Array.from({ length: pieces }, (_, piece) => Math.min(most, count - piece * most));
}

/**
 * The first column of one part of a row. Short rows are aligned to the outer ends of the halves, as finger rows
 * are; the last row to the inner ends, where the thumbs are. On a keyboard in one piece, rows are centered.
 */
function leftOf(keys: number, most: number, part: number, parts: number, cap: number, last: boolean): number {
  const spare = (most - keys) * (cap + 1);
  if (parts === 1) return Math.floor(spare / 2);
  const start = part === 0 ? 0 : most * (cap + 1) + 1 + GAP;
  return start + ((part === 0) === last ? spare : 0);
}
