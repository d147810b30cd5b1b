// The size limit, and the order of eviction.
import assert from 'node:assert/strict';
import type { CacheOptions } from '../../../src/index.ts';
import { type Case, type ContractContext, collect } from './context.ts';

// Ten of them fit the limit with their keys and rows, and eleven do not.
const VALUE = 'x'.repeat(60 * 1024);
const LIMIT = 660 * 1024;

/** Eight entries under a limit of ten: stored a to h, a second apart. */
async function fill(context: ContractContext, policy: CacheOptions['policy']) {
  const cache = context.open({ maxSize: LIMIT, policy });
  for (const key of 'abcdefgh') {
    await cache.set(key, VALUE);
    context.clock.advance('1s');
  }
  return cache;
}

export const limits: readonly Case[] = [
  {
    name: 'least-recently-used: the entry that was unread for longest is evicted first',
    async run(context) {
      const cache = await fill(context, 'least-recently-used');
      for (const key of ['a', 'b', 'e']) await cache.get(key);
      context.clock.advance('1s');
      await cache.setMany(['i', 'j', 'k', 'l'].map(key => [key, VALUE]));
      const left = await collect(cache.keys());
      for (const key of ['a', 'b', 'e', 'i', 'j', 'k', 'l']) assert.ok(left.includes(key), key);
      assert.ok(!left.includes('c') && !left.includes('d'));
      assert.ok((await cache.stats()).size <= LIMIT);
      assert.equal((await cache.stats()).evictions, 12 - left.length);
    },
  },
  {
    name: 'least-recently-used is the default',
    async run(context) {
      const cache = await fill(context, undefined);
      await cache.get('a');
      context.clock.advance('1s');
      await cache.setMany(['i', 'j', 'k'].map(key => [key, VALUE]));
      const left = await collect(cache.keys());
      assert.ok(left.includes('a') && !left.includes('b'));
    },
  },
  {
    name: 'least-recently-stored: the oldest entry is evicted first, read or not',
    async run(context) {
      const cache = await fill(context, 'least-recently-stored');
      for (const key of ['a', 'b']) await cache.get(key);
      await cache.set('c', VALUE);
      context.clock.advance('1s');
      await cache.setMany(['i', 'j', 'k', 'l'].map(key => [key, VALUE]));
      const left = await collect(cache.keys());
      assert.ok(!left.includes('a') && !left.includes('b'));
      for (const key of ['c', 'h', 'i', 'j', 'k', 'l']) assert.ok(left.includes(key), key);
    },
  },
  {
    name: 'least-frequently-used: the entry that was read least often is evicted first, however recently',
    async run(context) {
      const cache = await fill(context, 'least-frequently-used');
      for (const key of 'abcdefgh') {
        const reads = key === 'g' || key === 'h' ? 1 : 3;
        for (let read = 0; read < reads; read++) await cache.get(key);
        context.clock.advance('1s');
      }
      await cache.setMany(['i', 'j'].map(key => [key, VALUE]));
      for (let read = 0; read < 5; read++) await cache.getMany(['i', 'j']);
      await cache.set('k', VALUE);
      await cache.get('k');
      const left = await collect(cache.keys());
      for (const key of ['a', 'b', 'c', 'd', 'e', 'f', 'i', 'j']) assert.ok(left.includes(key), key);
      assert.ok(left.length <= 10);
    },
  },
  {
    name: 'none: nothing is evicted, and the limit is not enforced',
    async run(context) {
      const cache = await fill(context, 'none');
      await cache.setMany(Array.from({ length: 20 }, (_, index) => [`more-${index}`, VALUE]));
      assert.equal(await cache.set('huge', 'x'.repeat(2 * LIMIT)), true);
      await cache.cleanup();
      assert.equal((await collect(cache.keys())).length, 29);
      assert.equal((await cache.stats()).evictions, 0);
    },
  },
  {
    name: 'the total counts large values and files, and never stays over the limit',
    async run(context) {
      const cache = context.open({ maxSize: '200KB' });
      for (let index = 0; index < 12; index++) {
        const size = 80_000 + index;
        assert.equal(await cache.set(`large-${index}`, Buffer.alloc(size, index)), true);
        context.clock.advance('1s');
        const stats = await cache.stats();
        assert.ok(stats.size <= stats.maxSize, `${stats.size}`);
        const sizes = await Promise.all(
          (await collect(cache.keys())).map(async key => (await cache.metadata(key))?.size ?? 0),
        );
        // Keys and rows count too, and files are whole blocks.
        const values = sizes.reduce((sum, one) => sum + one, 0);
        assert.ok(stats.size >= values && stats.size <= 1.1 * values, `${stats.size} of ${values}`);
      }
      assert.ok(await cache.has('large-11'));
      assert.ok(!(await cache.has('large-0')));
    },
  },
  {
    name: 'expired entries are evicted before living ones',
    async run(context) {
      const cache = context.open({ maxSize: LIMIT });
      await cache.set('old', VALUE);
      context.clock.advance('1s');
      await cache.setMany(
        Array.from({ length: 9 }, (_, index) => [`short-${index}`, VALUE]),
        { ttl: '1s' },
      );
      context.clock.advance('1s');
      await cache.set('new', VALUE);
      assert.deepEqual(await collect(cache.keys()), ['new', 'old']);
      const { evictions, expired } = await cache.stats();
      assert.deepEqual([evictions, expired], [0, 9]);
    },
  },
  {
    name: 'a value larger than the whole limit is not stored, evicts nothing, and removes the older value',
    async run(context) {
      const cache = await fill(context, 'least-recently-used');
      assert.equal(await cache.set('a', 'x'.repeat(LIMIT + 1)), false);
      assert.deepEqual(await collect(cache.keys()), [...'bcdefgh']);
      assert.equal(await cache.set('nearly all', 'x'.repeat(LIMIT - 8192)), true);
      assert.ok(await cache.has('nearly all'));
    },
  },
  {
    name: 'setMany with a value larger than the whole limit stores none of its entries, and reports that',
    async run(context) {
      const cache = await fill(context, 'least-recently-used');
      const pairs: [string, string][] = [
        ['fits', 'small'],
        ['does not', 'x'.repeat(LIMIT + 1)],
      ];
      assert.equal(await cache.setMany(pairs), false);
      assert.deepEqual(await collect(cache.keys()), [...'abcdefgh']);
    },
  },
];
