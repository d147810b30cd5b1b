// The size of a store on disk: never much above its limit, and smaller again when entries are removed.
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { connect } from '../../../src/cache/storage/sqlite/connection.ts';
import { type Cache, createDefaultCache } from '../../../src/index.ts';
import { eventually } from '../../support/eventually.ts';
import { isFull, some } from '../../support/extent.ts';
import { startProcess } from '../../support/process.ts';
import { temporaryRoot } from '../../support/temporary.ts';
import { startThreads } from '../../support/thread.ts';

const MB = 1024 * 1024;
// The fixed size of each store: the schema, the WAL index, and the reserve for a full disk.
const FIXED = 200 * 1024;
const LOG = 32 * MB;

/** Bytes of disk that are allocated to all files of the store. */
function onDisk(cacheRoot: string): number {
  const files = readdirSync(join(cacheRoot, 'a'), { recursive: true, withFileTypes: true });
  return files
    .map(file => statSync(join(file.parentPath, file.name), { throwIfNoEntry: false }))
    .reduce((sum, stats) => sum + (stats?.isFile() ? stats.blocks * 512 : 0), 0);
}

const logSize = (cacheRoot: string) => statSync(join(cacheRoot, 'a', 'cache.db-wal')).size;

function bytesOf(index: number, size: number): Buffer {
  const value = Buffer.alloc(size, index);
  value.write(`${index}`);
  return value;
}

const SIZES = [
  [MB, 900, 8],
  [MB, 900, 64],
  [MB, 0, 8],
  [MB, 10, 64],
  [4 * MB, 4000, 20],
  [8 * MB, 20_000, 20],
  [8 * MB, 64_000, 64],
  [16 * MB, 100_000, 20],
] as const;

for (const [limit, size, digits] of some(SIZES, 2)) {
  test.serial(
    `${limit / MB} MB of ${size} bytes under keys of ${digits} digits take as much on disk`,
    async t => {
      const cacheRoot = await temporaryRoot(t);
      const cache = createDefaultCache({ cacheRoot, tag: 'a', maxSize: limit });
      const count = Math.ceil((2.5 * limit) / (size + 2 * digits + 60));
      for (let index = 0; index < count; index++) {
        const key = `${index}`.padStart(digits, 'k');
        t.true(cache.setSync(key, bytesOf(index, size)));
      }
      const most = 1.1 * limit + FIXED;
      await eventually(
        () => onDisk(cacheRoot) <= most,
        () => `${onDisk(cacheRoot)} on disk`,
      );
      const stats = await cache.stats();
      t.true(stats.size <= limit, `${stats.size}`);
      t.true(
        Math.abs(onDisk(cacheRoot) - stats.size) <= 0.1 * limit + FIXED,
        `${stats.size} of ${onDisk(cacheRoot)}`,
      );
      // The space is used, too.
      t.true(stats.size > 0.85 * limit, `${stats.size}`);
    },
  );
}

const emptied: Record<string, (cache: Cache, keys: string[]) => Promise<unknown>> = {
  cleared: cache => cache.clear(),
  deleted: (cache, keys) => cache.deleteMany(keys),
  'expired and cleaned up': async (cache, keys) => {
    for (const key of keys) await cache.touch(key, 1);
    await new Promise(resolve => setTimeout(resolve, 2));
    return cache.cleanup();
  },
};

for (const [name, empty] of Object.entries(emptied)) {
  test.serial(`the file shrinks when its entries are ${name}`, async t => {
    const cacheRoot = await temporaryRoot(t);
    const cache = createDefaultCache({ cacheRoot, tag: 'a', maxSize: '64MB' });
    const keys = Array.from({ length: 4000 }, (_, index) => `key/${index}`);
    await cache.setMany(keys.map((key, index) => [key, bytesOf(index, 4000)]));
    await cache.set('large', bytesOf(1, 5 * MB));
    await empty(cache, [...keys, 'large']);
    await eventually(
      () => onDisk(cacheRoot) < FIXED + 256 * 1024,
      () => `${onDisk(cacheRoot)} on disk`,
    );
    t.is((await cache.stats()).count, 0);
  });
}

