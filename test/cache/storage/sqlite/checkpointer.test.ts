// While a store is written to without a pause, a thread of its own copies the log into the database. Without that thread,
// commits do it.
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { encodePending, isReady } from '../../../../src/cache/client/pending-value.ts';
import { CHECKPOINTER, LOG } from '../../../../src/cache/shared/layout.ts';
import { SharedMemory } from '../../../../src/cache/shared/shared-memory.ts';
import { Checkpointer } from '../../../../src/cache/storage/sqlite/checkpointer.ts';
import { SqliteStore } from '../../../../src/cache/storage/sqlite/store.ts';
import { temporaryDirectory } from '../../../support/temporary.ts';

const PAGE = 2048;

// The tests run one after the other: they block the thread, and a checkpointer without requests ends meanwhile.
async function makeStore(t: ExecutionContext) {
  const directory = join(await temporaryDirectory(t), 'tag');
  const shared = new SharedMemory();
  const store = new SqliteStore({ directory, maxSize: 1e9, policy: 'none', writer: 'one', shared });
  t.teardown(() => store.close());
  const file = join(directory, 'cache.db');
  const state = () => Atomics.load(shared.log, LOG.checkpointer);
  const until = async (wanted: number) => {
    while (state() !== wanted) await setTimeout(5);
  };
  let count = 0;
  /** Writes so many pages or somewhat more, and returns the largest size of the log. */
  const write = (pages: number) => {
    let largest = 0;
    for (const end = count + pages; count < end; count++) {
      const key = `key ${count % 500}`;
      const value = encodePending(key, `value ${count}`);
      if (!isReady(value)) throw new Error('It is too large.');
      store.apply([{ operation: { type: 'set', key, value, expires: null }, now: Date.now() }]);
      if (count % 100 === 0) largest = Math.max(largest, statSync(`${file}-wal`).size);
    }
    return largest;
  };
  return { store, shared, file, write, state, until };
}

test.serial(
  'a store that is written to without a pause gets a checkpointer, which keeps its log short',
  async t => {
    const { store, write, state, until } = await makeStore(t);
    store.watchLog();
    t.is(state(), CHECKPOINTER.none, 'nothing was written');
    write(4500);
    store.watchLog();
    await until(CHECKPOINTER.running);
    write(1000);
    const largest = write(30_000);
    t.true(largest < 1.2 * 12_000 * PAGE, `${largest} bytes`);
  },
);

test.serial(
  'with a checkpointer, commits leave the log alone for longer, and request checkpoints',
  async t => {
    const { shared, file, write, until } = await makeStore(t);
    // One that never does anything.
    Atomics.store(shared.log, LOG.checkpointer, CHECKPOINTER.running);
    write(1000);
    const before = statSync(file).mtimeMs;
    const largest = write(6000);
    t.true(largest > 1.1 * 4000 * PAGE, `${largest} bytes`);
    t.is(statSync(file).mtimeMs, before);
    t.is(Atomics.load(shared.log, LOG.requested), 1);
    // It is bounded all the same.
    t.true(write(15_000) < 1.2 * 12_000 * PAGE);
    write(1000);
    // A real one does what was requested.
    Atomics.store(shared.log, LOG.checkpointer, CHECKPOINTER.none);
    const copied = statSync(file).mtimeMs;
    const checkpointer = new Checkpointer(file, shared.log);
    checkpointer.start();
    await until(CHECKPOINTER.running);
    while (statSync(file).mtimeMs === copied) await setTimeout(5);
    t.is(Atomics.load(shared.log, LOG.requested), 0);
    checkpointer.stop();
    t.is(Atomics.load(shared.log, LOG.checkpointer), CHECKPOINTER.none);
  },
);

test.serial('while several processes have the store open, it has no checkpointer', async t => {
  const { store, write, state, until } = await makeStore(t);
  const { directory } = store;
  write(4500);
  store.watchLog();
  await until(CHECKPOINTER.running);
  const other = new SqliteStore({ directory, maxSize: 1e9, policy: 'none', writer: 'another' });
  t.teardown(() => other.close());
  write(4500);
  store.watchLog();
  t.is(state(), CHECKPOINTER.none);
  write(4500);
  store.watchLog();
  await setTimeout(100);
  t.is(state(), CHECKPOINTER.none);
});

test.serial('a checkpointer ends when it is idle; then commits do all checkpoints again', async t => {
  const { shared, file, write, until } = await makeStore(t);
  const checkpointer = new Checkpointer(file, shared.log, 1000);
  checkpointer.start();
  await until(CHECKPOINTER.running);
  write(1000);
  await until(CHECKPOINTER.none);
  const largest = write(9000);
  t.true(largest < 1.2 * 4000 * PAGE, `${largest} bytes`);
  checkpointer.stop();
});

test.serial('a closed store has no checkpointer and no log', async t => {
  const { store, file, write, until } = await makeStore(t);
  write(4500);
  store.watchLog();
  await until(CHECKPOINTER.running);
  write(4500);
  store.close();
  t.is(statSync(`${file}-wal`, { throwIfNoEntry: false }), undefined);
});

test.serial('a checkpointer that cannot open the database leaves everything to the commits', async t => {
  const { shared, write } = await makeStore(t);
  const checkpointer = new Checkpointer(join(await temporaryDirectory(t), 'missing.db'), shared.log);
  checkpointer.start();
  await setTimeout(0);
  const largest = write(9000);
  t.true(largest < 1.2 * 4000 * PAGE, `${largest} bytes`);
  checkpointer.stop();
});
