// Benchmark settings: workloads, topologies and durations.
import { availableParallelism } from 'node:os';
import { COLD, type DataSet, OBJECTS, SMALL } from './data-set.ts';
import type { Topology } from './topology.ts';
import type { Workload } from './workload.ts';

export interface Settings {
  workloads: Workload[];
  /** Topologies, each measured separately. */
  shapes: Topology[];
  /** Number of rounds per cell. */
  rounds: number;
  /** Duration of each thread's work per round, in milliseconds. */
  milliseconds: number;
  /** Unmeasured warm-up before the first round, in milliseconds; see {@link warmUpOf}. */
  warmUp: number;
  /** Number of entries in the cold data. */
  entries: number;
  /** Maximum number of keys per data set that are verified at the end. */
  verified: number;
  /** `quick`: too short to judge by. `full`: every workload in every topology. */
  extent: 'quick' | 'normal' | 'full';
}

type Extent = Omit<Settings, 'workloads' | 'shapes'> & {
  /** Numbers of threads in one process, each measured separately. */
  threads: number[];
  /** Numbers of processes with {@link THREADS_EACH} threads. */
  processes: number[];
};

/** Threads per process in topologies with several processes. */
export const THREADS_EACH = 2;

/** Default durations and repetitions. */
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
/** Less than a minute: shows that everything works, too short to judge by. */
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

/** The topologies of these numbers, without duplicates. */
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

// How much longer small values are warmed up.
const SMALL_VALUES = 3;

/**
 * Warm-up time of a workload in a topology. Each thread compiles its code anew, so many threads on few cores take longer to
 * reach the speed of a long-running program. Small values take longest, since their speed is that of the code. Keys of cold
 * data that are read meanwhile are no longer cold, so that these are warmed up for a shorter time.
 */
export function warmUpOf({ processes, threads }: Topology, { data }: Workload, { warmUp }: Settings): number {
  const turns = Math.max(1, (processes * threads) / availableParallelism());
  return warmUp * turns * (data === SMALL || data === OBJECTS ? SMALL_VALUES : 1);
}

// Maximum number of entries in a quick run's store.
const FEW_KEYS = 100;
const FEW_BYTES = 1024 * 1024;

// Default workloads of a quick run: one of each family. Values are read after they were written.
const QUICK_WORKLOADS = new Set([
  ...['get', 'set', 'mixed', 'stampede', 'objects', 'cold-uniform'],
  ...['value-64KiB-out', 'file-64KiB-out'],
]);

/** Whether a quick run includes a workload by default. */
export function isQuick({ name }: Workload): boolean {
  return QUICK_WORKLOADS.has(name);
}

/**
 * Whether a workload is measured in a topology. Slow ones that show nothing new with several processes are measured
 * only in a full run.
 */
export function isMeasured(
  workload: Workload,
  { processes }: Topology,
  { extent, shapes }: Settings,
): boolean {
  if (processes === 1 || extent === 'full' || shapes.every(topology => topology.processes > 1)) return true;
  if (extent === 'quick') return workload.family === 'mixed' || workload.family === 'stampede';
  return workload.data.size <= 1024 && workload.data !== COLD;
}

/** A workload's data set with this run's number of keys. */
export function dataOf({ data }: Workload, { entries, extent, shapes }: Settings): DataSet {
  if (data === COLD) return { ...data, keys: entries };
  if (extent !== 'quick') return data;
  // A quick run has no time to fill a larger store.
  const threads = Math.max(...shapes.map(topology => topology.processes * topology.threads));
  // Each thread may be writing 64 small entries at once, and no two threads write the same.
  const count = data === SMALL ? FEW_KEYS * threads : FEW_KEYS;
  const few = Math.min(count, Math.max(4, Math.floor(FEW_BYTES / data.size)));
  if (data.keys <= few) return data;
  return { ...data, keys: few, absent: Math.round((few * data.absent) / data.keys) };
}
