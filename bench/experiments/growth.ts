// Growth: compares a store of a million entries with one of a thousand for get, set, set at the size limit, and
// opening.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runNode } from '../child.ts';
import { COLD, type DataSet } from '../data-set.ts';
import { baseEnvironment } from '../distribution.ts';
import { type Experiment, type ExperimentContext, roundsOf } from '../experiment.ts';
import type { ExperimentResult } from '../experiment-result.ts';
import { formatCount, formatFactor, formatTime } from '../format.ts';
import { formatRatio } from '../goals.ts';
import { peer } from '../growth-peer.ts';
import type { GrowthReply, GrowthTask } from '../programs/growth.ts';
import { summarizeRound } from '../results.ts';
import type { Settings } from '../settings.ts';
import { median, type Ratio, ratio } from '../statistics.ts';
import { BenchmarkFailure, COMPILED, type StoreState, WorkerGroup } from '../worker-group.ts';
import { findWorkload } from '../workload.ts';

/** Durations of single operations in milliseconds, one per round. */
export interface OperationTimes {
  p50: number[];
  p99: number[];
}

export interface GrowthTimes {
  entries: number;
  get: OperationTimes;
  set: OperationTimes;
  /** Sets of new keys at the size limit, which evict older entries. */
  evict: OperationTimes;
  /** Milliseconds from opening the cache to the first entry read, in a process of its own, one per round. */
  opening: number[];
}

const SIZES = [1000, 10_000, 100_000, 1_000_000];
const QUICK_SIZES = [1000, 10_000];
const PROGRAM = fileURLToPath(new URL('../programs/growth.ts', import.meta.url));
// The goals compare the smallest and the largest size.
const JUDGED = [SIZES[0]!, SIZES.at(-1)!] as const;
const MOST = { p50: 1.5, p99: 3 };
// Number of entries over the limit that may wait for a later transaction to evict them.
const SLACK = 1000;

export const experiment: Experiment = {
  name: 'growth',
  async run(context) {
    const stores = sizesOf(context.settings).map(entries => new GrowingStore(context, entries));
    await operate(context, stores);
    const { settings, onProgress } = context;
    for (const store of stores) await store.settle();
    for (let round = 1; round <= roundsOf(settings); round++) {
      for (const store of stores) {
        onProgress(`evicting from ${formatCount(store.times.entries)} entries, round ${round}`);
        await store.evict();
      }
    }
    return summarizeGrowth(stores.map(({ times }) => times));
  },
};

/** The sizes up to the run's maximum number of entries. */
function sizesOf({ entries, extent }: Settings): number[] {
  const sizes = extent === 'quick' ? QUICK_SIZES : SIZES;
  return sizes.filter(size => size === sizes[0] || size <= entries);
}

// Alternates gets and sets, in one process with one worker thread per size.
async function operate({ settings, onProgress }: ExperimentContext, stores: GrowingStore[]): Promise<void> {
  try {
    for (const store of stores) {
      onProgress(`filling ${formatCount(store.times.entries)} entries`);
      await store.open();
    }
    for (let round = 0; round <= roundsOf(settings); round++) {
      for (const store of stores) {
        onProgress(`growth to ${formatCount(store.times.entries)} entries, round ${round}`);
        await store.operate(round, round === 0 ? settings.warmUp : settings.milliseconds);
      }
    }
    for (const store of stores) await store.close();
  } finally {
    await Promise.all(stores.map(store => store.stop()));
  }
}

class GrowingStore {
  readonly times: GrowthTimes;
  readonly #settings: Settings;
  readonly #workerGroup: WorkerGroup;
  readonly #data: DataSet;
  readonly #directory: string;
  readonly #state: StoreState = { versions: undefined };
  #runs = 0;

