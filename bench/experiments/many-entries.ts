// Event loop blocking by operations on very many entries.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runNode } from '../child.ts';
import { baseEnvironment } from '../distribution.ts';
import { type Experiment, roundsOf } from '../experiment.ts';
import type { ExperimentResult } from '../experiment-result.ts';
import { formatCount, formatTime } from '../format.ts';
import type { ManyEntriesReply, ManyEntriesTask } from '../programs/many-entries.ts';
import { median } from '../statistics.ts';
import { COMPILED } from '../worker-group.ts';

/** The operations of one backend, with their times in each round. */
export interface ManyEntriesTimes {
  backend: ManyEntriesTask['backend'];
  entries: number;
  rounds: ManyEntriesReply[];
}

const PROGRAM = fileURLToPath(new URL('../programs/many-entries.ts', import.meta.url));
const ENTRIES = 500_000;
const QUICK_ENTRIES = 12_000;
const VALUE_SIZE = 200;
const MOST_ROUNDS = 3;

export const experiment: Experiment = {
  name: 'many-entries',
  async run({ settings, directory, onProgress }) {
    const entries = settings.extent === 'quick' ? QUICK_ENTRIES : Math.min(ENTRIES, settings.entries);
    const all: ManyEntriesTimes[] = [];
    for (const backend of ['sqlite', 'memory'] as const) {
      const rounds: ManyEntriesReply[] = [];
      for (let round = 1; round <= Math.min(roundsOf(settings), MOST_ROUNDS); round++) {
        onProgress(`${formatCount(entries)} entries at once, ${backend}, round ${round}`);
        const own = join(directory, `${backend}-${round}`);
        await mkdir(own);
        const task: ManyEntriesTask = { directory: own, backend, entries, valueSize: VALUE_SIZE };
        const args = ['--disable-warning=ExperimentalWarning', PROGRAM, JSON.stringify(task)];
        const { stdout } = await runNode(args, { ...baseEnvironment(), NODE_COMPILE_CACHE: COMPILED });
        rounds.push(JSON.parse(stdout) as ManyEntriesReply);
      }
      all.push({ backend, entries, rounds });
    }
    return summarizeManyEntries(all);
  },
};

export function summarizeManyEntries(all: readonly ManyEntriesTimes[]): ExperimentResult {
  const times = (of: ManyEntriesTimes, index: number, figure: 'total' | 'longest') =>
    formatTime(median(of.rounds.map(reply => reply[index]![figure])));
  const operations = all[0]!.rounds[0]!.map(({ operation }) => operation);
  return {
    name: 'many-entries',
    title: `many entries: one operation on ${formatCount(all[0]!.entries)} entries of ${VALUE_SIZE} bytes, in the main thread`,
    table: [
      ['operation', ...all.flatMap(({ backend }) => [backend, 'longest stop'])],
      ...operations.map((operation, index) => [
        operation,
        ...all.flatMap(of => [times(of, index, 'total'), times(of, index, 'longest')]),
      ]),
    ],
    notes: [
      `Medians of ${all[0]!.rounds.length} processes. Longest stop: for how long the event loop did nothing else.`,
    ],
    targets: [],
    data: all,
  };
}
