// Rows of text in columns.
import { textWidth } from './text.ts';

/** Lines with the cells of each column below each other; columns named in `right` end together, as numbers should. */
export function tableLines(rows: readonly (readonly string[])[], right: readonly number[] = []): string[] {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [index, cell] of row.entries()) {
      widths[index] = Math.max(widths[index] ?? 0, textWidth(cell));
    }
  }
  return rows.map(row =>
    row
      .map((cell, index) => {
        const blanks = ' '.repeat(widths[index]! - textWidth(cell));
        return right.includes(index) ? blanks + cell : cell + blanks;
      })
      .join('  ')
      .trimEnd(),
  );
}
