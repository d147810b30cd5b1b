// More caches than file descriptors: the least recently used stores are closed, which callers do not notice.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import test from 'ava';
import { OpenStores, type Parkable, withDescriptors } from '../../../src/cache/storage/open-stores.ts';
import { inFull } from '../../support/extent.ts';
import { temporaryDirectory } from '../../support/temporary.ts';

const run = promisify(execFile);
const canLimit = await run('prlimit', ['--version']).then(
  () => true,
  () => false,
);

interface Outcome {
  main: Record<string, number>;
  workers: Record<string, number>[];
  after: Record<string, number>;
  isGone: boolean;
  isNew: boolean;
  warnings: string[];
}

(canLimit ? inFull : test.skip)(
  `sixty caches in three threads of a process with a limit of 200 open files all work (${canLimit ? 'with' : 'needs'} prlimit)`,
  async t => {
    const count = 60;
    const program = new URL('many-stores-process.ts', import.meta.url).pathname;
    const task = { root: await temporaryDirectory(t), count, threads: 2 };
    const { stdout } = await run(
      'prlimit',
      ['--nofile=200:200', process.execPath, '--no-warnings', program, JSON.stringify(task)],
      { timeout: 100_000 },
    );
    const { main, workers, after, isGone, isNew, warnings } = JSON.parse(stdout) as Outcome;
    const all = { set: count, get: count, replaced: count, again: count, large: count };
    const expected = { ...all, produced: count, deleted: count, gone: count, paged: 600 };
    t.deepEqual(main, expected);
    t.deepEqual(workers, [expected, expected]);
    t.deepEqual(after, { counted: count, checked: count, seen: count });
    t.true(isGone && isNew);
    t.deepEqual(warnings, []);
  },
);

/** A store with five descriptors. */
class MadeUp implements Parkable {
  lastUsed = 0;
  isBusy = false;
  isOpen = false;

  park(): void {
    this.isOpen = false;
  }
}

/** Opens `count` stores one after another, in a process with `limit` descriptors. */
function openMany(count: number, limit: number, isBusy: (index: number) => boolean = () => false) {
  const all = Array.from({ length: count }, () => new MadeUp());
  const isOpen = () => all.map((store, index) => (store.isOpen ? index : -1)).filter(index => index >= 0);
  const stores = new OpenStores({
    limit,
    get used() {
      return 20 + 5 * isOpen().length;
    },
  });
  for (const [index, store] of all.entries()) {
    store.isOpen = true;
    store.isBusy = isBusy(index);
    store.lastUsed = stores.tick();
    stores.add(store);
    // The first one is used all the time.
    all[0]!.lastUsed = stores.tick();
  }
  return { stores, isOpen };
}

test('with enough descriptors nothing is closed', t => {
  t.is(openMany(100, 10_000).isOpen().length, 100);
});

test('beyond half of the descriptors, each store that opens closes the least recently used one', t => {
  t.deepEqual(openMany(30, 160).isOpen(), [0, ...Array.from({ length: 11 }, (_, index) => 19 + index)]);
});

test('a store with an operation in flight stays open', t => {
  const { isOpen } = openMany(30, 160, index => index % 2 === 0);
  t.deepEqual(
    isOpen().filter(index => index % 2 === 0),
    Array.from({ length: 15 }, (_, index) => 2 * index),
  );
});

test('a few stores stay open in any case, until there is no descriptor left at all', t => {
  const { stores, isOpen } = openMany(30, 10);
  t.deepEqual(isOpen().length, 8);
  t.true(stores.parkHalf());
  t.deepEqual(isOpen().length, 4);
});

test('opening is tried again while other threads take and release descriptors', t => {
  const cannotOpen = () =>
    Object.assign(new Error('unable to open database file'), { code: 'SQLITE_CANTOPEN' });
  // By the time of the check there are descriptors again.
  const failures = [cannotOpen(), cannotOpen()];
  const opened = withDescriptors(new OpenStores(), () => {
    const failure = failures.shift();
    if (failure !== undefined) throw failure;
    return 'open';
  });
  t.is(opened, 'open');
  t.throws(
    () =>
      withDescriptors(new OpenStores(), () => {
        throw cannotOpen();
      }),
    { code: 'SQLITE_CANTOPEN' },
  );
});

test('a lack of descriptors is reported even if there are some again by the last try', t => {
  const failures = ['EMFILE', 'SQLITE_CANTOPEN', 'SQLITE_CANTOPEN', 'SQLITE_CANTOPEN'];
  const error = t.throws(
    () =>
      withDescriptors(new OpenStores(), () => {
        throw Object.assign(new Error('unable to open database file'), { code: failures.shift() });
      }),
    { code: 'EMFILE' },
  );
  t.is((error.cause as { code?: string }).code, 'SQLITE_CANTOPEN');
});
