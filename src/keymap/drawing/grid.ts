// Where the keys of a layer are, as far as the rows tell in which its author wrote them.

/** Where caps go. */
export interface Grid {
  /** The keys of each row by their index, parted where the keyboard is; a keyboard in one piece has one part. */
  rows: number[][][];
  /** Columns inside a cap. */
  cap: number;
}

/** One key's place. */
export interface PlacedKey {
  /** Its index in the layer. */
  key: number;
  row: number;
  /** The column where it begins; a cap takes `cap` columns and one to part it from the next. */
  left: number;
}

const GAP = 3;
const NARROWEST_CAP = 3;

/**
 * Halves, when the rows all have an even number of keys, and caps as wide as `width` columns allow, but at least three
 * and at most `widest` columns. Rows that cannot fit are wrapped.
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

/** The place of every key, row by row. */
export function placeKeys({ rows, cap }: Grid): PlacedKey[] {
  const most = Math.max(0, ...rows.flat().map(part => part.length));
  return rows.flatMap((parts, row) =>
    parts.flatMap((keys, part) => {
      const left = leftOf(keys.length, most, part, parts.length, cap, row === rows.length - 1);
      return keys.map((key, place) => ({ key, row, left: left + place * (cap + 1) }));
    }),
  );
}

/** A line with more keys than fit, in pieces that do: somebody wrote a whole layer in one line. */
function chunks(count: number, most: number): number[] {
  const pieces = Math.ceil(count / most);
  return Array.from({ length: pieces }, (_, piece) => Math.min(most, count - piece * most));
}

/**
 * The column where a row's part begins. Short rows are at the outer ends of the halves, as finger rows are, but the
 * last is at the inner ends, where the thumbs are. On a keyboard in one piece they are in the middle.
 */
function leftOf(keys: number, most: number, part: number, parts: number, cap: number, last: boolean): number {
  const spare = (most - keys) * (cap + 1);
  if (parts === 1) return Math.floor(spare / 2);
  const start = part === 0 ? 0 : most * (cap + 1) + 1 + GAP;
  return start + ((part === 0) === last ? spare : 0);
}
