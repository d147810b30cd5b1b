import { execFile, spawnSync } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import type { Cell, Results } from '../../bench/results.ts';
import { inFull } from '../support/extent.ts';

const MAIN = fileURLToPath(new URL('../../bench/main.ts', import.meta.url));

/** Runs the benchmark from the command line, with its own temporary directory. */
async function bench(...args: string[]) {
  const directory = await mkdtemp(join(tmpdir(), 'glovebox-test-'));
  const result = await new Promise<{ status: number; stdout: string; stderr: string }>(resolve => {
    const options = { env: { ...process.env, TMPDIR: directory, NODE_OPTIONS: '' } };
    execFile(process.execPath, [MAIN, ...args], options, (error, stdout, stderr) => {
      resolve({ status: error ? Number(error.code) : 0, stdout, stderr });
    });
  });
  const left = await readdir(directory);
  await rm(directory, { recursive: true, force: true });
  return { ...result, left };
}

function folder(name: string): string {
  return fileURLToPath(new URL(name, import.meta.url));
}

// One run, made once, on which most of the assertions are made.
let shared: ReturnType<typeof bench> | undefined;

function measureOnce(): ReturnType<typeof bench> {
  shared ??= bench(
    ...['--quick', '--json', '--rounds', '3', '--threads', '2', '--processes', '2'],
    ...[
      '--only',
      'mixed,set,stampede,objects',
      '--against',
      'better-sqlite3,lmdb,diskcache,diskcache-fanout',
    ],
  );
  return shared;
}

function isDiskcache({ peer }: Cell): boolean {
  return peer.startsWith('diskcache');
}

inFull('a quick run measures every peer with every requested workload and shape', async t => {
  const { status, stdout, stderr, left } = await measureOnce();
  t.is(stderr, '');
  t.is(status, 0);
  const results = JSON.parse(stdout) as Results;
  const cells = results.cells.filter(cell => !isDiskcache(cell));
  t.deepEqual(
    cells.map(cell => `${cell.workload} ${cell.processes}×${cell.threads} ${cell.peer}`),
    ['set', 'set-64', 'mixed', 'stampede', 'objects'].flatMap(workload =>
      (['mixed', 'stampede'].includes(workload) ? ['1×2', '2×2'] : ['1×2']).flatMap(shape =>
        ['glovebox', 'better-sqlite3', 'lmdb']
          .filter(peer => !['mixed', 'objects'].includes(workload) || peer !== 'lmdb')
          .map(peer => `${workload} ${shape} ${peer}`),
      ),
    ),
  );
  for (const cell of cells) {
    const { p50, p90, p99, p999, max } = cell.latency;
    t.is(results.settings.rounds, 3);
    t.is(cell.rounds.length, 3);
    t.true(cell.opsPerSecond > 0 && p50 > 0);
    t.true(p50 <= p90 && p90 <= p99 && p99 <= p999 && p999 <= max);
    t.true(cell.memory! > 10e6);
    t.is(cell.ratio === undefined, cell.peer === 'glovebox');
    if (cell.stampede && cell.peer === 'glovebox') t.is(cell.stampede.calls, 1);
    if (cell.workload === 'mixed') t.true(cell.missRate! < 0.1);
  }
  t.true(cells.some(cell => cell.missRate! > 0));
  t.truthy(results.versions.node && results.versions.SQLite && results.machine.cpus);
  t.deepEqual(
    results.leftOut
      .filter(({ title }) => !title.startsWith('diskcache'))
      .map(({ title, workloads }) => `${title}: ${workloads}`),
    ['lmdb, fast get: mixed,objects'],
  );
  t.deepEqual(left, []);
});

inFull('values of every kind are written, read back and checked', async t => {
  const { status, stdout, stderr, left } = await bench(
    ...['--quick', '--json', '--rounds', '1', '--threads', '1', '--entries', '1000'],
    ...['--only', 'objects,cold-zipfian,value-64KiB-in,value-64KiB-out,file-64KiB-in,file-64KiB-out'],
    ...['--against', 'cacache,copy'],
  );
  t.is(stderr, '');
  t.is(status, 0);
  const { cells } = JSON.parse(stdout) as Results;
  const peersOf = (workload: string) =>
    cells.filter(cell => cell.workload === workload).map(cell => cell.peer);
  t.deepEqual(peersOf('objects'), ['glovebox', 'cacache']);
  t.deepEqual(peersOf('cold-zipfian'), ['glovebox']);
  t.deepEqual(peersOf('file-64KiB-out'), ['glovebox', 'cacache', 'copy']);
  t.deepEqual(left, []);
});

