// Text tables with aligned columns.
import { textWidth } from './text.ts';

/** Formats rows as lines with aligned columns. Columns in `right` are right-aligned, as for numbers. */
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
