// Single entries: hits, misses, and the result of each operation.
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { InvalidArgumentError, UncloneableValueError, WrongKindError } from '../../../src/index.ts';
import { type Case, collect } from './context.ts';

export const entries: readonly Case[] = [
  {
    name: 'a key that was never set is a miss: undefined, or the fallback',
    async run(context) {
      const cache = context.open();
      assert.equal(await cache.get('nothing'), undefined);
      assert.equal(await cache.get('nothing', 'fallback'), 'fallback');
      assert.equal(await cache.has('nothing'), false);
      assert.equal(await cache.metadata('nothing'), undefined);
    },
  },
  {
    name: 'set stores the value, reports that, and replaces an older one',
    async run(context) {
      const cache = context.open();
      assert.equal(await cache.set('key', 'first'), true);
      assert.equal(await cache.get('key'), 'first');
      assert.equal(await cache.get('key', 'fallback'), 'first');
      assert.equal(await cache.set('key', { second: 2 }), true);
      assert.deepEqual(await cache.get('key'), { second: 2 });
      assert.equal((await cache.stats()).count, 1);
    },
  },
  {
    name: 'a stored undefined, null, 0, empty string or false is a hit in every operation',
    async run(context) {
      const cache = context.open();
      for (const [key, value] of Object.entries({ u: undefined, n: null, z: 0, e: '', f: false })) {
        await cache.set(key, value);
        // Once from the store, once from the thread's own copy.
        assert.equal(await cache.get(key, 'fallback'), value);
        assert.equal(await cache.get(key, 'fallback'), value);
        assert.equal(await cache.has(key), true);
        assert.deepEqual([...(await cache.getMany([key]))], [[key, value]]);
        assert.equal(await cache.add(key, 'other'), false);
        assert.equal(await cache.getOrSet(key, () => 'produced' as unknown), value);
        assert.deepEqual(await collect(cache.entries({ prefix: key })), [[key, value]]);
        assert.equal(await cache.delete(key), true);
        assert.equal(await cache.get(key, 'fallback'), 'fallback');
      }
      assert.equal((await cache.stats()).misses, 5);
    },
  },
  {
    name: 'getMany returns the hits in the requested order, and omits misses',
    async run(context) {
      const cache = context.open();
      await cache.setMany([
        ['a', 1],
        ['b', 'x'.repeat(100_000)],
        ['c', undefined],
      ]);
      const found = await cache.getMany(['c', 'missing', 'b', 'a', 'c']);
      assert.deepEqual([...found.keys()], ['c', 'b', 'a']);
      assert.equal(found.get('a'), 1);
      assert.equal(found.get('b'), 'x'.repeat(100_000));
      assert.equal(found.has('c'), true);
      assert.equal((await cache.getMany(new Set(['a']).values())).get('a'), 1);
      assert.equal((await cache.getMany([])).size, 0);
    },
  },
  {
    name: 'setMany stores all entries of an iterable, or none if one of them cannot be stored',
    async run(context) {
      const cache = context.open();
      const pairs = function* (): Generator<[string, unknown]> {
        for (let index = 0; index < 300; index++) yield [`key-${index}`, { index }];
        yield ['large', Buffer.alloc(100_000, 7)];
      };
      assert.equal(await cache.setMany(pairs()), true);
      assert.equal((await cache.stats()).count, 301);
      assert.deepEqual(await cache.get('key-299'), { index: 299 });
      assert.deepEqual(await cache.get('large'), Buffer.alloc(100_000, 7));
      assert.equal(await cache.setMany([]), true);

      const mixed: [string, unknown][] = [
        ['good', 1],
        ['bad', { run: () => 1 }],
      ];
      await assert.rejects(cache.setMany(mixed), UncloneableValueError);
      const named = {
        path: '$.run',
        message: /^\$\.run is a function, which cannot be stored under "second"\./,
      };
      await assert.rejects(
        cache.setMany([
          ['first', 1],
          ['second', { run: () => 1 }],
        ]),
        named,
      );
      await assert.rejects(
        cache.setMany([
          ['good', 1],
          ['', 2],
        ]),
        InvalidArgumentError,
      );
      assert.equal(await cache.has('good'), false);
    },
  },
  {
    name: 'setMany with one key twice keeps the later value',
    async run(context) {
      const cache = context.open();
      await cache.setMany([
        ['key', 'earlier'],
        ['key', 'later'],
      ]);
      assert.equal(await cache.get('key'), 'later');
      assert.equal((await cache.stats()).count, 1);
    },
  },
  {
    name: 'add stores only where no entry exists, and reports whether it did',
    async run(context) {
      const cache = context.open();
      assert.equal(await cache.add('key', 'first'), true);
      assert.equal(await cache.add('key', 'second'), false);
      assert.equal(await cache.add('key', Buffer.alloc(100_000)), false);
      assert.equal(await cache.get('key'), 'first');
      const racers = await Promise.all(Array.from({ length: 20 }, (_, index) => cache.add('race', index)));
      assert.deepEqual(
        racers.filter(won => won),
        [true],
      );
      assert.equal(await cache.get('race'), racers.indexOf(true));
    },
  },
  {
    name: 'delete reports whether the entry existed, deleteMany how many did',
    async run(context) {
      const cache = context.open();
      await cache.setMany([
        ['a', 1],
        ['b', 2],
        ['c', Buffer.alloc(100_000)],
        ['d', 4],
      ]);
      assert.equal(await cache.delete('a'), true);
      assert.equal(await cache.delete('a'), false);
      assert.equal(await cache.get('a'), undefined);
      assert.equal(await cache.deleteMany(['a', 'b', 'c', 'b', 'missing']), 2);
      assert.equal(await cache.deleteMany([]), 0);
      assert.deepEqual(await collect(cache.keys()), ['d']);
    },
  },
  {
    name: 'increment starts at 0, adds its argument, and resolves to the sum',
    async run(context) {
      const cache = context.open();
      assert.equal(await cache.increment('count'), 1);
      assert.equal(await cache.increment('count', 10), 11);
      assert.equal(await cache.increment('count', -12.5), -1.5);
      assert.equal(await cache.get('count'), -1.5);
      await cache.set('count', Number.MAX_SAFE_INTEGER - 1);
      assert.equal(await cache.increment('count'), Number.MAX_SAFE_INTEGER);
    },
  },
  {
    name: 'concurrent increments lose nothing, and each gets its own sum',
    async run(context) {
      const cache = context.open();
      const sums = await Promise.all(Array.from({ length: 200 }, () => cache.increment('count')));
      assert.equal(new Set(sums).size, 200);
      assert.equal(await cache.get('count'), 200);
    },
  },
  {
    name: 'increment refuses anything but numbers, stored or given, and changes nothing',
    async run(context) {
      const cache = context.open();
      for (const value of ['1', null, undefined, 1n, new Date(), [1], 'x'.repeat(100_000)]) {
        await cache.set('key', value);
        const error = await cache.increment('key').then(
          () => assert.fail('incremented'),
          (reason: unknown) => reason,
        );
        assert.ok(error instanceof WrongKindError);
        assert.equal(error.code, 'GLOVEBOX_WRONG_KIND');
        assert.match(error.message, /'key'/);
        assert.deepEqual(await cache.get('key'), value);
      }
      for (const by of [Number.NaN, Infinity, '1' as unknown as number]) {
        await assert.rejects(cache.increment('count', by), InvalidArgumentError);
      }
      await assert.rejects(cache.increment('count', '1' as never), {
        message: /must be a finite number; got '1'\./,
      });
      await assert.rejects(cache.get(null as never), { message: /must be a string; got null\./ });
      assert.equal(await cache.has('count'), false);
    },
  },
  {
    name: 'a refused operation does not affect those that commit with it',
    async run(context) {
      const cache = context.open();
      await cache.set('text', 'no number');
      const results = await Promise.allSettled([
        cache.set('before', 1),
        cache.increment('text'),
        cache.set('bad', Symbol('no value')),
        cache.set('after', 2),
      ]);
      assert.deepEqual(
        results.map(({ status }) => status),
        ['fulfilled', 'rejected', 'rejected', 'fulfilled'],
      );
      assert.deepEqual([...(await cache.getMany(['before', 'after'])).values()], [1, 2]);
    },
  },
  {
    name: 'metadata has size, kind, times and accesses, and does not count as an access',
    async run(context) {
      const { clock } = context;
      const cache = context.open();
      const created = clock.now();
      await cache.set('key', 'x'.repeat(100), { ttl: '1h' });
      const metadata = {
        key: 'key',
        size: 100,
        kind: 'value',
        created,
        lastAccessed: created,
        accessCount: 0,
        expires: created + 3_600_000,
      };
      assert.deepEqual(await cache.metadata('key'), metadata);
      assert.equal(await cache.has('key'), true);
      await collect(cache.entries());
      assert.deepEqual(await cache.metadata('key'), metadata);
      clock.advance('5m');
      await cache.get('key');
      await cache.get('key');
      await cache.getMany(['key']);
      const read = { ...metadata, lastAccessed: created + 300_000, accessCount: 3 };
      assert.deepEqual(await cache.metadata('key'), read);
      clock.advance('5m');
      await cache.set('key', Buffer.alloc(100_000));
      assert.deepEqual(await cache.metadata('key'), {
        key: 'key',
        size: 100_000,
        kind: 'value',
        created: clock.now(),
        lastAccessed: clock.now(),
        accessCount: 0,
        expires: undefined,
      });
      const source = `${context.directory}/source`;
      await writeFile(source, 'content');
      await cache.putFile('file', source);
      await cache.getFile('file', `${context.directory}/copy`);
      const file = await cache.metadata('file');
      assert.deepEqual([file?.kind, file?.size, file?.accessCount], ['file', 7, 1]);
    },
  },
];