test.serial(
  'concurrent writing processes exceed the limit by no more than each writes between two measurements',
  async t => {
    const cacheRoot = await temporaryRoot(t);
    const limit = 4 * MB;
    const cache = createDefaultCache({ cacheRoot, tag: 'a', maxSize: limit });
    t.true(await cache.set('key', 1));
    const writers = ['one', 'two', 'three'].map(name =>
      startProcess(
        t,
        async ({ createDefaultCache }, cacheRoot, limit, name) => {
          const cache = createDefaultCache({ cacheRoot, tag: 'a', maxSize: limit });
          let stored = 0;
          for (let index = 0; index < 3000; index++) {
            if (await cache.set(`${name}/${index}`, Buffer.alloc(1500, index))) stored++;
          }
          await cache.close();
          return stored;
        },
        [cacheRoot, limit, name] as [string, number, string],
      ),
    );
    let most = 0;
    let isOver = false;
    const results = Promise.all(writers.map(writer => writer.result())).finally(() => {
      isOver = true;
    });
    while (!isOver) {
      most = Math.max(most, (await cache.stats()).size);
      await new Promise(resolve => setTimeout(resolve, 5));
    }
    t.deepEqual(await results, [3000, 3000, 3000]);
    t.true(most > 0.85 * limit, `${most}`);
    t.true(most <= limit + (4 * limit) / 32, `${most - limit} over the limit`);
    await eventually(async () => {
      await cache.set('key', 1);
      return (await cache.stats()).size <= limit;
    });
  },
);

test.serial('the WAL does not grow while other processes iterate slowly over replaced entries', async t => {
  const cacheRoot = await temporaryRoot(t);
  const cache = createDefaultCache({ cacheRoot, tag: 'a', localTierSize: 0 });
  const keys = Array.from({ length: 2000 }, (_, index) => `key/${index}`);
  await cache.setMany(keys.map(key => [key, bytesOf(0, 10_000)]));
  const isOver = new Int32Array(new SharedArrayBuffer(4));
  const iterating = startThreads(t, 2).map(thread =>
    thread.run(
      async ({ createDefaultCache }, cacheRoot, isOver) => {
        const cache = createDefaultCache({ cacheRoot, tag: 'a' });
        let rounds = 0;
        for (let count = 0; Atomics.load(isOver, 0) === 0; rounds++) {
          for await (const [key] of cache.entries()) {
            if (key && ++count % 20 === 0) await new Promise(resolve => setTimeout(resolve, 2));
            if (Atomics.load(isOver, 0) !== 0) break;
          }
        }
        return rounds;
      },
      cacheRoot,
      isOver,
    ),
  );
  let most = 0;
  let written = 0;
  for (let round = 1; written < (isFull ? 6 : 3) * LOG; round++) {
    for (let index = 0; index < 200; index++) {
      const key = keys[(round * 200 + index) % keys.length]!;
      t.true(cache.setSync(key, bytesOf(round, 10_000)));
      written += 10_000;
    }
    most = Math.max(most, logSize(cacheRoot));
    await new Promise(resolve => setTimeout(resolve, 1));
  }
  Atomics.store(isOver, 0, 1);
  for (const rounds of await Promise.all(iterating)) t.true(rounds > 0);
  t.true(most <= 1.5 * LOG, `${most}`);
});

test.serial('a WAL that another program kept from being truncated is truncated once it lets go', async t => {
  const cacheRoot = await temporaryRoot(t);
  const cache = createDefaultCache({ cacheRoot, tag: 'a' });
  t.true(await cache.set('key', 1));
  // The work that opening left pending is finished.
  await cache.cleanup();
  const reader = connect(join(cacheRoot, 'a', 'cache.db'), { readonly: true });
  t.teardown(() => reader.close());
  reader.exec('BEGIN');
  reader.prepare('SELECT count(*) FROM entries').get();
  for (let index = 0; logSize(cacheRoot) <= 1.5 * LOG; index++) {
    t.true(cache.setSync(`key/${index % 100}`, bytesOf(index, 1000)));
  }
  reader.exec('ROLLBACK');
  await eventually(() => logSize(cacheRoot) < LOG);
  t.true(await cache.set('key', 2));
});
