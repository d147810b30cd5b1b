// Text report: the goals first, then every cell. At most 120 columns.
import { tableLines } from '../src/cli/terminal/table.ts';
import { goalRows } from './goals.ts';
import type { Results } from './results.ts';
import { facts, LEGEND, type Table, workloadTables } from './tables.ts';

/** @param onlyTargets prints only the goals, including those not measured */
export function report(results: Results, onlyTargets = false): string {
  const sections = [header(results)];
  const targets = goalRows(results, onlyTargets);
  if (targets.length > 0) sections.push(['Goals', ...indent(tableLines(targets))]);
  if (!onlyTargets) {
    sections.push(...workloads(results));
    for (const { title, table, notes } of results.studies) {
      sections.push([title, ...indent(tableLines(table, columnsFrom(1, table[0]?.length ?? 1))), ...notes]);
    }
    if (results.cells.length > 0) sections.push(LEGEND);
  }
  return sections.map(lines => lines.join('\n')).join('\n\n');
}

function header(results: Results): string[] {
  const setups = results.peers.map(({ title, setup }) => [title, setup]);
  return ['Glovebox benchmark', '', ...tableLines(facts(results)), '', ...tableLines(setups)];
}

// Columns have the same width in all tables.
function workloads(results: Results): string[][] {
  const tables = workloadTables(results).filter(({ groups }) => groups.length > 0);
  const rows = tables.map(({ head, groups }) => [
    head,
    ...groups.flatMap(group => [
      [group.heading],
      ...group.rows.map(([title, ...rest]) => [`  ${title}`, ...rest]),
    ]),
  ]);
  const width = Math.max(...rows.flat().map(row => row.length));
  const lines = tableLines(rows.flat(), columnsFrom(1, width));
  return tables.map(({ title, notes }: Table, index) => [
    title,
    ...lines.splice(0, rows[index]!.length),
    ...notes,
  ]);
}

function indent(lines: string[]): string[] {
  return lines.map(line => `  ${line}`);
}

function columnsFrom(first: number, end: number): number[] {
  return Array.from({ length: end - first }, (_, index) => first + index);
}
