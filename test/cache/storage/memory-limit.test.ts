// A memory cache with more entries than one eviction step examines.
import test from 'ava';
import { footprintOf } from '../../../src/cache/storage/store.ts';
import { type CacheOptions, createDefaultCache } from '../../../src/index.ts';
import { TestClock } from '../../support/clock.ts';
import { eventually } from '../../support/eventually.ts';
import { temporaryRoot } from '../../support/temporary.ts';

const COUNT = 50_000;
const VALUE = 'x'.repeat(100);
const nameOf = (index: number) => `key/${index}`;
const SIZE = footprintOf(nameOf(COUNT - 1), VALUE.length);

for (const policy of ['least-recently-used', 'least-recently-stored', 'least-frequently-used'] as const) {
  test.serial(
    `${policy}: very many entries stay within the limit, and the right ones are evicted`,
    async t => {
      const clock = new TestClock();
      const options: CacheOptions = {
        backend: 'memory',
        tag: policy,
        policy,
        maxSize: SIZE * COUNT,
        clock: clock.now,
      };
      const cache = createDefaultCache({ ...options, cacheRoot: await temporaryRoot(t) });
      const fill = (from: number, to: number) =>
        cache.setMany(Array.from({ length: to - from }, (_, index) => [nameOf(from + index), VALUE]));
      await fill(0, COUNT);
      clock.advance('1s');
      // Some of the oldest entries are read.
      for (let index = 0; index < 1000; index++) await cache.get(nameOf(index));
      await cache.metadata(nameOf(0));
      clock.advance('1s');
      await fill(COUNT, COUNT + 4000);
      const { maxSize } = await cache.stats();
      await eventually(
        async () => (await cache.stats()).size <= maxSize,
        () => 'over the limit',
      );
      const { count, evictions } = await cache.stats();
      t.is(count + evictions, COUNT + 4000);
      // A few more than necessary, so that the next write need not evict again.
      t.true(count >= COUNT * 0.8, `${count} left`);
      const there = async (from: number, to: number) => {
        const keys = Array.from({ length: to - from }, (_, index) => nameOf(from + index));
        return (await cache.getMany(keys)).size;
      };
      t.is(await there(COUNT, COUNT + 4000), 4000, 'the new ones');
      t.is(await there(0, 1000), policy === 'least-recently-stored' ? 0 : 1000, 'those that were read');
      t.true((await there(1000, 3000)) < 2000, 'those that were neither');
    },
  );
}
