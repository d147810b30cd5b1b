// Results page: bench/RESULTS.md, written by `npm run bench -- --results`.

import { goalRows } from './goals.ts';
import type { Results } from './results.ts';
import { facts, LEGEND, workloadTables } from './tables.ts';

/** @param charts workloads and experiments with a chart in the folder `charts` beside the page */
export function markdown(results: Results, charts: ReadonlySet<string>): string {
  const sections = [
    '# Results',
    'Written by the benchmark itself; run it again to replace it.',
    '```\n' +
      facts(results)
        .map(([name, value]) => `${name!.padEnd(9)} ${value}`.trimEnd())
        .join('\n') +
      '\n```',
    table([['peer', 'set up as'], ...results.peers.map(({ title, setup }) => [title, setup])], false),
  ];
  const targets = goalRows(results, true);
  sections.push(
    '## Goals',
    'Ratios: median (least–greatest) of the rounds. Missed: what was tried, and where the limit is, is in [NOTES.md](NOTES.md).',
    table(targets, false),
  );
  for (const [index, { title, head, groups, notes }] of workloadTables(results).entries()) {
    if (groups.length === 0) continue;
    const name = results.settings.workloads[index]!;
    sections.push(`## ${title}`);
    if (charts.has(name)) sections.push(`![${title}](charts/${name}.svg)`);
    const rows = groups.flatMap(({ heading, rows: own }) => [
      [`**${heading}**`, ...head.slice(1).map(() => '')],
      ...own,
    ]);
    sections.push(table([head, ...rows], true), ...notes);
  }
  for (const { name, title, table: rows, notes } of results.studies) {
    sections.push(`## ${title}`);
    if (charts.has(name)) sections.push(`![${title}](charts/${name}.svg)`);
    sections.push(table(rows, true), ...notes);
  }
  sections.push('## How to read it', LEGEND.map(line => `- ${line}`).join('\n'));
  return `${sections.join('\n\n')}\n`;
}

function table(rows: readonly (readonly string[])[], areNumbers: boolean): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map(cell => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  const [head, ...body] = rows;
  if (!head) return '';
  const rule = head.map((_, index) => (areNumbers && index > 0 ? '--:' : '---'));
  return [line(head), line(rule), ...body.map(line)].join('\n');
}
