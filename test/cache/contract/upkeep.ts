// clear, cleanup, stats, check and close.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type Cache, ClosedCacheError } from '../../../src/index.ts';
import { type Case, collect } from './context.ts';

export const upkeep: readonly Case[] = [
  {
    name: 'clear removes every entry of its own tag and of no other, and reports how many',
    async run(context) {
      const cache = context.open();
      const other = context.open({ tag: 'other' });
      await cache.setMany(Array.from({ length: 300 }, (_, index) => [`key-${index}`, index]));
      await cache.set('large', Buffer.alloc(100_000));
      await other.set('key-1', 'of the other');
      await cache.get('key-1');
      assert.equal(await cache.clear(), 301);
      assert.equal(await cache.get('key-1'), undefined);
      assert.deepEqual(await collect(cache.keys()), []);
      const { count, size, blobs } = await cache.stats();
      assert.deepEqual([count, size, blobs], [0, 0, 0]);
      assert.equal(await cache.clear(), 0);
      assert.equal(await other.get('key-1'), 'of the other');
      assert.equal(await cache.set('key-1', 'again'), true);
      assert.equal(await cache.get('key-1'), 'again');
    },
  },
  {
    name: 'cleanup removes all expired entries, however many, and reports how many',
    async run(context) {
      const cache = context.open();
      const pairs = Array.from({ length: 1500 }, (_, index): [string, unknown] => [`short-${index}`, index]);
      await cache.setMany(pairs, { ttl: '1m' });
      await cache.set('large', Buffer.alloc(100_000), { ttl: '1m' });
      await cache.set('longer', 1, { ttl: '2m' });
      await cache.set('forever', 1);
      assert.equal(await cache.cleanup(), 0);
      context.clock.advance('1m');
      assert.equal((await cache.stats()).count, 1503, 'expired entries count until they are collected');
      assert.equal(await cache.cleanup(), 1501);
      const { count, expired, blobs } = await cache.stats();
      assert.deepEqual([count, expired, blobs], [2, 1501, 0]);
      assert.equal(await cache.cleanup(), 0);
    },
  },
  {
    name: 'stats count operations and entries',
    async run(context) {
      const cache = context.open({ maxSize: '1MB' });
      await cache.set('a', 'x'.repeat(100));
      await cache.set('b', 'x'.repeat(100_000));
      await cache.setMany([
        ['c', ''],
        ['d', ''],
      ]);
      await cache.get('a');
      await cache.get('b');
      await cache.getMany(['a', 'missing']);
      await cache.get('missing');
      await cache.has('missing');
      await cache.delete('c');
      await cache.delete('missing');
      const stats = await cache.stats();
      assert.equal(stats.tag, 'contract');
      assert.equal(stats.backend, context.backend);
      assert.equal(stats.enabled, true);
      assert.equal(stats.degraded, undefined);
      assert.equal(stats.maxSize, 1024 * 1024);
      assert.ok(stats.size >= 100_100 && stats.size <= 1.1 * 100_100, `${stats.size}`);
      assert.equal(stats.count, 3);
      assert.equal(stats.blobs, context.backend === 'sqlite' ? 1 : 0);
      assert.deepEqual([stats.hits, stats.misses, stats.sets, stats.deletes], [3, 2, 4, 1]);
      assert.deepEqual([stats.evictions, stats.expired], [0, 0]);
      assert.equal(typeof stats.directory, context.backend === 'sqlite' ? 'string' : 'undefined');
    },
  },
  {
    name: 'check finds no problem in a sound store, and changes nothing',
    async run(context) {
      const cache = context.open();
      await cache.setMany(Array.from({ length: 30 }, (_, index) => [`key-${index}`, { index }]));
      await cache.set('large', Buffer.alloc(100_000));
      await cache.set('same', Buffer.alloc(100_000));
      await cache.putFile('file', import.meta.filename);
      const report = await cache.check();
      assert.deepEqual(report.problems, []);
      assert.equal(report.entries, 33);
      assert.equal(report.blobs, context.backend === 'sqlite' ? 2 : 0);
      assert.equal((await collect(cache.keys())).length, 33);
    },
  },
  {
    name: 'after close every operation rejects with a typed error that names the tag and the remedy',
    async run(context) {
      const cache = context.open();
      await cache.set('key', 1);
      const closing = cache.close();
      const calls: ((cache: Cache) => Promise<unknown>)[] = [
        closed => closed.get('key'),
        closed => closed.getMany(['key']),
        closed => closed.has('key'),
        closed => closed.set('key', 1),
        closed => closed.set('key', Buffer.alloc(100_000)),
        closed => closed.setMany([['key', 1]]),
        closed => closed.add('key', 1),
        closed => closed.delete('key'),
        closed => closed.deleteMany(['key']),
        closed => closed.touch('key', 1),
        closed => closed.increment('key'),
        closed => closed.getOrSet('key', () => 1),
        closed => collect(closed.keys()),
        closed => collect(closed.entries()),
        closed => closed.metadata('key'),
        closed => closed.putFile('key', import.meta.filename),
        closed => closed.getFile('key', join(context.directory, 'target')),
        closed => closed.clear(),
        closed => closed.cleanup(),
        closed => closed.stats(),
        closed => closed.check(),
      ];
      const isClosedError = (error: unknown) => {
        assert.ok(error instanceof ClosedCacheError);
        assert.equal(error.code, 'GLOVEBOX_CLOSED');
        assert.match(error.message, /'contract'.*openCache/);
        return true;
      };
      // From the call of close() on, not only once it has resolved.
      for (const call of calls) await assert.rejects(call(cache), isClosedError, call.toString());
      await closing;
      for (const call of calls) await assert.rejects(call(cache), isClosedError, call.toString());
      await cache.close();
    },
  },
  {
    name: 'close waits for the writes that were called before it',
    async run(context) {
      const keeper = context.open({ timeout: 12_345 });
      await keeper.stats();
      const cache = context.open();
      const written = [
        cache.set('small', 1),
        cache.set('large', Buffer.alloc(500_000, 1)),
        cache.increment('count'),
      ];
      await cache.close();
      assert.equal(await keeper.get('small'), 1);
      assert.deepEqual(await keeper.get('large'), Buffer.alloc(500_000, 1));
      assert.equal(await keeper.get('count'), 1);
      assert.deepEqual(await Promise.all(written), [true, true, 1]);
    },
  },
  {
    name: 'a closed cache can be reopened, as a new instance; others on the store go on',
    async run(context) {
      const first = context.open();
      const second = context.open({ timeout: 12_345 });
      assert.notEqual(first, second);
      await first.set('key', 'value');
      assert.equal(await second.get('key'), 'value');
      await first.close();
      assert.equal(await second.get('key'), 'value');
      const third = context.open();
      assert.notEqual(third, first);
      assert.equal(await third.get('key'), 'value');
    },
  },
  {
    name: 'close does not wait for another caller’s product, and calls that wait for it get it',
    async run(context) {
      const keeper = context.open({ timeout: 12_345 });
      const { promise, resolve } = Promise.withResolvers<string>();
      const started = Promise.withResolvers<void>();
      const producing = keeper.getOrSet('key', () => {
        started.resolve();
        return promise;
      });
      await started.promise;
      const cache = context.open();
      const isWaiting = Promise.withResolvers<void>();
      const waiting = cache.getOrSet('key', () => 'other', { onWait: () => isWaiting.resolve() });
      await isWaiting.promise;
      await cache.close();
      resolve('value');
      assert.deepEqual(await Promise.all([producing, waiting]), ['value', 'value']);
      await assert.rejects(cache.get('key'), ClosedCacheError);
    },
  },
];