inFull('python-diskcache takes part if it is installed, and is reported as absent otherwise', async t => {
  const { status, stdout, stderr } = await measureOnce();
  t.is(stderr, '');
  t.is(status, 0);
  const { cells, absent } = JSON.parse(stdout) as Results;
  const theirs = cells.filter(isDiskcache);
  if (absent.length > 0) {
    t.deepEqual(
      absent.map(({ title }) => title),
      ['diskcache FanoutCache', 'diskcache Cache'],
    );
    t.deepEqual(theirs, []);
    return;
  }
  t.deepEqual(
    theirs.map(cell => `${cell.workload} ${cell.processes}×${cell.threads} ${cell.peer}`),
    ['set 1×2', 'mixed 1×2', 'mixed 2×2', 'stampede 1×2', 'stampede 2×2', 'objects 1×2'].flatMap(what =>
      ['diskcache-fanout', 'diskcache'].map(peer => `${what} ${peer}`),
    ),
  );
  for (const cell of theirs) {
    t.true(cell.opsPerSecond > 0 && cell.latency.p50 > 0 && cell.latency.p99 <= cell.latency.max);
    t.is(cell.loopDelay, undefined);
    if (cell.stampede) t.is(cell.stampede.calls, 1);
  }
});

inFull('the table is printed in human-readable form', async t => {
  const { status, stdout } = await bench(
    ...['--quick', '--threads', '3', '--only', 'get,stampede', '--against', 'glovebox'],
  );
  t.is(status, 0);
  t.regex(stdout, /command +npm run bench -- --quick --threads 3 --only get,stampede --against glovebox\n/);
  t.regex(stdout, /ops\/s .*\n3 threads\n +Glovebox +[\d,]+ /);
  t.regex(stdout, /calls .*\n3 threads\n +Glovebox +1 /);
});

test.serial("a store whose threads do not see each other's writes fails with exit status 1", async t => {
  const { status, stdout, stderr, left } = await bench(
    ...['--quick', '--threads', '2', '--only', 'mixed', '--peers', folder('peers-unshared')],
  );
  t.is(status, 1);
  t.is(stdout, '');
  t.regex(stderr, /^Map in the thread: Key \d+ is missing though version \d+ was acknowledged\.\n$/);
  t.deepEqual(left, []);
});

inFull("a store whose processes do not see each other's writes fails with exit status 1", async t => {
  const { status, stderr } = await bench(
    ...['--quick', '--processes', '2', '--only', 'mixed', '--peers', folder('peers-forgetful')],
  );
  t.is(status, 1);
  t.regex(stderr, /^forgetful: Key \d+ is missing though /);
});

inFull('a store in another language that returns old values fails with exit status 1', async t => {
  if (spawnSync('python3', ['--version']).status !== 0) return t.pass('There is no Python here.');
  const { status, stderr } = await bench(
    ...['--quick', '--rounds', '5', '--threads', '1', '--only', 'mixed'],
    ...['--peers', folder('peers-stale-program')],
  );
  t.is(status, 1);
  t.regex(stderr, /^stale: Key \d+ has version 1 after version \d+ was acknowledged\.\n$/);
});

test.serial('a store that loses acknowledged writes on close fails with exit status 1', async t => {
  const { status, stderr } = await bench(
    ...['--quick', '--threads', '1', '--only', 'set', '--peers', folder('peers-forgetful')],
  );
  t.is(status, 1);
  t.regex(stderr, /^forgetful: Key \d+ is missing though version \d+ was acknowledged\.\n$/);
});

inFull('a peer that crashes is named, and not measured any further', async t => {
  const { status, stdout, stderr, left } = await bench(
    ...['--quick', '--threads', '2', '--only', 'set,mixed', '--peers', folder('peers-crashing')],
  );
  t.is(stderr, '');
  t.is(status, 0);
  t.regex(stdout, /crashed +crashing, mixed.*, 2 threads, .*: Its process ended .*, by SIGKILL\.\n/);
  const [, ...tables] = stdout.split(/ops\/s .*\n/);
  t.is(tables.length, 3);
  t.regex(tables[1]!, /crashing +[\d,]+ .*\n +better-sqlite3 +[\d,]+ /);
  t.regex(tables[2]!, /better-sqlite3 +[\d,]+ /);
  t.notRegex(tables[2]!, /crashing/);
  t.deepEqual(left, []);
});

test.serial('wrong usage is exit status 2, with the correct usage', async t => {
  const workload = await bench('--only', 'got');
  t.is(workload.status, 2);
  t.regex(workload.stderr, /Unknown workload 'got'.*get, set, set-64, mixed, stampede/);
  const peer = await bench('--against', 'lmbd');
  t.is(peer.status, 2);
  t.regex(peer.stderr, /Unknown peer 'lmbd'.*glovebox, .*lmdb/);
  const threads = await bench('--threads', '0');
  t.is(threads.status, 2);
  t.regex(threads.stderr, /numbers from 1 to 16/);
});

test.serial('a folder without peers is an error', async t => {
  const { status, stderr } = await bench('--peers', folder('no-such-folder'));
  t.is(status, 1);
  t.regex(stderr, /There are no peers in .*no-such-folder/);
});
