// Performance goals of Glovebox, and whether a run meets them.
import type { Verdict } from './experiment-result.ts';
import { formatFactor, formatTime } from './format.ts';
import { REFERENCE } from './peer.ts';
import type { Cell, Results, Round } from './results.ts';
import { median, type Ratio, ratio, spreadOf } from './statistics.ts';
import { type Topology, topologyLabel } from './topology.ts';
import { findWorkload } from './workload.ts';

export interface Goal {
  id: string;
  /** The measured operation. */
  what: string;
  /** The point of comparison. */
  against: string;
  /** The goal. */
  goal: string;
  /** Evaluates the cells of a run; undefined when they are missing. Without it, an experiment provides the result. */
  judge?(results: Results): Verdict | undefined;
}

const ONE: Topology = { processes: 1, threads: 1 };
const TWO: Topology = { processes: 1, threads: 2 };
const EIGHT: Topology = { processes: 1, threads: 8 };
const PROCESSES: Topology = { processes: 4, threads: 2 };
const SYNC = 'glovebox-sync';
const SQLITE = 'better-sqlite3';

export const GOALS: readonly Goal[] = [
  fasterThan('better-sqlite3', SQLITE, 0.85, 'set', ONE, 'set, one in flight, 1 thread'),
  fasterThan('better-sqlite3', SQLITE, 1, 'set', EIGHT, 'set, one in flight, 8 threads'),
  fasterThan('better-sqlite3', SQLITE, 2.5, 'set-64', ONE, 'set, 64 in flight, 1 thread'),
  fasterThan('better-sqlite3', SQLITE, 2.5, 'set-64', EIGHT, 'set, 64 in flight, 8 threads'),
  fasterThan('better-sqlite3', SQLITE, 2, 'mixed', ONE, '90/9/1 mix, 1 thread'),
  fasterThan('better-sqlite3', SQLITE, 2, 'mixed', TWO, '90/9/1 mix, 2 threads'),
  fasterThan('better-sqlite3', SQLITE, 2, 'mixed', EIGHT, '90/9/1 mix, 8 threads'),
  fasterThan('better-sqlite3', SQLITE, 2.5, 'mixed', ONE, '90/9/1 mix, synchronous, 1 thread', SYNC),
  fasterThan('better-sqlite3', SQLITE, 2.5, 'mixed', EIGHT, '90/9/1 mix, synchronous, 8 threads', SYNC),
  fasterThan('better-sqlite3', SQLITE, 1.1, 'mixed', PROCESSES, '90/9/1 mix, 4 × 2 threads'),
  fasterThan('better-sqlite3', SQLITE, 0.7, 'set', PROCESSES, 'set, one in flight, 4 × 2 threads'),
  fasterThan('diskcache', 'diskcache Cache', 8, 'mixed', EIGHT, '90/9/1 mix, 8 threads'),
  fasterThan('diskcache-fanout', 'diskcache FanoutCache', 8, 'mixed', EIGHT, '90/9/1 mix, 8 threads'),
  {
    id: 'set-keyv',
    what: 'set, one in flight, every shape',
    against: '@keyv/sqlite',
    goal: '≥ 1×',
    judge: results => leastOf(results, ['set'], 'keyv', 1),
  },
  {
    id: 'writes-cacache',
    what: 'mix and sets, every shape',
    against: 'cacache',
    goal: '≥ 5×',
    judge: results => leastOf(results, WRITES, 'cacache', 5),
  },
  {
    id: 'worst-set',
    what: 'worst set, one in flight, 8 threads',
    against: SQLITE,
    goal: '≤ 0.35× its',
    judge: results =>
      atMost(
        0.35,
        compare(results, 'set', EIGHT, 'better-sqlite3', round => round.latency.max),
      ),
  },
  fasterThan('bare-get', 'a bare prepared get', 0.85, 'cold-uniform', ONE, 'get, cold, a million entries'),
  { id: 'borrow-bytes', what: 'borrow, hot, 200 bytes', against: 'lmdb getBinaryFast', goal: '≥ 3×' },
  { id: 'borrow-string', what: 'borrow, hot, a string', against: 'lmdb, strings', goal: '≥ 4×' },
  {
    id: 'borrow-record',
    what: 'borrow, hot, a record of 1 KiB',
    against: 'lmdb, MessagePack',
    goal: '≥ 10×',
  },
  { id: 'sync-string', what: 'getSync, hot, a string', against: 'lmdb, strings', goal: '≥ 4×' },
  { id: 'sync-bytes', what: 'getSync, hot, 200 bytes', against: 'lmdb getBinaryFast', goal: '≥ 0.9×' },
  { id: 'get-bytes', what: 'awaited get, hot, 200 bytes', against: 'lmdb getBinaryFast', goal: '≥ 0.8×' },
  {
    id: 'get-record',
    what: 'awaited get, hot, a record of 1 KiB',
    against: 'lmdb, MessagePack',
    goal: '≥ 1×',
  },
  {
    id: 'growth-speed',
    what: 'get and set, a million entries',
    against: 'a thousand',
    goal: '≤ 1.5× slower',
  },
  { id: 'growth-p99', what: 'their p99, a million entries', against: 'a thousand', goal: '≤ 3× as long' },
  {
    id: 'file-in',
    what: '16 MiB file in, less the hash',
    against: 'cp',
    goal: '≤ 1.3× its time',
    judge: results => fileTime(results, 'file-16MiB-in'),
  },
  {
    id: 'file-out',
    what: '16 MiB file out, less the hash',
    against: 'cp',
    goal: '≤ 1.3× its time',
    judge: results => fileTime(results, 'file-16MiB-out'),
  },
  {
    id: 'stampede-calls',
    what: 'stampede: calls of the producer',
    against: 'the producer alone',
    goal: '1 in all',
    judge: stampedeCalls,
  },
  {
    id: 'loop-delay',
    what: 'event loop delay under full load',
    against: '',
    goal: 'p99 < 5 ms',
    judge: loopDelay,
  },
  {
    id: 'build',
    what: 'build, 128 targets, all cached',
    against: 'a script, + start-up',
    goal: '≤ 1.8×',
  },
  { id: 'start-up-version', what: 'start-up, glovebox --version', against: 'node -e 0', goal: '+ 60 ms' },
  { id: 'start-up-build', what: 'start-up, glovebox build, cached', against: 'node -e 0', goal: '+ 200 ms' },
  { id: 'idle-memory', what: "memory per idle worker's proxy", against: '', goal: '< 3 MB' },
];

