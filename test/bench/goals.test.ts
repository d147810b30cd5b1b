import test from 'ava';
import { goalRows } from '../../bench/goals.ts';
import type { Cell, Results, Round } from '../../bench/results.ts';
import { cellOf, sampleResults } from './sample-results.ts';

/** The row of a goal: the measured value, and whether the goal is met. */
function verdict(results: Results, what: RegExp, against = /./): [measured: string, met: string] {
  const [row] = goalRows(results, true).filter(row => what.test(row[0]!) && against.test(`${row[1]!} `));
  return [row![3]!, row![4]!];
}

function withRounds(results: Results, workload: string, peer: string, change: (round: Round) => void): void {
  for (const cell of results.cells) {
    if (cell.workload === workload && cell.peer === peer) for (const round of cell.rounds) change(round);
  }
}

/** Makes Glovebox, or another `ours`, so many times as fast as a peer; one ratio a round. */
function outrun(cell: Cell, ...ratios: number[]): void {
  for (const [index, round] of cell.rounds.entries()) {
    round.opsPerSecond = 1_000_000 / (ratios[index] ?? ratios[0]!);
  }
}

function slowResults(): Results {
  const results = sampleResults();
  for (const { rounds, peer } of results.cells) {
    for (const round of rounds) round.opsPerSecond = peer.startsWith('glovebox') ? 1_000_000 : 100_000_000;
  }
  return results;
}

test('a speed goal is met at the required ratio, not below', t => {
  const results = slowResults();
  outrun(cellOf(results, 'set', 8, 'better-sqlite3'), 1, 0.9, 4.2);
  t.deepEqual(verdict(results, /^set, one in flight, 8 threads/), ['1.0× (0.90–4.2)', 'met']);
  outrun(cellOf(results, 'set', 8, 'better-sqlite3'), 0.99, 0.9, 4.2);
  t.is(verdict(results, /^set, one in flight, 8 threads/)[1], 'missed');
});

test('speeds come from the workloads, shapes and peers that the table names', t => {
  const SQLITE = /better-sqlite3/;
  const several = (results: Results, workload: string) =>
    results.cells.find(
      cell => cell.workload === workload && cell.processes === 4 && cell.peer === 'better-sqlite3',
    )!;
  const rows: [what: RegExp, against: RegExp, cell: (results: Results) => Cell, least: number][] = [
    [/^set, one in flight, 1 /, SQLITE, results => cellOf(results, 'set', 1, 'better-sqlite3'), 0.85],
    [/^set, one in flight, 8 /, SQLITE, results => cellOf(results, 'set', 8, 'better-sqlite3'), 1],
    [/^set, one in flight, 4 /, SQLITE, results => several(results, 'set'), 0.7],
    [/^set, 64 .* 1 thread$/, SQLITE, results => cellOf(results, 'set-64', 1, 'better-sqlite3'), 2.5],
    [/^set, 64 .* 8 threads$/, SQLITE, results => cellOf(results, 'set-64', 8, 'better-sqlite3'), 2.5],
    [/^90\/9\/1 mix, 1 /, SQLITE, results => cellOf(results, 'mixed', 1, 'better-sqlite3'), 2],
    [/^90\/9\/1 mix, 2 /, SQLITE, results => cellOf(results, 'mixed', 2, 'better-sqlite3'), 2],
    [/^90\/9\/1 mix, 8 /, SQLITE, results => cellOf(results, 'mixed', 8, 'better-sqlite3'), 2],
    [/^90\/9\/1 mix, 4 /, SQLITE, results => several(results, 'mixed'), 1.1],
    [/^90\/9\/1 mix, 8 /, /Cache $/, results => cellOf(results, 'mixed', 8, 'diskcache'), 8],
    [/^90\/9\/1 mix, 8 /, /FanoutCache/, results => cellOf(results, 'mixed', 8, 'diskcache-fanout'), 8],
    [/^get, cold/, /bare/, results => cellOf(results, 'cold-uniform', 1, 'bare-get'), 0.85],
  ];
  for (const [what, against, cell, least] of rows) {
    const results = slowResults();
    t.is(verdict(results, what, against)[1], 'missed', String(what));
    outrun(cell(results), least);
    t.is(verdict(results, what, against)[1], 'met', String(what));
    outrun(cell(results), least - 0.01);
    t.is(verdict(results, what, against)[1], 'missed', String(what));
  }
});

test('the mix through the synchronous methods is compared with the same peer', t => {
  const results = slowResults();
  outrun(cellOf(results, 'mixed', 8, 'better-sqlite3'), 1);
  t.is(verdict(results, /synchronous, 8/)[1], 'missed');
  withRounds(results, 'mixed', 'glovebox-sync', round => {
    round.opsPerSecond = 2_500_000;
  });
  t.deepEqual(verdict(results, /synchronous, 8/), ['2.5× (2.5–2.5)', 'met']);
  t.is(verdict(results, /^90\/9\/1 mix, 8/, /better-sqlite3/)[1], 'missed');
});

