import test from 'ava';
import { chart } from '../../bench/chart.ts';
import { markdown } from '../../bench/markdown.ts';
import { cellOf, sampleResults } from './sample-results.ts';

/** The lengths of the bars, in order. */
function bars(svg: string): number[] {
  return [...svg.matchAll(/<rect[^>]* width="([\d.]+)"/g)].map(([, width]) => Number(width));
}

test('bars are proportional to the speeds, and ours has its own colour', t => {
  const results = sampleResults();
  results.cells = results.cells.filter(cell => cell.workload === 'get' && cell.threads === 1);
  for (const cell of results.cells) cell.opsPerSecond = 1000;
  results.cells[0]!.opsPerSecond = 4000;
  const svg = chart(results, 'get')!;
  const [first, ...others] = bars(svg);
  for (const other of others) t.is(other, first! / 4);
  t.is(svg.match(/<rect class="ours"/g)!.length, 1);
});

test('every peer is named with its speed and ratio, grouped by shape', t => {
  const results = sampleResults();
  cellOf(results, 'get', 8, 'lmdb').opsPerSecond = 765_432;
  cellOf(results, 'get', 8, 'lmdb').ratio = { median: 3.14, min: 3, max: 4 };
  const svg = chart(results, 'get')!;
  t.regex(svg, />765,432 · Glovebox is 3\.1×</);
  for (const label of ['1 thread', '2 threads', '8 threads', '4 × 2 threads'])
    t.true(svg.includes(`>${label}<`), label);
  t.is(svg.split('>lmdb, fast get<').length - 1, 4);
});

test('a stampede shows the delay and how often the value was produced', t => {
  const results = sampleResults();
  cellOf(results, 'stampede', 8, 'keyv').stampede = { calls: 8, delay: 1.5 };
  t.regex(chart(results, 'stampede')!, />1\.5 ms · the value was made 8 times</);
});

test('the chart is readable in dark mode, and special characters are escaped', t => {
  const svg = chart(sampleResults(), 'mixed')!;
  t.regex(svg, /prefers-color-scheme: dark/);
  t.notRegex(svg.replaceAll(/&(amp|lt|quot);/g, ''), /&/);
});

test('a workload that was not measured has no chart', t => {
  t.is(chart({ ...sampleResults(), cells: [] }, 'get'), undefined);
});

test('the page has the command, the date, the machine, the goals and a table for each workload', t => {
  const page = markdown(sampleResults(), new Set(['get']));
  t.regex(page, /command +npm run bench -- --threads 1,8\n/);
  t.regex(page, /date +2001-02-03 04:05 UTC/);
  t.regex(page, /machine +128 × A processor/);
  t.regex(
    page,
    /\| set, one in flight, 8 threads \| better-sqlite3 \| ≥ 1× \| 1\.0× \(1\.0–1\.0\) \| met \|/,
  );
  t.regex(page, /!\[get: 4096 hot keys.*\]\(charts\/get\.svg\)/);
  t.notRegex(page, /charts\/set\.svg/);
  t.regex(page, /\| \*\*8 threads\*\* \|/);
  t.regex(page, /\| keyv, @keyv\/sqlite \| 12,345,678 \| 234× \(123–345\) \|/);
});
