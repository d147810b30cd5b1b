// Idle memory: the extra memory of a worker thread for an open but idle cache.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import prettyBytes from 'pretty-bytes';
import { runNode } from '../child.ts';
import { baseEnvironment, distribution } from '../distribution.ts';
import { type Experiment, roundsOf } from '../experiment.ts';
import type { ExperimentResult } from '../experiment-result.ts';
import { type Ratio, spreadOf } from '../statistics.ts';

/** Memory of a process in bytes. */
export interface Memory {
  /** Resident set size. */
  rss: number;
  /** Heaps of all worker threads after a garbage collection, with external memory. */
  heap: number;
}

/** Memory of one process at three steps: bare worker threads, Glovebox imported, a cache opened and used once. */
export type IdleSteps = [bare: Memory, imported: Memory, used: Memory];

const HOST = fileURLToPath(new URL('../programs/idle-host.mjs', import.meta.url));
const WORKERS = 8;
const QUICK_WORKERS = 2;
const MOST = 3_000_000;

export const experiment: Experiment = {
  name: 'idle-memory',
  async run({ settings, directory, onProgress }) {
    const { module } = await distribution(directory);
    const workers = settings.extent === 'quick' ? QUICK_WORKERS : WORKERS;
    const processes: IdleSteps[] = [];
    for (let round = 1; round <= roundsOf(settings); round++) {
      onProgress(`memory of idle workers, round ${round}`);
      const caches = join(directory, String(round));
      await mkdir(caches);
      const args = ['--expose-gc', HOST, module, caches, String(workers)];
      processes.push(JSON.parse((await runNode(args, baseEnvironment())).stdout) as IdleSteps);
    }
    return summarizeIdleMemory(processes, workers);
  },
};

/** Extra bytes per worker from one step to another: median and spread over the processes. */
export function perWorker(
  processes: readonly IdleSteps[],
  workers: number,
  from: 0 | 1,
  to: 1 | 2,
  figure: keyof Memory,
): Ratio {
  return spreadOf(processes.map(steps => (steps[to][figure] - steps[from][figure]) / workers));
}

export function summarizeIdleMemory(processes: readonly IdleSteps[], workers: number): ExperimentResult {
  const difference = (from: 0 | 1, to: 1 | 2, figure: keyof Memory) =>
    perWorker(processes, workers, from, to, figure);
  const row = (title: string, from: 0 | 1, to: 1 | 2) => [
    title,
    formatBytes(difference(from, to, 'rss')),
    formatBytes(difference(from, to, 'heap')),
  ];
  const proxy = difference(1, 2, 'rss');
  const whole = difference(0, 2, 'rss');
  const bar = (name: string, from: 0 | 1, to: 1 | 2) => {
    const ratio = difference(from, to, 'rss');
    return { name, value: Math.max(0, ratio.median), label: formatBytes(ratio), isOurs: true };
  };
  return {
    name: 'idle-memory',
    title: `idle memory: of each of ${workers} worker threads with an open cache that was used once`,
    table: [
      ['', 'resident', 'heap and external'],
      row('importing Glovebox', 0, 1),
      row('opening and using a cache', 1, 2),
      row('both', 0, 2),
    ],
    notes: [
      `Differences of one process by the number of its workers, garbage collected; medians of ${processes.length} processes.`,
      'Used once: a set, a get and a delete, so that no copy is left in the memory of the thread. From the compiled package.',
    ],
    targets: [
      {
        id: 'idle-memory',
        measured: `${bytes(proxy.median)}; ${bytes(whole.median)} with the import`,
        isMet: proxy.median < MOST,
      },
    ],
    data: { workers, processes },
    chart: {
      axis: 'resident memory of each worker thread: shorter is better',
      groups: [
        {
          heading: 'idle worker',
          lines: [bar('import', 0, 1), bar('open and use', 1, 2), bar('both', 0, 2)],
        },
      ],
    },
  };
}

function formatBytes({ median: middle, min, max }: Ratio): string {
  return `${bytes(middle)} (${bytes(min)}–${bytes(max)})`;
}

function bytes(count: number): string {
  return prettyBytes(count, { maximumFractionDigits: 1 });
}