test('the worst set is compared round by round', t => {
  const results = sampleResults();
  withRounds(results, 'set', 'glovebox', round => {
    round.latency = { ...round.latency, max: 7 };
  });
  withRounds(results, 'set', 'better-sqlite3', round => {
    round.latency = { ...round.latency, max: 20 };
  });
  t.deepEqual(verdict(results, /^worst set/), ['0.35× (0.35–0.35)', 'met']);
  withRounds(results, 'set', 'better-sqlite3', round => {
    round.latency = { ...round.latency, max: 19 };
  });
  t.is(verdict(results, /^worst set/)[1], 'missed');
});

test('the shape with the smallest ratio counts', t => {
  const results = sampleResults();
  t.is(verdict(results, /every shape/, /keyv/)[1], 'met');
  cellOf(results, 'set', 8, 'keyv').ratio = { median: 0.9, min: 0.8, max: 1 };
  t.deepEqual(verdict(results, /every shape/, /keyv/), ['0.90× (0.80–1.0), 8 threads', 'missed']);
  cellOf(results, 'set-64', 8, 'cacache').ratio = { median: 4.9, min: 4, max: 5 };
  t.deepEqual(verdict(results, /every shape/, /cacache/), ['4.9× (4.0–5.0), set ×64, 8 threads', 'missed']);
});

test('storing a file is compared with copying it; the hash is shown and not counted', t => {
  const results = sampleResults();
  const take = (workload: string, peer: string, times: number[]) => {
    for (const [index, round] of cellOf(results, workload, 1, peer).rounds.entries()) {
      round.opsPerSecond = 1000 / times[index]!;
    }
  };
  take('file-16MiB-in', 'glovebox', [23, 26, 40]);
  take('file-16MiB-in', 'copy', [10, 10, 20]);
  take('file-16MiB-in', 'copy-hash', [22, 23, 30]);
  // 11 of 10, 13 of 10 and 30 of 20 milliseconds.
  t.deepEqual(verdict(results, /^16 MiB file in/), ['1.3× (1.1–1.5), hash 12 ms', 'met']);
  take('file-16MiB-out', 'glovebox', [34, 34, 34]);
  take('file-16MiB-out', 'copy', [10, 10, 10]);
  take('file-16MiB-out', 'copy-hash', [20, 20, 20]);
  t.deepEqual(verdict(results, /^16 MiB file out/), ['2.4× (2.4–2.4), hash 10 ms', 'missed']);
});

test('a stampede produces its value once in every shape', t => {
  const results = sampleResults();
  withRounds(results, 'stampede', 'glovebox', round => {
    round.stampede = { calls: 1, delay: 1.5 };
  });
  for (const cell of results.cells) if (cell.stampede) cell.stampede = { calls: 1, delay: 1.5 };
  t.deepEqual(verdict(results, /^stampede: calls/), ['1 at most, in 4 shapes', 'met']);
  cellOf(results, 'stampede', 8, 'glovebox').stampede = { calls: 2, delay: 2.5 };
  t.is(verdict(results, /^stampede: calls/)[1], 'missed');
});

test("the event loop's delay is the worst of the writing workloads with 8 threads", t => {
  const results = sampleResults();
  for (const cell of results.cells) {
    cell.loopDelay = { p99: 1, max: 2 };
    for (const round of cell.rounds) round.loopDelay = { p99: 1, max: 2 };
  }
  t.is(verdict(results, /event loop/)[1], 'met');
  const cell = cellOf(results, 'set-64', 8, 'glovebox');
  cell.loopDelay = { p99: 5, max: 9 };
  for (const round of cell.rounds) round.loopDelay = { p99: 5, max: 9 };
  t.deepEqual(verdict(results, /event loop/), ['5.0 ms (5.0 ms–5.0 ms), set ×64', 'missed']);
});

test('a goal that was not measured is left out, unless all goals are requested', t => {
  const results = { ...sampleResults(), cells: [] };
  t.deepEqual(goalRows(results, false), []);
  t.true(goalRows(results, true).length > 30);
});

test('an experiment fills its rows, and may add its own', t => {
  const results: Results = sampleResults();
  results.studies = [
    {
      name: 'x',
      title: 'x',
      table: [],
      notes: [],
      targets: [
        { id: 'build', measured: '1.2×', isMet: true },
        { id: 'mine', what: 'mine', against: 'theirs', goal: 'more', measured: 'less', isMet: false },
      ],
      data: undefined,
    },
  ];
  t.deepEqual(verdict(results, /^build, 128/), ['1.2×', 'met']);
  t.deepEqual(goalRows(results, false).at(-1), ['mine', 'theirs', 'more', 'less', 'missed']);
});