/** A goal for the ratio of operations that Glovebox, or another `ours`, does per operation of a peer. */
function fasterThan(
  peer: string,
  against: string,
  least: number,
  workload: string,
  topology: Topology,
  what: string,
  ours = REFERENCE,
): Goal {
  return {
    id: [workload, topology.processes, topology.threads, peer, ours].join('/'),
    what,
    against,
    goal: `≥ ${least}×`,
    judge: results =>
      atLeast(
        least,
        compare(results, workload, topology, peer, round => round.opsPerSecond, ours),
      ),
  };
}

/** Table rows, header first: operation, comparison, goal, measured value, and whether it meets the goal. */
export function goalRows(results: Results, isComplete: boolean): string[][] {
  const found = new Map(results.studies.flatMap(({ targets }) => targets.map(target => [target.id, target])));
  const known = GOALS.map(target => ({
    ...target,
    verdict: found.get(target.id) ?? target.judge?.(results),
  }));
  const added = [...found.values()]
    .filter(({ id }) => GOALS.every(target => target.id !== id))
    .map(target => ({ what: '', against: '', goal: '', ...target, verdict: target }));
  const rows = [...known, ...added]
    .filter(({ verdict }) => isComplete || verdict)
    .map(({ what, against, goal, verdict }) => [
      what,
      against,
      goal,
      verdict?.measured ?? 'not measured',
      verdict ? (verdict.isMet ? 'met' : 'missed') : '',
    ]);
  return rows.length === 0 ? [] : [['what', 'against', 'goal', 'measured', ''], ...rows];
}

