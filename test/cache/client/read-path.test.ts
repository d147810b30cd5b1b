// Read path during another thread's commit: after COMMIT, before the version counters are bumped.
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { encodePending, isReady } from '../../../src/cache/client/pending-value.ts';
import { MISS, ReadPath } from '../../../src/cache/client/read-path.ts';
import type { StoreClient } from '../../../src/cache/client/store-client.ts';
import type { WriteOperation } from '../../../src/cache/operations.ts';
import { COUNTERS } from '../../../src/cache/shared/layout.ts';
import { SharedMemory } from '../../../src/cache/shared/shared-memory.ts';
import { hashOf } from '../../../src/cache/shared/versions.ts';
import { SqliteStore } from '../../../src/cache/storage/sqlite/store.ts';
import type { StoreReader } from '../../../src/cache/storage/store.ts';
import { temporaryDirectory } from '../../support/temporary.ts';

const KEY = 'key';

function setting(value: string, key = KEY): WriteOperation {
  const incoming = encodePending(key, value);
  if (!isReady(incoming)) throw new Error(`${value} is too large.`);
  return { type: 'set', key, value: incoming, expires: null };
}

/** A reader of an empty store. `commit` runs as another thread that holds the lock, up to its COMMIT. */
async function makeReader(t: ExecutionContext) {
  const root = await temporaryDirectory(t);
  mkdirSync(path.join(root, 'tag'), { mode: 0o700 });
  const options = { directory: path.join(root, 'tag'), maxSize: 1e9, policy: 'none', writer: 'one' } as const;
  const shared = new SharedMemory();
  const store = new SqliteStore({ ...options, shared });
  const other = new SqliteStore({ ...options, shared: new SharedMemory(), attach: true });
  t.teardown(() => {
    other.close();
    store.close();
  });
  let reads = 0;
  const { reader } = store;
  const read = (key: string) => {
    reads++;
    return reader.read(key);
  };
  const readMany = (keys: readonly string[]) => {
    reads++;
    return reader.readMany(keys);
  };
  const counting: StoreReader = {
    read,
    readMany,
    page: reader.page.bind(reader),
    metadata: reader.metadata.bind(reader),
    follow: reader.follow.bind(reader),
  };
  const link = {
    shared,
    counters: new Float64Array(COUNTERS),
    blobs: store.blobs,
    direct: { allowsLocalTier: true, reader: () => counting, readerNow: () => counting },
    readFailed: (error: unknown) => t.fail(String(error)),
    addReads: () => undefined,
    send: () => Promise.resolve({ value: true }),
  } as unknown as StoreClient;
  const reading = new ReadPath(link, Date.now, 1e6, 1000);
  const commit = (operation: WriteOperation) => {
    t.true(shared.lock.acquire(0));
    other.apply([{ operation, now: Date.now() }]);
  };
  return { reading, commit, store, shared, reads: () => reads };
}

/** The reader has a copy of `old` in memory. */
async function readerWithCopy(t: ExecutionContext) {
  const { reading, commit, store } = await makeReader(t);
  store.apply([{ operation: setting('old'), now: Date.now() }]);
  t.is(await reading.read(KEY), 'old');
  return { reading, commit };
}

const looks: Record<string, (reading: ReadPath) => Promise<unknown>> = {
  has: async reading => (await reading.readRow(KEY))?.data,
  metadata: async reading => (await reading.metadata(KEY))?.kind,
  entries: async reading => (await Array.fromAsync(reading.pages('', false)))[0]?.data,
  keys: async reading => (await Array.fromAsync(reading.pages('', true)))[0]?.key,
};

for (const [name, look] of Object.entries(looks)) {
  test(`once ${name} has returned a value, no read returns the one before`, async t => {
    const { reading, commit } = await readerWithCopy(t);
    commit(setting('new'));
    t.is(await reading.read(KEY), 'old', 'until then it may: the new one is not acknowledged');
    t.truthy(await look(reading));
    t.is(await reading.read(KEY), 'new');
  });

  test(`once ${name} has found nothing, no read returns the removed value`, async t => {
    const { reading, commit } = await readerWithCopy(t);
    commit({ type: 'delete', keys: [KEY] });
    t.is(await reading.read(KEY), 'old');
    t.is(await look(reading), undefined);
    t.is(await reading.read(KEY), MISS);
  });
}

test('a value read once leaves no copy, a value read again does', async t => {
  const { reading, commit, shared, reads } = await makeReader(t);
  commit(setting('value'));
  shared.lock.release();
  for (const expected of [1, 2, 2, 2]) {
    t.is(await reading.read(KEY), 'value');
    t.is(reads(), expected);
  }
});

test('of many keys only those that are not in memory are read, in one statement', async t => {
  const { reading, store, reads } = await makeReader(t);
  const keys = Array.from({ length: 10 }, (_, index) => `key-${index}`);
  for (const key of keys) store.apply([{ operation: setting(`value of ${key}`, key), now: Date.now() }]);
  const expected = [...keys.map(key => `value of ${key}`), MISS];
  const wanted = [...keys, 'nothing'];
  // Written here, they are in the memory that threads share.
  t.deepEqual(await reading.readMany(wanted), expected);
  t.is(reads(), 1);
  t.deepEqual(reading.readManyNow(keys), expected.slice(0, -1));
  t.is(reads(), 1);
  store.apply([{ operation: { type: 'touch', key: 'key-3', expires: null }, now: Date.now() }]);
  store.apply([{ operation: { type: 'delete', keys: ['key-5'] }, now: Date.now() }]);
  const found = reading.readManyNow(wanted);
  t.deepEqual(
    found,
    expected.map((value, index) => (index === 5 ? MISS : value)),
  );
  t.is(reads(), 2);
});

test('after a read that leaves no copy no read returns the value before', async t => {
  const { reading, commit, store, shared } = await makeReader(t);
  const { versions, tier } = shared;
  store.apply([{ operation: setting('old'), now: Date.now() }]);
  // Other values have pushed it out; one thread has read it, and is about to put it back.
  tier.put(KEY, hashOf(KEY), 0, store.reader.read(KEY)!);
  const old = store.reader.read(KEY)!;
  const version = versions.at(versions.slotOf(hashOf(KEY)));
  commit(setting('new'));
  t.is(await reading.read(KEY), 'new');
  tier.put(KEY, hashOf(KEY), version, old);
  t.is(await reading.read(KEY), 'new');
});
