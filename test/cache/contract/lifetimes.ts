// Lifetimes of entries, with a clock that only the test advances.
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Duration, InvalidArgumentError } from '../../../src/index.ts';
import { type Case, collect } from './context.ts';

const SECOND = 1000;
const HOUR = 3600 * SECOND;
const DAY = 24 * HOUR;

export const lifetimes: readonly Case[] = [
  {
    name: 'a TTL is milliseconds or a string with a unit; the entry is gone the moment it ends',
    async run(context) {
      const { clock } = context;
      const cache = context.open();
      const forms: [Duration, number][] = [
        [1, 1],
        [1500, 1500],
        ['90s', 90 * SECOND],
        ['1h', HOUR],
        ['7d', 7 * DAY],
      ];
      for (const [ttl, milliseconds] of forms) {
        await cache.set('key', 'value', { ttl });
        assert.equal((await cache.metadata('key'))?.expires, clock.now() + milliseconds);
        clock.time += milliseconds - 1;
        assert.equal(await cache.get('key'), 'value');
        clock.time += 1;
        assert.equal(await cache.get('key', 'expired'), 'expired');
      }
    },
  },
  {
    name: 'no TTL means never, and a fraction of a millisecond is one',
    async run(context) {
      const { clock } = context;
      const cache = context.open();
      await cache.set('forever', 1);
      await cache.set('never', 1, { ttl: 'never' });
      assert.equal(await cache.set('short', 1, { ttl: 0.25 }), true);
      assert.equal(await cache.get('short'), 1);
      clock.advance(1);
      assert.equal(await cache.has('short'), false);
      clock.advance('900y');
      assert.equal(await cache.has('forever'), true);
      assert.equal(await cache.has('never'), true);
    },
  },
  {
    name: 'a clock with fractions of milliseconds works like any other',
    async run(context) {
      let time = 2_000_000_000_000.123;
      const cache = context.open({ clock: () => time });
      assert.equal(await cache.set('key', 'value', { ttl: '1s' }), true);
      assert.equal(await cache.get('key'), 'value');
      assert.equal((await cache.metadata('key'))?.accessCount, 1);
      assert.equal(await cache.touch('key', '2s'), true);
      time += 2001;
      assert.equal(await cache.has('key'), false);
    },
  },
  {
    name: 'the cache’s own TTL applies to entries that are stored without one',
    async run(context) {
      const { clock } = context;
      const cache = context.open({ ttl: '1h' });
      const source = join(context.directory, 'source');
      await writeFile(source, 'content');
      await cache.set('set', 1);
      await cache.setMany([['many', 1]]);
      await cache.add('added', 1);
      await cache.increment('count');
      await cache.putFile('file', source);
      await cache.getOrSet('produced', () => 1);
      await cache.set('longer', 1, { ttl: '2h' });
      await cache.set('never', 1, { ttl: 'never' });
      clock.time += HOUR - 1;
      assert.equal((await collect(cache.keys())).length, 8);
      clock.time += 1;
      assert.deepEqual(await collect(cache.keys()), ['longer', 'never']);
    },
  },
  {
    name: 'every way of storing takes a TTL',
    async run(context) {
      const { clock } = context;
      const cache = context.open();
      const source = join(context.directory, 'source');
      await writeFile(source, 'content');
      const ttl = '1m';
      await cache.set('set', 1, { ttl });
      await cache.set('large', Buffer.alloc(100_000), { ttl });
      await cache.setMany([['many', 1]], { ttl });
      await cache.add('added', 1, { ttl });
      await cache.putFile('file', source, { ttl });
      await cache.getOrSet('produced', () => 1, { ttl });
      assert.equal((await collect(cache.keys())).length, 6);
      clock.advance(ttl);
      assert.deepEqual(await collect(cache.keys()), []);
    },
  },
  {
    name: 'an expired entry appears nowhere, even before it is collected',
    async run(context) {
      const { clock } = context;
      const cache = context.open();
      const source = join(context.directory, 'source');
      await writeFile(source, 'content');
      await cache.set('short', 1, { ttl: '1s' });
      await cache.set('large', Buffer.alloc(100_000), { ttl: '1s' });
      await cache.putFile('file', source, { ttl: '1s' });
      await cache.set('kept', 2);
      // Into the thread's own copies as well.
      await cache.getMany(['short', 'large', 'kept']);
      clock.advance('1s');
      for (const key of ['short', 'large', 'file']) {
        assert.equal(await cache.get(key), undefined);
        assert.equal(await cache.has(key), false);
        assert.equal(await cache.metadata(key), undefined);
        assert.equal(await cache.touch(key, '1h'), false);
      }
      assert.deepEqual([...(await cache.getMany(['short', 'large', 'file', 'kept']))], [['kept', 2]]);
      assert.deepEqual(await collect(cache.keys()), ['kept']);
      assert.deepEqual(await collect(cache.entries()), [['kept', 2]]);
      assert.equal(await cache.getFile('file', join(context.directory, 'copy')), false);
      assert.equal(await cache.delete('short'), false);
      assert.equal(await cache.deleteMany(['short', 'large', 'kept']), 1);
    },
  },
  {
    name: 'an expired key can be added, incremented and produced again',
    async run(context) {
      const { clock } = context;
      const cache = context.open();
      for (const key of ['added', 'counted', 'produced']) await cache.set(key, 100, { ttl: '1s' });
      clock.advance('1s');
      assert.equal(await cache.add('added', 1), true);
      assert.equal(await cache.increment('counted'), 1);
      assert.equal(await cache.getOrSet('produced', () => 2), 2);
      clock.advance('1d');
      assert.deepEqual([...(await cache.getMany(['added', 'counted', 'produced'])).values()], [1, 1, 2]);
    },
  },
  {
    name: 'touch gives an entry a new TTL from now on, and reports whether it existed',
    async run(context) {
      const { clock } = context;
      const cache = context.open();
      await cache.set('key', 'value', { ttl: '1m' });
      await cache.get('key');
      clock.advance('30s');
      assert.equal(await cache.touch('key', '1m'), true);
      clock.advance('59s');
      assert.equal(await cache.get('key'), 'value');
      assert.equal(await cache.touch('key', 'never'), true);
      assert.equal((await cache.metadata('key'))?.expires, undefined);
      clock.advance('365d');
      assert.equal(await cache.get('key'), 'value');
      assert.equal(await cache.touch('key', 1), true);
      clock.advance(1);
      assert.equal(await cache.get('key'), undefined);
      assert.equal(await cache.touch('key', '1m'), false);
      assert.equal(await cache.touch('missing', '1m'), false);
    },
  },
  {
    name: 'increment keeps the TTL of the entry; set replaces it',
    async run(context) {
      const { clock } = context;
      const cache = context.open({ ttl: '1d' });
      await cache.set('key', 1, { ttl: '1h' });
      const expires = clock.now() + HOUR;
      clock.advance('10m');
      await cache.increment('key');
      assert.equal((await cache.metadata('key'))?.expires, expires);
      await cache.set('key', 1);
      assert.equal((await cache.metadata('key'))?.expires, clock.now() + DAY);
    },
  },
  {
    name: 'a TTL that can never work is a typed error, and nothing is stored',
    async run(context) {
      const cache = context.open();
      await assert.rejects(cache.touch('key', undefined as never), InvalidArgumentError);
      for (const ttl of [0, -1, Number.NaN, Infinity, '', 'soon', '-1h', null, {}] as Duration[]) {
        await assert.rejects(cache.set('key', 1, { ttl }), InvalidArgumentError, String(ttl));
        await assert.rejects(cache.setMany([['key', 1]], { ttl }), InvalidArgumentError);
        await assert.rejects(cache.add('key', 1, { ttl }), InvalidArgumentError);
        await assert.rejects(cache.touch('key', ttl), InvalidArgumentError);
        await assert.rejects(cache.putFile('key', import.meta.filename, { ttl }), InvalidArgumentError);
        await assert.rejects(
          cache.getOrSet('key', () => assert.fail('produced'), { ttl }),
          InvalidArgumentError,
        );
      }
      assert.equal(await cache.has('key'), false);
    },
  },
];
