import test from 'ava';
import type { Results, Round } from '../../bench/results.ts';
import { targetRows } from '../../bench/targets.ts';
import { cellOf, sampleResults } from './sample-results.ts';

/** What the table says of a target: found, and whether it is reached. */
function verdict(results: Results, what: RegExp, against = /./): [found: string, reached: string] {
  const [row] = targetRows(results, true).filter(row => what.test(row[0]!) && against.test(`${row[1]!} `));
  return [row![3]!, row![4]!];
}

function withRounds(results: Results, workload: string, peer: string, change: (round: Round) => void): void {
  for (const cell of results.cells) {
    if (cell.workload === workload && cell.peer === peer) for (const round of cell.rounds) change(round);
  }
}

test('a speed is reached at the ratio that is asked for, not below', t => {
  const results = sampleResults();
  cellOf(results, 'get', 1, 'lmdb').ratio = { median: 3, min: 2.5, max: 4.2 };
  t.deepEqual(verdict(results, /^hot get/), ['3.0× (2.5–4.2)', 'reached']);
  cellOf(results, 'get', 1, 'lmdb').ratio = { median: 2.99, min: 2.5, max: 4.2 };
  t.is(verdict(results, /^hot get/)[1], 'short');
});

test('the speeds are those of the workloads, threads and peers that the table names', t => {
  const results = sampleResults();
  for (const cell of results.cells) cell.ratio = { median: 0.01, min: 0.01, max: 0.01 };
  const set = (workload: string, threads: number, peer: string, median: number) => {
    cellOf(results, workload, threads, peer).ratio = { median, min: median, max: median };
  };
  set('cold-uniform', 1, 'bare-get', 0.8);
  set('mixed', 8, 'better-sqlite3', 4);
  set('mixed', 8, 'diskcache', 10);
  set('mixed', 8, 'diskcache-fanout', 10);
  set('set-64', 8, 'better-sqlite3', 3);
  set('set', 8, 'better-sqlite3', 1);
  t.is(verdict(results, /^cold get/)[1], 'reached');
  t.is(verdict(results, /^90\/9\/1/, /better-sqlite3/)[1], 'reached');
  t.is(verdict(results, /^90\/9\/1/, /diskcache Cache/)[1], 'reached');
  t.is(verdict(results, /^90\/9\/1/, /FanoutCache/)[1], 'reached');
  t.is(verdict(results, /^sets, 64/)[1], 'reached');
  t.is(verdict(results, /^sets, one/)[1], 'reached');
  t.is(verdict(results, /^hot get/)[1], 'short');
});

test('the worst set is compared round by round', t => {
  const results = sampleResults();
  withRounds(results, 'set', 'glovebox', round => {
    round.latency = { ...round.latency, max: 10 };
  });
  withRounds(results, 'set', 'better-sqlite3', round => {
    round.latency = { ...round.latency, max: 50 };
  });
  t.deepEqual(verdict(results, /^the worst set/), ['0.20× (0.20–0.20)', 'reached']);
  withRounds(results, 'set', 'better-sqlite3', round => {
    round.latency = { ...round.latency, max: 40 };
  });
  t.is(verdict(results, /^the worst set/)[1], 'short');
});

test('of all writes against keyv and cacache the least ratio counts', t => {
  const results = sampleResults();
  t.is(verdict(results, /^mix and sets/)[1], 'reached');
  cellOf(results, 'set-64', 8, 'cacache').ratio = { median: 4.9, min: 4, max: 5 };
  t.deepEqual(verdict(results, /^mix and sets/), ['4.9× (4.0–5.0), cacache, set ×64', 'short']);
});

test('the time of a file is compared with that of a copy, the hash not counted but told', t => {
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
  t.deepEqual(verdict(results, /^16 MiB file in/), ['1.3× (1.1–1.5), hash 12 ms', 'reached']);
  take('file-16MiB-out', 'glovebox', [34, 34, 34]);
  take('file-16MiB-out', 'copy', [10, 10, 10]);
  take('file-16MiB-out', 'copy-hash', [20, 20, 20]);
  t.deepEqual(verdict(results, /^16 MiB file out/), ['2.4× (2.4–2.4), hash 10 ms', 'short']);
});

test('a stampede is one call in every shape, and the slowest shape tells the delay', t => {
  const results = sampleResults();
  withRounds(results, 'stampede', 'glovebox', round => {
    round.stampede = { calls: 1, delay: 1.5 };
  });
  for (const cell of results.cells) if (cell.stampede) cell.stampede = { calls: 1, delay: 1.5 };
  t.is(verdict(results, /^stampede: calls/)[1], 'reached');
  t.deepEqual(verdict(results, /^stampede: the last/), ['1.5 ms (1.5 ms–1.5 ms)', 'reached']);
  const slow = cellOf(results, 'stampede', 8, 'glovebox');
  slow.stampede = { calls: 2, delay: 2.5 };
  slow.rounds[0]!.stampede = { calls: 2, delay: 2.5 };
  slow.rounds[1]!.stampede = { calls: 2, delay: 2.5 };
  t.is(verdict(results, /^stampede: calls/)[1], 'short');
  t.deepEqual(verdict(results, /^stampede: the last/), ['2.5 ms (1.5 ms–2.5 ms)', 'short']);
});

test("the event loop's delay is the worst of the writing workloads with 8 threads", t => {
  const results = sampleResults();
  for (const cell of results.cells) {
    cell.loopDelay = { p99: 1, max: 2 };
    for (const round of cell.rounds) round.loopDelay = { p99: 1, max: 2 };
  }
  t.is(verdict(results, /event loop/)[1], 'reached');
  const cell = cellOf(results, 'set-64', 8, 'glovebox');
  cell.loopDelay = { p99: 5, max: 9 };
  for (const round of cell.rounds) round.loopDelay = { p99: 5, max: 9 };
  t.deepEqual(verdict(results, /event loop/), ['5.0 ms (5.0 ms–5.0 ms), set ×64', 'short']);
});

test('what was not measured is left out, unless all is asked for', t => {
  const results = { ...sampleResults(), cells: [] };
  t.deepEqual(targetRows(results, false), []);
  t.true(targetRows(results, true).length > 15);
});

test('a study fills its rows, and may add rows of its own', t => {
  const results: Results = sampleResults();
  results.studies = [
    {
      name: 'x',
      title: 'x',
      table: [],
      notes: [],
      targets: [
        { id: 'build', found: '1.2×', isReached: true },
        { id: 'mine', what: 'mine', against: 'theirs', wanted: 'more', found: 'less', isReached: false },
      ],
      data: undefined,
    },
  ];
  t.deepEqual(verdict(results, /^build, 128/), ['1.2×', 'reached']);
  t.deepEqual(targetRows(results, false).at(-1), ['mine', 'theirs', 'more', 'less', 'short']);
});
