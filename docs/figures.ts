// Copies the measured figures of bench/RESULTS.md into the README and docs/benchmarks.md, so that all three agree.
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const ROOT = path.resolve(import.meta.dirname, '..');
const [BEGIN, END] = ['<!-- figures: npm run figures -->\n', '<!-- /figures -->'];

/** Workloads of the throughput table: the beginning of the heading in RESULTS.md, and a short name. */
const WORKLOADS = [
  ['get: 4096 hot keys', 'get (hot)'],
  ['set: one in flight', 'set, one in flight'],
  ['set: 64 in flight', 'set, 64 in flight'],
  ['mixed: 90 % get', '90 % get, 9 % set, 1 % delete'],
] as const;

const SHAPES = [
  ['1 thread', '1 × 1'],
  ['8 threads', '1 × 8'],
  ['4 × 2 threads', '4 × 2'],
] as const;

const PEERS = ['Glovebox', 'better-sqlite3', 'Comlink to main'] as const;

/** One peer's result in one workload and shape, as printed in RESULTS.md. */
interface Measured {
  opsPerSecond: string;
  /** Glovebox's speed relative to the peer, with the minimum and maximum of the rounds. */
  ratio: string;
  worst: string;
}

/** Figures from `results`, the text of RESULTS.md, for each document that shows them. */
export function figuresOf(results: string): Record<'README.md' | 'docs/benchmarks.md', string> {
  return { 'README.md': headline(results), 'docs/benchmarks.md': page(results) };
}

/** A document with its figures replaced. */
export function withFigures(document: string, figures: string): string {
  const [from, to] = [document.indexOf(BEGIN), document.indexOf(END)];
  if (from < 0 || to < from) throw new Error(`There is no place for figures: no ${BEGIN.trim()} … ${END}.`);
  return `${document.slice(0, from)}${BEGIN}${figures}${document.slice(to)}`;
}

function headline(results: string): string {
  const [ours, theirs] = ['Glovebox', 'better-sqlite3'];
  const speed = (workload: string, peer: string) =>
    rounded(measured(results, workload, '1 thread', peer)!.opsPerSecond);
  const worst = (peer: string) => measured(results, 'set: one in flight', '8 threads', peer)!.worst;
  const [get, set] = ['get: 4096 hot keys', 'set: one in flight'];
  return `- Hot reads: ${speed(get, ours)} a second in one thread; ${speed(get, theirs)} with a prepared statement of better-sqlite3.
- Awaited writes, one after the other: ${speed(set, ours)} a second in one thread; ${speed(set, theirs)} into a bare table of better-sqlite3, without expiry or checksums.
- The slowest write of eight writing threads: ${worst(ours)}; ${worst(theirs)} with one better-sqlite3 connection per thread.
`;
}

function page(results: string): string {
  const facts = /^```\n([\s\S]*?)^```$/m.exec(results)![1]!;
  const fact = (name: string) => new RegExp(`^${name} +(.*)$`, 'm').exec(facts)![1]!;
  const rows = WORKLOADS.flatMap(([workload, name]) =>
    SHAPES.flatMap(([shape, label]) => {
      const found = PEERS.map(peer => measured(results, workload, shape, peer));
      if (found.some(one => one === undefined)) return [];
      const cells = found.map(one => `${one!.opsPerSecond} (${one!.worst})`);
      return [`| ${[name, label, ...cells, found[1]!.ratio].join(' | ')} |`];
    }),
  );
  const charts = [...results.matchAll(/^!\[(.*)\]\((charts\/.*)\)$/gm)];
  return `On ${fact('machine')} (${fact('system')}), ${fact('date').slice(0, 10)},
\`${fact('command')}\` printed
(200-byte values, 4096 keys, all with WAL and \`synchronous=NORMAL\`):

| operations per second (worst operation) | processes × threads | Glovebox | better-sqlite3 per thread | Comlink to one SQLite | Glovebox ÷ better-sqlite3 |
|---|---|---|---|---|---|
${rows.join('\n')}

The goals, and what was measured (median, least and greatest of the rounds):

${/^## Goals\n\n.*\n\n((?:\|.*\n)+)/m.exec(results)![1]}
### Charts

${charts.map(([, title, file]) => `![${title}](../bench/${file})`).join('\n')}

`;
}

/** The result of a peer; undefined when it was not measured. */
function measured(results: string, workload: string, shape: string, peer: string): Measured | undefined {
  const section = results.split(/^## /m).find(text => text.startsWith(workload));
  const group = section?.split(/^\| \*\*/m).find(text => text.startsWith(`${shape}** `));
  const row = group?.split('\n').find(line => line.startsWith(`| ${peer} |`));
  const cells = row?.split('|').map(cell => cell.trim());
  return cells && { opsPerSecond: cells[2]!, ratio: cells[3]!, worst: cells[8]! };
}

/** `1,205,780` as `1.2 million`, `13,881` as `14,000`. */
function rounded(count: string): string {
  const value = Number(Number(count.replaceAll(',', '')).toPrecision(2));
  return value >= 1e6 ? `${value / 1e6} million` : value.toLocaleString('en-US');
}

if (import.meta.main) {
  const results = readFileSync(path.join(ROOT, 'bench/RESULTS.md'), 'utf8');
  for (const [file, figures] of Object.entries(figuresOf(results))) {
    const place = path.join(ROOT, file);
    writeFileSync(place, withFigures(readFileSync(place, 'utf8'), figures));
  }
}
