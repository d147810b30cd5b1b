// What to measure and for how long.
import { availableParallelism } from 'node:os';
import { COLD, type DataSet, SMALL } from './data-set.ts';
import type { Topology } from './topology.ts';
import type { Workload } from './workload.ts';

export interface Settings {
  workloads: Workload[];
  /** Each measured on its own. */
  shapes: Topology[];
  /** How often each cell is measured. */
  rounds: number;
  /** How long each thread works in one round, in milliseconds. */
  milliseconds: number;
  /** How long it works before the first round, unmeasured; see {@link warmUpOf}. */
  warmUp: number;
  /** Entries of the cold data. */
  entries: number;
  /** Keys of each data set that are read again at the end, at most. */
  verified: number;
  /** `quick`: all too short to judge by. `full`: every workload in every shape. */
  extent: 'quick' | 'normal' | 'full';
}

type Extent = Omit<Settings, 'workloads' | 'shapes'> & {
  /** Threads of one process, each number measured on its own. */
  threads: number[];
  /** Processes of {@link THREADS_EACH} threads. */
  processes: number[];
};

/** Threads of each process when there are several. */
export const THREADS_EACH = 2;

/** How long and how often, unless the command line says otherwise. */
export const NORMAL: Extent = {
  threads: [1, 2, 8],
  processes: [4],
  rounds: 5,
  milliseconds: 250,
  warmUp: 200,
  entries: 1_000_000,
  verified: 4096,
  extent: 'normal',
};
export const FULL: Extent = {
  ...NORMAL,
  threads: [1, 2, 4, 8],
  processes: [1, 2, 4],
  milliseconds: 1000,
  warmUp: 500,
  extent: 'full',
};
/** Under a minute in all: enough to see that everything works, too little to judge by. */
export const QUICK: Extent = {
  threads: [2],
  processes: [2],
  rounds: 1,
  milliseconds: 20,
  warmUp: 1,
  entries: 1000,
  verified: 64,
  extent: 'quick',
};

/** The shapes of these numbers; no shape twice. */
export function topologiesOf(threads: readonly number[], processes: readonly number[]): Topology[] {
  const shapes = [
    ...threads.map(count => ({ processes: 1, threads: count })),
    ...processes.map(count => ({ processes: count, threads: THREADS_EACH })),
  ];
  return shapes.filter(
    (topology, index) =>
      index ===
      shapes.findIndex(other => other.processes === topology.processes && other.threads === topology.threads),
  );
}

/**
 * How long the threads of a shape warm up. What they run is compiled in each of them anew, so that many on few cores
 * take longer until they are what they are in a program that has been running for a while.
 */
export function warmUpOf({ processes, threads }: Topology, { warmUp }: Settings): number {
  return warmUp * Math.max(1, (processes * threads) / availableParallelism());
}

// What a store of a quick run holds, at most.
const FEW_KEYS = 100;
const FEW_BYTES = 1024 * 1024;

// What a quick run measures when nothing is asked for by name: of every family one thing. What comes out went in before.
const QUICK_WORKLOADS = new Set([
  ...['get', 'set', 'mixed', 'stampede', 'objects', 'cold-uniform'],
  ...['value-64KiB-out', 'file-64KiB-out'],
]);

/** Whether a quick run measures a workload that was not asked for by name: it has no time for everything. */
export function isQuick({ name }: Workload): boolean {
  return QUICK_WORKLOADS.has(name);
}

/** Whether a workload is measured in a shape: what takes long, and shows nothing new in several processes, only in a full run. */
export function isMeasured(
  workload: Workload,
  { processes }: Topology,
  { extent, shapes }: Settings,
): boolean {
  if (processes === 1 || extent === 'full' || shapes.every(topology => topology.processes > 1)) return true;
  if (extent === 'quick') return workload.family === 'mixed' || workload.family === 'stampede';
  return workload.data.size <= 1024 && workload.data !== COLD;
}

/** A workload's data with the number of keys that it has in this run. */
export function dataOf({ data }: Workload, { entries, extent, shapes }: Settings): DataSet {
  if (data === COLD) return { ...data, keys: entries };
  if (extent !== 'quick') return data;
  // Filling takes longer than a quick run has.
  const threads = Math.max(...shapes.map(topology => topology.processes * topology.threads));
  // Of the small ones each thread may be writing 64 at once, and no other thread writes the same.
  const count = data === SMALL ? FEW_KEYS * threads : FEW_KEYS;
  const few = Math.min(count, Math.max(4, Math.floor(FEW_BYTES / data.size)));
  if (data.keys <= few) return data;
  return { ...data, keys: few, absent: Math.round((few * data.absent) / data.keys) };
}
