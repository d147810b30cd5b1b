import test from 'ava';
import { loadPeers } from '../../bench/peer.ts';
import { report } from '../../bench/report.ts';
import type { Results } from '../../bench/results.ts';
import { textWidth } from '../../src/cli/terminal/text.ts';
import { cellOf, loaded, sampleResults } from './sample-results.ts';

test('the report fits in 120 columns, with the widest figures too', t => {
  for (const line of report(sampleResults()).split('\n')) t.true(textWidth(line) <= 120, line);
  for (const line of report(sampleResults(), true).split('\n')) t.true(textWidth(line) <= 120, line);
});

test('the report names command, date, machine, versions, rounds, and every peer with its setup', t => {
  const text = report(sampleResults());
  for (const wanted of [
    'npm run bench -- --threads 1,8',
    '2001-02-03 04:05 UTC, took 99 s',
    '128 × A processor',
    'Node 24.0.0',
    'SQLite 3.',
    'lmdb 3.',
    '5 of 1.0 s',
    ...loaded.flatMap(({ peer }) => [peer.title, peer.setup]),
  ]) {
    t.true(text.includes(wanted), wanted);
  }
});

test('missing peers and unsupported workloads are named with the reason', t => {
  const results = sampleResults();
  results.absent = [{ title: 'diskcache Cache', why: 'no Python' }];
  results.crashed = [{ title: 'lmdb', why: 'get, 8 threads, round 2: Its process ended, by SIGSEGV.' }];
  results.leftOut = [
    { title: 'cacache', workloads: ['cold-uniform', 'cold-zipfian'], why: 'too many files' },
  ];
  const text = report(results);
  t.regex(text, /absent +diskcache Cache: no Python\n/);
  t.regex(text, /crashed +lmdb, get, 8 threads, round 2: .* by SIGSEGV\.\n/);
  t.regex(text, /left out +cacache: too many files: cold-uniform, cold-zipfian\n/);
});

test('a cell shows its speed, its ratio with the spread, its times, memory and event loop delay', t => {
  const results = sampleResults();
  Object.assign(cellOf(results, 'get', 1, 'better-sqlite3'), {
    opsPerSecond: 110_250.4,
    ratio: { median: 17.3, min: 15.1, max: 0.5 },
    latency: { p50: 0.0081, p90: 0.01, p99: 0.019, p999: 0.2, max: 12 },
    loopDelay: { p99: 0.1, max: 1.25 },
    memory: 123_456_789,
  });
  t.regex(
    report(results),
    /better-sqlite3 +110,250 +17× \(15–0\.50\) +8\.1 µs +10 µs +19 µs +200 µs +12 ms +123 MB +100 µs +1\.3 ms\n/,
  );
});

test('a stampede shows how often the value was produced and when the last caller had it', t => {
  const results = sampleResults();
  cellOf(results, 'stampede', 8, 'better-sqlite3').stampede = { calls: 8, delay: 1.5 };
  t.regex(report(results), /calls +last after value.*\n(.*\n)+? +better-sqlite3 +8 +1\.5 ms/);
});

test('a quick run says that its figures are not conclusive', t => {
  const results = sampleResults();
  results.settings.extent = 'quick';
  t.regex(report(results), /too short to judge by/);
  results.settings.extent = 'normal';
  t.notRegex(report(results), /too short/);
});

test('an experiment has its own table', t => {
  const results: Results = {
    ...sampleResults(),
    studies: [
      {
        name: 'start-up',
        title: 'start-up: how long a command takes',
        table: [
          ['', 'time'],
          ['glovebox --version', '1 ms'],
        ],
        notes: ['a note'],
        targets: [{ id: 'start-up-version', measured: '+ 12 ms', isMet: true }],
        data: {},
      },
    ],
  };
  const text = report(results);
  t.regex(text, /start-up: how long a command takes\n +time\n +glovebox --version +1 ms\na note\n/);
  t.regex(text, /glovebox --version +node -e 0 +\+ 60 ms +\+ 12 ms +met/);
});

test('only the goals are shown when only they are requested, including those that were not measured', t => {
  const text = report(sampleResults(), true);
  t.regex(text, /build, 128 targets.* not measured/);
  t.notRegex(text, /one in flight per thread/);
});

test('the reference comes first among the peers that are loaded', async t => {
  const peers = await loadPeers(new URL('../../bench/peers', import.meta.url).pathname);
  t.is(peers[0]!.name, 'glovebox');
  const names = peers.map(({ name }) => name);
  for (const name of [
    'better-sqlite3',
    'cacache',
    'comlink',
    'diskcache',
    'diskcache-fanout',
    'keyv',
    'lmdb',
  ]) {
    t.true(names.includes(name), name);
  }
});
