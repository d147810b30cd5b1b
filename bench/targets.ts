// What Glovebox is to reach, and whether it does.
import { formatFactor, formatTime } from './format.ts';
import { REFERENCE } from './peer.ts';
import type { Cell, Results, Round } from './results.ts';
import type { Shape } from './shape.ts';
import { median, type Ratio, ratio, spreadOf } from './statistics.ts';
import { findWorkload } from './workload.ts';

export interface Target {
  id: string;
  /** What is measured. */
  what: string;
  /** Against what. */
  against: string;
  /** What is to be reached. */
  wanted: string;
  /** From the cells of a run; undefined when they are not there. Without it a study finds out. */
  judge?(results: Results): Verdict | undefined;
}

export interface Verdict {
  /** What was found, with its spread. */
  found: string;
  isReached: boolean;
}

/** What a study found out about the target of this id. Its own row is added when there is no target with the id. */
export interface TargetResult extends Verdict, Partial<Pick<Target, 'what' | 'against' | 'wanted'>> {
  id: string;
}

const ONE: Shape = { processes: 1, threads: 1 };
const EIGHT: Shape = { processes: 1, threads: 8 };

export const TARGETS: readonly Target[] = [
  {
    id: 'hot-get',
    what: 'hot get in a worker',
    against: "lmdb's fast get",
    wanted: '≥ 3×',
    judge: results => atLeast(3, speed(results, 'get', ONE, 'lmdb')),
  },
  {
    id: 'cold-get',
    what: 'cold get in a worker',
    against: 'a bare prepared get',
    wanted: '≥ 0.8×',
    judge: results => atLeast(0.8, speed(results, 'cold-uniform', ONE, 'bare-get')),
  },
  {
    id: 'mixed-sqlite',
    what: '90/9/1 mix, 8 threads',
    against: 'better-sqlite3',
    wanted: '≥ 4×',
    judge: results => atLeast(4, speed(results, 'mixed', EIGHT, 'better-sqlite3')),
  },
  {
    id: 'mixed-diskcache',
    what: '90/9/1 mix, 8 threads',
    against: 'diskcache Cache',
    wanted: '≥ 10×',
    judge: results => atLeast(10, speed(results, 'mixed', EIGHT, 'diskcache')),
  },
  {
    id: 'mixed-fanout',
    what: '90/9/1 mix, 8 threads',
    against: 'diskcache FanoutCache',
    wanted: '≥ 10×',
    judge: results => atLeast(10, speed(results, 'mixed', EIGHT, 'diskcache-fanout')),
  },
  {
    id: 'set-64',
    what: 'sets, 64 in flight, 8 threads',
    against: 'better-sqlite3',
    wanted: '≥ 3×',
    judge: results => atLeast(3, speed(results, 'set-64', EIGHT, 'better-sqlite3')),
  },
  {
    id: 'set',
    what: 'sets, one in flight, 8 threads',
    against: 'better-sqlite3',
    wanted: '≥ 1×',
    judge: results => atLeast(1, speed(results, 'set', EIGHT, 'better-sqlite3')),
  },
  {
    id: 'worst-set',
    what: 'the worst set (max), 8 threads',
    against: 'better-sqlite3',
    wanted: '≤ 0.2×',
    judge: results =>
      atMost(
        0.2,
        compare(results, 'set', EIGHT, 'better-sqlite3', round => round.latency.max),
      ),
  },
  {
    id: 'writes-keyv-cacache',
    what: 'mix and sets, in every shape',
    against: 'keyv-sqlite, cacache',
    wanted: '≥ 5×',
    judge: leastOfWrites,
  },
  {
    id: 'growth-speed',
    what: 'get and set at a million entries',
    against: 'at a thousand',
    wanted: '≤ 1.5× slower',
  },
  {
    id: 'growth-p99',
    what: 'their p99 at a million entries',
    against: 'at a thousand',
    wanted: '≤ 3× as long',
  },
  {
    id: 'file-in',
    what: '16 MiB file in, less the hash',
    against: 'cp',
    wanted: '≤ 1.3× its time',
    judge: results => fileTime(results, 'file-16MiB-in'),
  },
  {
    id: 'file-out',
    what: '16 MiB file out, less the hash',
    against: 'cp',
    wanted: '≤ 1.3× its time',
    judge: results => fileTime(results, 'file-16MiB-out'),
  },
  {
    id: 'stampede-calls',
    what: 'stampede: calls of the producer',
    against: 'the producer alone',
    wanted: '1 in all',
    judge: stampedeCalls,
  },
  {
    id: 'stampede-delay',
    what: 'stampede: the last has the value',
    against: 'the producer alone',
    wanted: '≤ 2 ms after it',
    judge: stampedeDelay,
  },
  {
    id: 'loop-delay',
    what: 'event loop delay under full load',
    against: '',
    wanted: 'p99 < 5 ms',
    judge: loopDelay,
  },
  {
    id: 'build',
    what: 'build, 128 targets, all cached',
    against: 'one tight script',
    wanted: '≤ 1.5×, + start-up',
  },
  { id: 'start-up-version', what: 'start-up, glovebox --version', against: 'node -e 0', wanted: '+ 60 ms' },
  {
    id: 'start-up-build',
    what: 'start-up, glovebox build, cached',
    against: 'node -e 0',
    wanted: '+ 200 ms',
  },
  { id: 'idle-memory', what: "memory per idle worker's proxy", against: '', wanted: '< 3 MB' },
];

