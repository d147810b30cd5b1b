// Reads while another thread of the process has committed something, and has not yet come to say so.
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { encodeIncoming, isReady } from '../../src/cache/incoming.ts';
import { COUNTERS, type StoreLink } from '../../src/cache/link.ts';
import { MISS, ReadPath } from '../../src/cache/read-path.ts';
import { SharedMemory } from '../../src/cache/shared-memory.ts';
import { SqliteStore } from '../../src/cache/sqlite/store.ts';
import type { WriteOperation } from '../../src/cache/store.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const KEY = 'key';

function setting(value: string): WriteOperation {
  const incoming = encodeIncoming(KEY, value);
  if (!isReady(incoming)) throw new Error(`${value} is too large.`);
  return { type: 'set', key: KEY, value: incoming, expires: null };
}

/** A reader that has a copy of `old` in memory. `commit` is what another thread does in its turn, up to its commit. */
async function readerWithCopy(t: ExecutionContext) {
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
  const link = {
    shared,
    counters: new Float64Array(COUNTERS),
    allowsLocalTier: true,
    blobs: store.blobs,
    reader: () => store.reader,
    readFailed: (error: unknown) => t.fail(String(error)),
    write: () => Promise.resolve({ value: true }),
  } as unknown as StoreLink;
  const reading = new ReadPath(link, Date.now, 1e6);
  store.apply([{ operation: setting('old'), now: Date.now() }]);
  t.is(await reading.read(KEY), 'old');
  const commit = (operation: WriteOperation) => {
    t.true(shared.versions.turn.take(0));
    other.apply([{ operation, now: Date.now() }]);
  };
  return { reading, commit };
}

const looks: Record<string, (reading: ReadPath) => Promise<unknown>> = {
  has: async reading => (await reading.find(KEY))?.data,
  metadata: async reading => (await reading.metadata(KEY))?.kind,
  entries: async reading => (await Array.fromAsync(reading.pages('', false)))[0]?.data,
  keys: async reading => (await Array.fromAsync(reading.pages('', true)))[0]?.key,
};

for (const [name, look] of Object.entries(looks)) {
  test(`after ${name} has seen a value no read gives the one before`, async t => {
    const { reading, commit } = await readerWithCopy(t);
    commit(setting('new'));
    t.is(await reading.read(KEY), 'old', 'until then it may: nobody was told of the new one');
    t.truthy(await look(reading));
    t.is(await reading.read(KEY), 'new');
  });

  test(`after ${name} has found nothing no read gives what was there`, async t => {
    const { reading, commit } = await readerWithCopy(t);
    commit({ type: 'delete', keys: [KEY] });
    t.is(await reading.read(KEY), 'old');
    t.is(await look(reading), undefined);
    t.is(await reading.read(KEY), MISS);
  });
}
