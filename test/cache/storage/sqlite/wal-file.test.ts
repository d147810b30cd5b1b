// The write-ahead log is flushed in the background, by every thread that writes, and its descriptor does not leak.
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { encodePending, isReady } from '../../../../src/cache/client/pending-value.ts';
import { SharedMemory } from '../../../../src/cache/shared/shared-memory.ts';
import { SqliteStore } from '../../../../src/cache/storage/sqlite/store.ts';
import { temporaryDirectory } from '../../../support/temporary.ts';

/** Records the files that are flushed. Their flushes end when `end` is called. */
function recordFlushes(t: ExecutionContext) {
  const { fdatasync } = fs;
  const flushed: number[] = [];
  const ending: (() => void)[] = [];
  const record = (descriptor: number, done: () => void) => {
    flushed.push(descriptor);
    ending.push(done);
  };
  Object.assign(fs, { fdatasync: record });
  syncBuiltinESMExports();
  t.teardown(() => {
    Object.assign(fs, { fdatasync });
    syncBuiltinESMExports();
  });
  const end = () => {
    for (const done of ending.splice(0)) done();
  };
  return { flushed, end };
}

async function makeStore(t: ExecutionContext) {
  const directory = join(await temporaryDirectory(t), 'tag');
  const options = { directory, maxSize: 1e9, policy: 'none', writer: 'one' } as const;
  const shared = new SharedMemory();
  const stores = [
    new SqliteStore({ ...options, shared }),
    new SqliteStore({ ...options, shared: new SharedMemory(shared.buffers), attach: true }),
  ];
  t.teardown(() => {
    for (const store of stores) store.close();
  });
  return { directory, stores };
}

function setOne(store: SqliteStore, index: number): void {
  const key = `key ${index}`;
  const value = encodePending(key, `value ${index}`);
  if (!isReady(value)) throw new Error('It is too large.');
  store.apply([{ operation: { type: 'set', key, value, expires: null }, now: Date.now() }]);
}

test.serial(
  'writers flush the log in the background, long before a checkpoint has to wait for it',
  async t => {
    const { directory, stores } = await makeStore(t);
    const { flushed, end } = recordFlushes(t);
    // Half as many pages as a checkpoint takes, from two connections that take turns.
    for (let index = 0; index < 2000; index++) setOne(stores[index & 1]!, index);
    t.true(flushed.length >= 2 && flushed.length <= 20, `${flushed.length} flushes`);
    const log = fs.statSync(join(directory, 'cache.db-wal'));
    for (const descriptor of flushed) t.is(fs.fstatSync(descriptor).ino, log.ino);
    end();
  },
);

test.serial('a log that is being flushed is closed after its flush', async t => {
  const { stores } = await makeStore(t);
  const { flushed, end } = recordFlushes(t);
  const isOpen = () => {
    try {
      return fs.fstatSync(flushed[0]!).ino > 0;
    } catch {
      return false;
    }
  };
  for (let index = 0; flushed.length === 0 && index < 2000; index++) setOne(stores[0]!, index);
  stores[0]!.close();
  t.true(isOpen(), 'its number must not become that of another file');
  end();
  t.false(isOpen());
});
