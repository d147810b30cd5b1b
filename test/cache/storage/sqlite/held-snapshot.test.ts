// A thread that writes again and again keeps its snapshot of the database: it writes over no other commit, reads
// nothing old, and does not keep the log from being emptied.
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { encodePending, isReady } from '../../../../src/cache/client/pending-value.ts';
import type { WriteOperation } from '../../../../src/cache/operations.ts';
import { SharedMemory } from '../../../../src/cache/shared/shared-memory.ts';
import { connect } from '../../../../src/cache/storage/sqlite/connection.ts';
import { SqliteStore } from '../../../../src/cache/storage/sqlite/store.ts';
import { temporaryDirectory } from '../../../support/temporary.ts';

function setting(key: string, value: string): WriteOperation {
  const incoming = encodePending(key, value);
  if (!isReady(incoming)) throw new Error('It is too large.');
  return { type: 'set', key, value: incoming, expires: null };
}

function apply(store: SqliteStore, operation: WriteOperation) {
  return store.apply([{ operation, now: Date.now() }])[0]!;
}

async function prepare(t: ExecutionContext) {
  const directory = join(await temporaryDirectory(t), 'tag');
  const file = join(directory, 'cache.db');
  const options = { directory, maxSize: 1e9, policy: 'none', writer: 'one' } as const;
  const store = new SqliteStore(options);
  // Another thread, which does not wait for the lock: its commit comes between any two writes.
  const other = new SqliteStore({ ...options, shared: new SharedMemory(), attach: true });
  const outside = connect(file, {});
  t.teardown(() => {
    outside.close();
    other.close();
    store.close();
  });
  const isHeld = () => {
    const [state] = outside.pragma('wal_checkpoint(PASSIVE)') as { log: number; checkpointed: number }[];
    return state!.checkpointed < state!.log;
  };
  /** Writes until a snapshot is held that does not have the latest commits. */
  const hold = () => {
    for (let round = 0; round < 1000; round++) {
      for (let count = 0; count < 20; count++) apply(store, setting(`key ${count}`, `${round}`));
      if (isHeld()) return;
    }
    t.fail('No snapshot was held.');
  };
  return { store, other, file, hold, isHeld };
}

test.serial(
  'a snapshot is held between writes, and no longer than until the next turn of the event loop',
  async t => {
    const { hold, isHeld } = await prepare(t);
    hold();
    t.true(isHeld());
    await setImmediate();
    t.false(isHeld());
  },
);

const reads: Record<string, (store: SqliteStore) => unknown> = {
  read: ({ reader }) => reader.read('key 1')?.data,
  readMany: ({ reader }) => reader.readMany(['key 1']).get('key 1')?.data,
  page: ({ reader }) => reader.page('key 1', '', 0, false)[0]!.data,
};

for (const [name, read] of Object.entries(reads)) {
  test.serial(
    `${name} returns what another connection has committed, also while a snapshot is held`,
    async t => {
      const { store, other, hold } = await prepare(t);
      hold();
      apply(other, setting('key 1', 'new'));
      t.is(read(store), 'new');
    },
  );
}

test.serial('writes keep what another connection has committed since the snapshot', async t => {
  const { store, other, hold } = await prepare(t);
  for (let round = 0; round < 20; round++) {
    hold();
    apply(other, setting('theirs', `${round}`));
    t.like(apply(store, setting('ours', `${round}`)), { value: true });
    hold();
    apply(other, { type: 'increment', key: 'count', by: 1, expires: null });
    t.deepEqual(apply(store, { type: 'increment', key: 'count', by: 1, expires: null }), {
      value: 2 * round + 2,
    });
    hold();
    apply(other, setting('gone', 'theirs'));
    t.deepEqual(apply(store, { type: 'delete', keys: ['gone'] }), { value: 1 });
    hold();
    apply(other, setting('touched', 'theirs'));
    t.deepEqual(apply(store, { type: 'touch', key: 'touched', expires: null }), { value: true });
    t.is(store.reader.read('theirs')?.data, `${round}`);
  }
});

test.serial('the log stays bounded while a thread writes without a pause', async t => {
  const { store, file } = await prepare(t);
  let largest = 0;
  for (let count = 0; count < 9000; count++) {
    apply(store, setting(`key ${count % 500}`, `${count}`));
    if (count % 100 === 0) largest = Math.max(largest, statSync(`${file}-wal`).size);
  }
  t.true(largest > 2 ** 22 && largest < 1.2 * 4000 * 2048, `${largest} bytes`);
});