  constructor({ settings, directory }: ExperimentContext, entries: number) {
    const url = new URL('../growth-peer.ts', import.meta.url).href;
    this.#settings = settings;
    this.#data = { ...COLD, name: String(entries), keys: entries };
    this.#directory = join(directory, 'stores', this.#data.name);
    this.#workerGroup = new WorkerGroup({ name: 'growth', url, peer }, join(directory, 'stores'), {
      processes: 1,
      threads: 1,
    });
    const times = (): OperationTimes => ({ p50: [], p99: [] });
    this.times = { entries, get: times(), set: times(), evict: times(), opening: [] };
  }

  async open(): Promise<void> {
    await mkdir(this.#directory, { recursive: true });
    this.#workerGroup.start();
    await this.#workerGroup.open(findWorkload('cold-uniform'), this.#data, this.#state);
  }

  /** Round 0 is not measured. */
  async operate(round: number, milliseconds: number): Promise<void> {
    for (const [kind, workload] of [
      ['get', findWorkload('cold-uniform')],
      ['set', findWorkload('set')],
    ] as const) {
      const { latency } = summarizeRound(await this.#workerGroup.run(workload, milliseconds, round));
      if (round > 0) note(this.times[kind], latency);
    }
  }

  async close(): Promise<void> {
    const { keys } = this.#data;
    const count = Math.min(keys, this.#settings.verified);
    await this.#workerGroup.verify(
      Array.from({ length: count }, (_, index) => Math.floor((index * keys) / count)),
    );
    await this.#workerGroup.close();
  }

  stop(): Promise<void> {
    return this.#workerGroup.stop();
  }

  /** Checks the number of entries and truncates the write-ahead log, which counts towards the size. */
  async settle(): Promise<void> {
    const { count } = await this.#run(undefined, 0);
    if (count !== this.times.entries + 1) {
      throw new BenchmarkFailure(`A store of ${this.times.entries} entries has ${count} with the mark.`);
    }
  }

  /** The limit is the current size, because eviction removes more than needed at once. */
  async evict(): Promise<void> {
    const { size: limit } = await this.#run(undefined, 0);
    const { sets, evictions, size, opening } = await this.#run(limit, this.#settings.milliseconds);
    if (evictions < sets.count - SLACK || size > limit) {
      throw new BenchmarkFailure(
        `After ${sets.count} sets at the limit of ${limit} bytes there are ${size}; ${evictions} entries were evicted.`,
      );
    }
    note(this.times.evict, sets);
    this.times.opening.push(opening);
  }

  // Opening is measured without gets, and without compiled code kept by another run.
  async #run(maxSize: number | undefined, milliseconds: number): Promise<GrowthReply> {
    const task: GrowthTask = {
      directory: this.#directory,
      valueSize: this.#data.size,
      maxSize,
      milliseconds,
      round: this.#runs++,
    };
    const args = ['--disable-warning=ExperimentalWarning', PROGRAM, JSON.stringify(task)];
    const environment = baseEnvironment();
    if (milliseconds === 0) environment.NODE_COMPILE_CACHE = COMPILED;
    const { stdout } = await runNode(args, environment);
    return JSON.parse(stdout) as GrowthReply;
  }
}

function note(times: OperationTimes, { p50, p99 }: { p50: number; p99: number }): void {
  times.p50.push(p50);
  times.p99.push(p99);
}

const OPERATIONS = ['get', 'set', 'evict'] as const;
const TITLES = { get: 'get', set: 'set', evict: 'set at the limit' };

/** Ratio of an operation's time in one store to that in another, round by round. */
export function growthOf(
  from: GrowthTimes,
  to: GrowthTimes,
  operation: 'get' | 'set' | 'evict',
  figure: 'p50' | 'p99',
): Ratio {
  return ratio(to[operation][figure], from[operation][figure]);
}

export function summarizeGrowth(all: readonly GrowthTimes[]): ExperimentResult {
  const least = all[0]!;
  const most = all.at(-1)!;
  const [from, to] = JUDGED.map(entries => all.find(times => times.entries === entries));
  const verdict = (id: string, figure: 'p50' | 'p99') => {
    if (!from || !to) return [];
    const worst = (['get', 'set'] as const)
      .map(kind => ({ kind, growth: growthOf(from, to, kind, figure) }))
      .reduce((a, b) => (b.growth.median > a.growth.median ? b : a));
    const { kind, growth } = worst;
    return [{ id, measured: `${formatRatio(growth)}, ${kind}`, isMet: growth.median <= MOST[figure] }];
  };
  const pair = (times: OperationTimes) => [formatTime(median(times.p50)), formatTime(median(times.p99))];
  const factor = (kind: (typeof OPERATIONS)[number], figure: 'p50' | 'p99') =>
    `${formatFactor(growthOf(least, most, kind, figure).median)}×`;
  return {
    name: 'growth',
    title: 'growth: one worker thread, stores of increasing size, 200-byte values',
    table: [
      ['entries', ...OPERATIONS.flatMap(kind => [TITLES[kind], 'p99']), 'opening'],
      ...all.map(times => [
        formatCount(times.entries),
        ...OPERATIONS.flatMap(kind => pair(times[kind])),
        formatTime(median(times.opening)),
      ]),
      [
        'last ÷ first',
        ...OPERATIONS.flatMap(kind => [factor(kind, 'p50'), factor(kind, 'p99')]),
        `${formatFactor(ratio(most.opening, least.opening).median)}×`,
      ],
    ],
    notes: [
      'Without copies in memory, so that every get reaches the database; all keys alike. Medians, and 99th percentiles.',
      'set at the limit: new keys, for which the least recently used entries go; in the main thread of a process of its own.',
      'opening: from asking for the cache to the first entry read, in a fresh process.',
    ],
    targets: [...verdict('growth-speed', 'p50'), ...verdict('growth-p99', 'p99')],
    data: all,
    chart: {
      axis: 'median time of an operation: shorter is better',
      groups: OPERATIONS.map(kind => ({
        heading: TITLES[kind],
        lines: all.map(times => ({
          name: formatCount(times.entries),
          value: median(times[kind].p50),
          label: `${pair(times[kind]).join(', p99 ')}`,
          isOurs: true,
        })),
      })),
    },
  };
}
