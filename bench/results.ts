// What a benchmark found out; `--json` prints it as it is.

import type { ExperimentResult } from './experiment.ts';
import { Histogram } from './histogram.ts';
import type { LoopDelay } from './loop-delay.ts';
import type { Machine } from './machine.ts';
import type { DriverRun, RunReply } from './messages.ts';
import { median, type Ratio } from './statistics.ts';
import type { Topology } from './topology.ts';
import { Kind } from './workload.ts';

/** Times in milliseconds. */
export interface Latency {
  p50: number;
  p90: number;
  p99: number;
  /** The 99.9th percentile. */
  p999: number;
  /** The longest of all rounds; the others are medians over the rounds. */
  max: number;
}

/** How threads that asked for one missing key fared. */
export interface Stampede {
  /** How often the value was made; in a cell, the most in one round. */
  calls: number;
  /** From when it was first made to when the last thread had it, in milliseconds. */
  delay: number;
}

/** One round of one cell: all threads and processes together. */
export interface Round {
  /** From the start of the first thread to the end of the last operation. */
  opsPerSecond: number;
  operations: number;
  gets: number;
  misses: number;
  latency: Latency;
  /** The worst of the processes' main threads; undefined where there is no event loop. */
  loopDelay: LoopDelay | undefined;
  /** The most resident memory of each process, in bytes, added up: memory that they share counts in each. */
  memory: number | undefined;
  stampede: Stampede | undefined;
}

/** One peer with one workload in one shape. */
export interface Cell extends Topology {
  workload: string;
  /** The name of the peer. */
  peer: string;
  /** The median of the rounds. */
  opsPerSecond: number;
  /** How many times as fast the reference is, round by round. Undefined for the reference itself, or without it. */
  ratio: Ratio | undefined;
  latency: Latency;
  /** Of the main threads' event loops. */
  loopDelay: LoopDelay | undefined;
  memory: number | undefined;
  /** Share of the gets that found nothing, 0 to 1; undefined when nothing was read. */
  missRate: number | undefined;
  stampede: Stampede | undefined;
  rounds: Round[];
}

export interface Results {
  /** When it began, ISO 8601. */
  date: string;
  /** The arguments of `npm run bench --`. */
  command: string[];
  /** How long it took, in milliseconds. */
  elapsed: number;
  machine: Machine;
  /** Of Node and of what the peers stand on, by name. */
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
  /** Peers that this machine does not have, and why. */
  absent: { title: string; why: string }[];
  /** Peers of which a process ended in the middle of its work, and when: no figures of theirs from then on. */
  crashed: { title: string; why: string }[];
  /** What peers cannot do, and why. */
  leftOut: { title: string; workloads: string[]; why: string }[];
  /**
   * Milliseconds that a get takes from a `Map` in the thread itself: what choosing, timing and checking an operation
   * costs, and so the least that any figure can be. Undefined when no operation was measured.
   */
  floor: number | undefined;
  cells: Cell[];
  /** What is measured otherwise, see study.ts. */
  studies: ExperimentResult[];
}

/** What the processes of one round did together. */
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

/** A value that somebody has before anybody made it, or that nobody made, is an error. */
function summarizeStampede(replies: readonly RunReply[]): Stampede | undefined {
  const parts = replies.flatMap(reply => reply.stampede ?? []);
  if (parts.length === 0) return undefined;
  const made = parts.flatMap(part => part.produced ?? []);
  for (const { maker } of parts) {
    if (parts[maker]?.produced === undefined)
      throw new Error(`Nobody made the value that says it is of ${maker}.`);
  }
  return { calls: made.length, delay: Math.max(...parts.map(part => part.done)) - Math.min(...made) };
}

/** What the rounds of a cell come to. */
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
