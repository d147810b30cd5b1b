// Tables of the benchmark results, for all output formats.
import prettyBytes from 'pretty-bytes';
import { formatCount, formatFactor, formatShare, formatTime } from './format.ts';
import type { Cell, Results } from './results.ts';
import { topologyLabel } from './topology.ts';
import { findWorkload } from './workload.ts';

export interface Table {
  /** One line. */
  title: string;
  head: string[];
  /** Groups of rows, each under a heading. */
  groups: { heading: string; rows: string[][] }[];
  /** Explanations below the table, one line each. */
  notes: string[];
}

/** Environment and settings of the run, as label and text. */
export function facts({
  date,
  command,
  elapsed,
  machine,
  versions,
  settings,
  absent,
  crashed,
  leftOut,
  floor,
}: Results): string[][] {
  const { cpus, cpu, memory, system, load } = machine;
  const { directory, rounds, milliseconds, extent } = settings;
  const { node, ...libraries } = versions;
  const rows = [
    ['command', ['npm run bench', ...(command.length > 0 ? ['--', ...command] : [])].join(' ')],
    ['date', `${date.slice(0, 16).replace('T', ' ')} UTC, took ${formatTime(elapsed)}`],
    [
      'machine',
      `${cpus} × ${cpu}, ${prettyBytes(memory, { binary: true })}, load ${load.toFixed(1)} at the start`,
    ],
    ['system', `${system}, Node ${node}`],
    ...wrap(
      Object.entries(libraries).map(library => library.join(' ')),
      'versions',
    ),
    ['files', `in ${directory}`],
    [
      'rounds',
      `${rounds} of ${formatTime(milliseconds)}, peers in turn; medians of the rounds, max is of all`,
    ],
  ];
  if (floor !== undefined) {
    rows.push([
      'checks',
      `every value read; ${formatTime(floor)} of an operation's time are the harness's own`,
    ]);
  }
  if (extent === 'quick')
    rows.push(['', 'a quick run: it shows that everything works, and is too short to judge by']);
  for (const { title, why } of absent) rows.push(['absent', `${title}: ${why}`]);
  for (const { title, why } of crashed) rows.push(['crashed', `${title}, ${why}`]);
  for (const { title, workloads, why } of leftOut) {
    rows.push(...wrap(workloads, 'left out', `${title}: ${why}: `));
  }
  return rows;
}

/** One table per workload, one group per topology, one row per peer. */
export function workloadTables({ settings, peers, cells }: Results): Table[] {
  const title = (cell: Cell) => peers.find(peer => peer.name === cell.peer)!.title;
  return settings.workloads.map(name => {
    const workload = findWorkload(name);
    const own = cells.filter(cell => cell.workload === name);
    const isStampede = workload.type === 'stampede';
    const groups = Map.groupBy(own, topologyLabel);
    return {
      title:
        workload.data.name === 'cold'
          ? `${workload.title}; ${formatCount(settings.entries)} entries`
          : workload.title,
      head: isStampede
        ? ['', 'calls', 'last after value', ...LATENCIES, ...REST]
        : ['', 'ops/s', 'Glovebox ÷ it', ...LATENCIES, ...REST],
      groups: [...groups].map(([heading, ofTopology]) => ({
        heading,
        rows: ofTopology.map(cell => (isStampede ? stampedeRow(cell, title(cell)) : row(cell, title(cell)))),
      })),
      notes: misses(own, workload.misses),
    };
  });
}

const LATENCIES = ['p50', 'p90', 'p99', 'p99.9', 'max'];
const REST = ['memory', 'loop p99', 'max'];

/** Explanations of the columns, one line each. */
export const LEGEND = [
  'Glovebox ÷ it: ratio of their ops/s, median (least–greatest) of the rounds; above 1 we are faster.',
  'p50 to max: single operations. memory: the most resident memory of all its processes meanwhile.',
  "loop: by how much the timers of its processes' main threads were late meanwhile.",
  'Every value read was checked: none stale, lost, damaged or of another key; nor after opening anew.',
];

function row(cell: Cell, title: string): string[] {
  const { opsPerSecond, ratio } = cell;
  const spread = ratio && `(${formatFactor(ratio.min)}–${formatFactor(ratio.max)})`;
  return [
    title,
    formatCount(opsPerSecond),
    ratio ? `${formatFactor(ratio.median)}× ${spread}` : '',
    ...rest(cell),
  ];
}

function stampedeRow(cell: Cell, title: string): string[] {
  const { calls, delay } = cell.stampede!;
  return [title, String(calls), formatTime(delay), ...rest(cell)];
}

function rest({ latency, memory, loopDelay }: Cell): string[] {
  const { p50, p90, p99, p999, max } = latency;
  return [
    ...[p50, p90, p99, p999, max].map(formatTime),
    memory === undefined ? '' : prettyBytes(memory, { maximumFractionDigits: 0 }),
    loopDelay ? formatTime(loopDelay.p99) : '',
    loopDelay ? formatTime(loopDelay.max) : '',
  ];
}

function misses(cells: readonly Cell[], isWanted: boolean): string[] {
  const rates = cells.flatMap(cell => cell.missRate ?? []);
  if (!isWanted || rates.length === 0) return [];
  return [`misses: ${formatShare(Math.min(...rates))} to ${formatShare(Math.max(...rates))} of the gets`];
}

const WIDTH = 100;

// Wraps a list over several rows.
function wrap(words: readonly string[], name: string, begin = ''): string[][] {
  const lines = [begin];
  for (const [index, word] of words.entries()) {
    const text = index < words.length - 1 ? `${word}, ` : word;
    if (lines.at(-1)!.length + text.length > WIDTH) lines.push('');
    lines[lines.length - 1] += text;
  }
  return lines.map((line, index) => [index === 0 ? name : '', line.trimEnd()]);
}
