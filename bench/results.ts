// Benchmark results; `--json` prints them as they are.

import type { ExperimentResult } from './experiment-result.ts';
import { Histogram } from './histogram.ts';
import type { LoopDelay } from './loop-delay.ts';
import type { Machine } from './machine.ts';
import type { DriverRun, RunReply } from './messages.ts';
import { median, type Ratio } from './statistics.ts';
import type { Topology } from './topology.ts';
import { Kind } from './workload.ts';

/** Latencies in milliseconds. */
export interface Latency {
  p50: number;
  p90: number;
  p99: number;
  /** 99.9th percentile. */
  p999: number;
  /** Maximum of all rounds; the other fields are medians over the rounds. */
  max: number;
}

/** Result of concurrent requests for one missing key. */
export interface Stampede {
  /** Number of producer calls; in a cell, the maximum of the rounds. */
  calls: number;
  /** Milliseconds from the first production of the value until the last thread had it. */
  delay: number;
}

/** One round of one cell, over all threads and processes. */
export interface Round {
  /** Measured from the start of the first thread to the end of the last operation. */
  opsPerSecond: number;
  operations: number;
  gets: number;
  misses: number;
  latency: Latency;
  /** Worst delay of the processes' main threads; undefined without an event loop. */
  loopDelay: LoopDelay | undefined;
  /** Sum of the processes' peak resident memory in bytes. Shared memory counts in each. */
  memory: number | undefined;
  stampede: Stampede | undefined;
}

/** One peer with one workload in one topology. */
export interface Cell extends Topology {
  workload: string;
  /** Peer name. */
  peer: string;
  /** Median of the rounds. */
  opsPerSecond: number;
  /**
   * Speed of the reference relative to this peer, round by round. Undefined for the reference itself, or without it.
   */
  ratio: Ratio | undefined;
  latency: Latency;
  /** Event loop delay of the main threads. */
  loopDelay: LoopDelay | undefined;
  memory: number | undefined;
  /** Fraction of gets that missed, 0 to 1; undefined without gets. */
  missRate: number | undefined;
  stampede: Stampede | undefined;
  rounds: Round[];
}

export interface Results {
  /** Start time, ISO 8601. */
  date: string;
  /** Arguments of `npm run bench --`. */
  command: string[];
  /** Duration in milliseconds. */
  elapsed: number;
  machine: Machine;
  /** Versions of Node and of the peers' dependencies, by name. */
  versions: Record<string, string>;
  settings: {
    workloads: string[];
    shapes: Topology[];
    rounds: number;
    milliseconds: number;
    extent: 'quick' | 'normal' | 'full';
    entries: number;
    directory: string;
  };
  peers: { name: string; title: string; setup: string }[];
  /** Peers that are not available on this machine, with the reason. */
  absent: { title: string; why: string }[];
  /** Peers whose process crashed, and during which step. They have no figures after that. */
  crashed: { title: string; why: string }[];
  /** Workloads that peers cannot do, with the reason. */
  leftOut: { title: string; workloads: string[]; why: string }[];
  /**
   * Milliseconds per get from a `Map` in the thread itself: the cost of choosing, timing and checking an operation, and
   * so the lower bound of any figure. Undefined when no operation was measured.
   */
  floor: number | undefined;
  cells: Cell[];
  /** Results of the experiments; see experiment.ts. */
  studies: ExperimentResult[];
}

/** Combines the results of all processes in one round. */
export function summarizeRound(runs: readonly DriverRun[]): Round {
  const replies = runs.flatMap(run => run.threads);
  const all = new Histogram();
  let gets = 0;
  for (const { histograms } of replies) {
    for (const [kind, data] of histograms.entries()) {
      const histogram = new Histogram(data);
      if (kind === Kind.get) gets += histogram.count;
      all.add(histogram);
    }
  }
  const began = Math.min(...replies.map(reply => reply.started));
  const ended = Math.max(...replies.map(reply => reply.ended));
  const delays = runs.flatMap(run => run.loopDelay ?? []);
  const memory = runs.flatMap(run => run.memory ?? []);
  return {
    opsPerSecond: (all.count * 1000) / (ended - began),
    operations: all.count,
    gets,
    misses: replies.reduce((sum, reply) => sum + reply.misses, 0),
    latency: {
      p50: all.percentile(50),
      p90: all.percentile(90),
      p99: all.percentile(99),
      p999: all.percentile(99.9),
      max: all.max,
    },
    loopDelay:
      delays.length === 0
        ? undefined
        : { p99: Math.max(...delays.map(({ p99 }) => p99)), max: Math.max(...delays.map(({ max }) => max)) },
    memory: memory.length === 0 ? undefined : memory.reduce((sum, bytes) => sum + bytes, 0),
    stampede: summarizeStampede(replies),
  };
}

/** Throws when a value arrived before it was made, or when its maker is unknown. */
function summarizeStampede(replies: readonly RunReply[]): Stampede | undefined {
  const parts = replies.flatMap(reply => reply.stampede ?? []);
  if (parts.length === 0) return undefined;
  const made = parts.flatMap(part => part.produced ?? []);
  for (const { maker } of parts) {
    if (parts[maker]?.produced === undefined)
      throw new Error(`The value names the maker ${maker}, which made none.`);
  }
  return { calls: made.length, delay: Math.max(...parts.map(part => part.done)) - Math.min(...made) };
}

/** Combines the rounds of a cell. */
export function summarizeCell(
  cell: Pick<Cell, 'workload' | 'processes' | 'threads' | 'peer' | 'ratio'>,
  rounds: readonly Round[],
): Cell {
  const middle = (value: (round: Round) => number) => median(rounds.map(value));
  const most = (values: number[]) => (values.length === 0 ? undefined : Math.max(...values));
  const gets = rounds.reduce((sum, round) => sum + round.gets, 0);
  const misses = rounds.reduce((sum, round) => sum + round.misses, 0);
  const delays = rounds.flatMap(round => round.loopDelay ?? []);
  const stampedes = rounds.flatMap(round => round.stampede ?? []);
  return {
    ...cell,
    opsPerSecond: middle(round => round.opsPerSecond),
    latency: {
      p50: middle(round => round.latency.p50),
      p90: middle(round => round.latency.p90),
      p99: middle(round => round.latency.p99),
      p999: middle(round => round.latency.p999),
      max: Math.max(...rounds.map(round => round.latency.max)),
    },
    loopDelay:
      delays.length === 0
        ? undefined
        : { p99: median(delays.map(({ p99 }) => p99)), max: Math.max(...delays.map(({ max }) => max)) },
    memory: most(rounds.flatMap(round => round.memory ?? [])),
    missRate: gets === 0 || stampedes.length > 0 ? undefined : misses / gets,
    stampede:
      stampedes.length === 0
        ? undefined
        : {
            calls: Math.max(...stampedes.map(({ calls }) => calls)),
            delay: median(stampedes.map(({ delay }) => delay)),
          },
    rounds: [...rounds],
  };
}