/** Rows for a table, head first: what, against what, wanted, found, and whether it is reached. */
export function targetRows(results: Results, isComplete: boolean): string[][] {
  const found = new Map(results.studies.flatMap(({ targets }) => targets.map(target => [target.id, target])));
  const known = TARGETS.map(target => ({
    ...target,
    verdict: found.get(target.id) ?? target.judge?.(results),
  }));
  const added = [...found.values()]
    .filter(({ id }) => TARGETS.every(target => target.id !== id))
    .map(target => ({ what: '', against: '', wanted: '', ...target, verdict: target }));
  const rows = [...known, ...added]
    .filter(({ verdict }) => isComplete || verdict)
    .map(({ what, against, wanted, verdict }) => [
      what,
      against,
      wanted,
      verdict?.found ?? 'not measured',
      verdict ? (verdict.isReached ? 'reached' : 'short') : '',
    ]);
  return rows.length === 0 ? [] : [['what', 'against', 'to reach', 'found', ''], ...rows];
}

/** `4.2× (3.9–4.4)`. */
export function formatRatio({ median: middle, min, max }: Ratio): string {
  return `${formatFactor(middle)}× (${formatFactor(min)}–${formatFactor(max)})`;
}

function cellOf(
  { cells }: Results,
  workload: string,
  { processes, threads }: Shape,
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

function speed(results: Results, workload: string, shape: Shape, peer: string): Ratio | undefined {
  return cellOf(results, workload, shape, peer)?.ratio;
}

// Glovebox's figure by the peer's, round by round.
function compare(
  results: Results,
  workload: string,
  shape: Shape,
  peer: string,
  figure: (round: Round) => number,
): Ratio | undefined {
  const ours = cellOf(results, workload, shape, REFERENCE)?.rounds;
  const theirs = cellOf(results, workload, shape, peer)?.rounds;
  if (!ours || !theirs) return undefined;
  return spreadOf(ours.map((round, index) => figure(round) / figure(theirs[index]!)));
}

function atLeast(least: number, ratio: Ratio | undefined): Verdict | undefined {
  return ratio && { found: formatRatio(ratio), isReached: ratio.median >= least };
}

function atMost(most: number, ratio: Ratio | undefined): Verdict | undefined {
  return ratio && { found: formatRatio(ratio), isReached: ratio.median <= most };
}

// The hash takes what copying and hashing takes longer than copying.
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
  return { ...verdict, found: `${verdict.found}, hash ${formatTime(median(hash))}` };
}

const WRITES = ['mixed', 'set', 'set-64'];

function leastOfWrites({ cells }: Results): Verdict | undefined {
  const compared = cells.flatMap(cell =>
    WRITES.includes(cell.workload) && ['keyv', 'cacache'].includes(cell.peer) && cell.ratio
      ? [{ cell, ratio: cell.ratio }]
      : [],
  );
  if (compared.length === 0) return undefined;
  const { cell, ratio } = compared.reduce((a, b) => (b.ratio.median < a.ratio.median ? b : a));
  const where = `${cell.peer}, ${findWorkload(cell.workload).short}`;
  return { found: `${formatRatio(ratio)}, ${where}`, isReached: ratio.median >= 5 };
}

function stampedes({ cells }: Results): Cell[] {
  return cells.filter(cell => cell.peer === REFERENCE && cell.stampede);
}

function stampedeCalls(results: Results): Verdict | undefined {
  const cells = stampedes(results);
  if (cells.length === 0) return undefined;
  const calls = Math.max(...cells.map(cell => cell.stampede!.calls));
  return { found: `${calls} at most, in ${cells.length} shapes`, isReached: calls === 1 };
}

function stampedeDelay(results: Results): Verdict | undefined {
  const cells = stampedes(results);
  if (cells.length === 0) return undefined;
  const worst = cells.reduce((a, b) => (b.stampede!.delay > a.stampede!.delay ? b : a));
  const delays = spreadOf(worst.rounds.map(round => round.stampede!.delay));
  const spread = `(${formatTime(delays.min)}–${formatTime(delays.max)})`;
  return {
    found: `${formatTime(delays.median)} ${spread}`,
    isReached: delays.median <= 2,
  };
}

function loopDelay({ cells }: Results): Verdict | undefined {
  const busy = cells.filter(
    cell => cell.peer === REFERENCE && WRITES.includes(cell.workload) && cell.threads === EIGHT.threads,
  );
  if (busy.length === 0) return undefined;
  const worst = busy.reduce((a, b) => (b.loopDelay!.p99 > a.loopDelay!.p99 ? b : a));
  const delays = spreadOf(worst.rounds.map(round => round.loopDelay!.p99));
  return {
    found: `${formatTime(delays.median)} (${formatTime(delays.min)}–${formatTime(delays.max)}), ${findWorkload(worst.workload).short}`,
    isReached: median(worst.rounds.map(round => round.loopDelay!.p99)) < 5,
  };
}
