// External commits: once a thread knows of another process's commit, its copies in memory never contradict it.
import { join } from 'node:path';
import test from 'ava';
import { SqliteStore } from '../../../src/cache/storage/sqlite/store.ts';
import { type Cache, createDefaultCache } from '../../../src/index.ts';
import { temporaryRoot } from '../../support/temporary.ts';

// More than one round, because a copy may be returned for a few milliseconds, which a single round could miss.
const ROUNDS = 40;

const lookers: Record<string, (cache: Cache) => Promise<unknown>> = {
  'a delete that found nothing': cache => cache.delete('key'),
  'a touch that found nothing': cache => cache.touch('key', '1h'),
  has: cache => cache.has('key'),
  metadata: cache => cache.metadata('key'),
  'a walk over all keys': cache => Array.fromAsync(cache.keys()),
};

for (const [name, look] of Object.entries(lookers)) {
  test.serial(`after ${name}, an entry that another process removed stays gone`, async t => {
    const cacheRoot = await temporaryRoot(t);
    const cache = createDefaultCache({ cacheRoot, tag: 'a', maxSize: '1GB' });
    await cache.set('key', 0);
    // Another writer, as another process has one.
    const other = new SqliteStore({
      directory: join(cacheRoot, 'a'),
      maxSize: 2 ** 30,
      policy: 'none',
      writer: 'another process',
    });
    t.teardown(() => other.close());
    const wrong: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      await cache.set('key', round);
      await cache.get('key');
      other.apply([{ operation: { type: 'delete', keys: ['key'] }, now: Date.now() }]);
      await look(cache);
      if ((await cache.get('key')) !== undefined) wrong.push(round);
    }
    t.deepEqual(wrong, []);
  });
}
