// Unawaited writes of a pool's tasks, when the pool is terminated right after them.
import test from 'ava';
import { Piscina } from 'piscina';
import { createDefaultCache } from '../../../src/index.ts';
import type { CarelessTask } from '../../support/careless-task.ts';
import { temporaryRoot } from '../../support/temporary.ts';

const filename = new URL('../../support/careless-task.ts', import.meta.url).href;

for (const end of ['close', 'destroy'] as const) {
  for (const atomics of ['sync', 'disabled'] as const) {
    test.serial(
      `small values are stored after ${end}(), atomics ${atomics}, including those of a thread's first call`,
      async t => {
        const cacheRoot = await temporaryRoot(t);
        const cache = createDefaultCache({ cacheRoot, tag: 'careless' });
        const another = createDefaultCache({ cacheRoot, tag: 'another' });
        for (const isWarm of [false, true]) {
          const pool = new Piscina({
            filename,
            workerData: { cacheRoot },
            minThreads: 2,
            maxThreads: 2,
            atomics,
          });
          const keys = Array.from({ length: 6 }, (_, index) => `${isWarm}-${index}`);
          const tasks = keys.map((key): CarelessTask => ({ isWarm, key, large: 0 }));
          await Promise.all(tasks.map(task => pool.run(task)));
          await pool[end]();
          for (const key of keys) {
            t.is(await cache.get(`${key}-set`), key);
            t.is(await cache.get(`${key}-first`), 1);
            t.is(await cache.get(`${key}-second`), 2);
            t.is(await cache.get(`${key}-count`), 5);
            t.is(await another.get(`${key}-another`), key);
          }
        }
      },
    );
  }
}

test.serial('each unawaited large value is whole or absent, and nothing is left of the others', async t => {
  const cacheRoot = await temporaryRoot(t);
  const cache = createDefaultCache({ cacheRoot, tag: 'careless' });
  const pool = new Piscina({ filename, workerData: { cacheRoot }, minThreads: 2, maxThreads: 2 });
  const keys = Array.from({ length: 6 }, (_, index) => `large-${index}`);
  await Promise.all(
    keys.map(key => pool.run({ isWarm: true, key, large: 3_000_000 } satisfies CarelessTask)),
  );
  await pool.destroy();
  for (const key of keys) {
    const found = await cache.get<Buffer>(`${key}-large`);
    t.true(found === undefined || found.equals(Buffer.alloc(3_000_000, key)));
  }
  // Values from before a thread's first large value. Later ones wait for it.
  for (const key of keys.slice(0, 2)) t.is(await cache.get(`${key}-set`), key);
  t.deepEqual((await cache.check({ repair: false })).problems, []);
});