/** `4.2× (3.9–4.4)`. */
export function formatRatio({ median: middle, min, max }: Ratio): string {
  return `${formatFactor(middle)}× (${formatFactor(min)}–${formatFactor(max)})`;
}

function cellOf(
  { cells }: Results,
  workload: string,
  { processes, threads }: Topology,
  peer: string,
): Cell | undefined {
  return cells.find(
    cell =>
      cell.workload === workload &&
      cell.processes === processes &&
      cell.threads === threads &&
      cell.peer === peer,
  );
}

// Ratio of our figure to the peer's, round by round.
function compare(
  results: Results,
  workload: string,
  topology: Topology,
  peer: string,
  figure: (round: Round) => number,
  reference = REFERENCE,
): Ratio | undefined {
  const ours = cellOf(results, workload, topology, reference)?.rounds;
  const theirs = cellOf(results, workload, topology, peer)?.rounds;
  if (!ours || !theirs) return undefined;
  return ratio(ours.map(figure), theirs.map(figure));
}

function atLeast(least: number, ratio: Ratio | undefined): Verdict | undefined {
  return ratio && { measured: formatRatio(ratio), isMet: ratio.median >= least };
}

function atMost(most: number, ratio: Ratio | undefined): Verdict | undefined {
  return ratio && { measured: formatRatio(ratio), isMet: ratio.median <= most };
}

// The cost of the hash is the difference between copying with and without hashing.
function fileTime(results: Results, workload: string): Verdict | undefined {
  const [ours, copying, hashing] = [REFERENCE, 'copy', 'copy-hash'].map(peer =>
    cellOf(results, workload, ONE, peer)?.rounds.map(round => 1000 / round.opsPerSecond),
  );
  if (!ours || !copying || !hashing) return undefined;
  const hash = hashing.map((time, round) => Math.max(0, time - copying[round]!));
  const verdict = atMost(
    1.3,
    ratio(
      ours.map((time, round) => time - hash[round]!),
      copying,
    ),
  )!;
  return { ...verdict, measured: `${verdict.measured}, hash ${formatTime(median(hash))}` };
}

const WRITES = ['mixed', 'set', 'set-64'];

// The lowest ratio of all topologies and workloads.
function leastOf(
  { cells }: Results,
  workloads: readonly string[],
  peer: string,
  least: number,
): Verdict | undefined {
  const compared = cells.flatMap(cell =>
    workloads.includes(cell.workload) && cell.peer === peer && cell.ratio
      ? [{ cell, ratio: cell.ratio }]
      : [],
  );
  if (compared.length === 0) return undefined;
  const { cell, ratio } = compared.reduce((a, b) => (b.ratio.median < a.ratio.median ? b : a));
  const where = [...(workloads.length > 1 ? [findWorkload(cell.workload).short] : []), topologyLabel(cell)];
  return { measured: `${formatRatio(ratio)}, ${where.join(', ')}`, isMet: ratio.median >= least };
}

function stampedes({ cells }: Results): Cell[] {
  return cells.filter(cell => cell.peer === REFERENCE && cell.stampede);
}

function stampedeCalls(results: Results): Verdict | undefined {
  const cells = stampedes(results);
  if (cells.length === 0) return undefined;
  const calls = Math.max(...cells.map(cell => cell.stampede!.calls));
  return { measured: `${calls} at most, in ${cells.length} shapes`, isMet: calls === 1 };
}

function loopDelay({ cells }: Results): Verdict | undefined {
  const busy = cells.filter(
    cell => cell.peer === REFERENCE && WRITES.includes(cell.workload) && cell.threads === EIGHT.threads,
  );
  if (busy.length === 0) return undefined;
  const worst = busy.reduce((a, b) => (b.loopDelay!.p99 > a.loopDelay!.p99 ? b : a));
  const delays = spreadOf(worst.rounds.map(round => round.loopDelay!.p99));
  return {
    measured: `${formatTime(delays.median)} (${formatTime(delays.min)}–${formatTime(delays.max)}), ${findWorkload(worst.workload).short}`,
    isMet: median(worst.rounds.map(round => round.loopDelay!.p99)) < 5,
  };
}
