// Amortised eviction: no single write scans the whole table.
import { join } from 'node:path';
import test from 'ava';
import type { IncomingValue } from '../../../../src/cache/operations.ts';
import { EVICTIONS_PER_TRANSACTION } from '../../../../src/cache/storage/sqlite/eviction.ts';
import { SqliteStore } from '../../../../src/cache/storage/sqlite/store.ts';
import { checksum, Encoding } from '../../../../src/cache/values/codec.ts';
import { TestClock } from '../../../support/clock.ts';
import { temporaryDirectory } from '../../../support/temporary.ts';

const MANY = 2000;
const VALUE = 'x'.repeat(1000);
const LIMIT = 200_000;

function incoming(key: string, data: string): IncomingValue {
  const value = { encoding: Encoding.text, data, blob: null, mode: null };
  return { ...value, checksum: checksum(key, value), size: data.length };
}

for (const policy of ['least-recently-used', 'least-recently-stored', 'least-frequently-used'] as const) {
  test.serial(`${policy}: one set far over the limit evicts a bounded number, the rest follows`, async t => {
    const directory = join(await temporaryDirectory(t), 'a');
    const clock = new TestClock();
    const open = (maxSize: number, policy: ConstructorParameters<typeof SqliteStore>[0]['policy']) =>
      new SqliteStore({ directory, maxSize, policy, writer: 'test', allowUntrusted: false });
    const filling = open(2 ** 31, 'none');
    const entries = Array.from({ length: MANY }, (_, index) => ({
      key: `key-${index}`,
      value: incoming(`key-${index}`, VALUE),
    }));
    filling.apply([{ operation: { type: 'set-many', entries, expires: null }, now: clock.now() }]);
    filling.close();
    clock.advance('1s');

    const store = open(LIMIT, policy);
    t.teardown(() => store.close());
    const set = { type: 'set', key: 'new', value: incoming('new', 'x'), expires: null } as const;
    store.apply([{ operation: set, now: clock.now() }]);
    t.true(store.counts.evictions > 0 && store.counts.evictions <= EVICTIONS_PER_TRANSACTION);
    let transactions = 1;
    for (let before = store.counts.evictions; store.hasPendingCleanup; transactions++) {
      store.apply([]);
      t.true(store.counts.evictions - before <= EVICTIONS_PER_TRANSACTION);
      before = store.counts.evictions;
    }
    t.true(transactions > MANY / EVICTIONS_PER_TRANSACTION);
    t.true((await store.totals()).size <= LIMIT);
  });
}

test.serial('least-frequently-used: a new entry is not the first to be evicted', async t => {
  const directory = join(await temporaryDirectory(t), 'a');
  const value = 'x'.repeat(60_000);
  const options = { directory, maxSize: 200_000, policy: 'least-frequently-used', writer: 'test' } as const;
  const store = new SqliteStore(options);
  t.teardown(() => store.close());
  const set = (key: string) => {
    const operation = { type: 'set', key, value: incoming(key, value), expires: null } as const;
    store.apply([{ operation, now: 1 }]);
  };
  const keys = ['once', 'twice', 'thrice'];
  keys.forEach(set);
  const entries = keys.map((key, index): [string, number, number] => [key, index + 1, 2]);
  store.apply([{ operation: { type: 'access', entries, isUrgent: true }, now: 2 }]);
  set('new');
  const kept = store.reader.page('', '', 3, true).map(({ key }) => key);
  t.deepEqual(kept, ['new', 'thrice', 'twice']);
});
