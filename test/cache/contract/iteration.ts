// keys() and entries(): in order, and page by page.
import assert from 'node:assert/strict';
import { type Case, collect } from './context.ts';

// More than two pages of either backend.
const MANY = 620;

export const iteration: readonly Case[] = [
  {
    name: 'keys and entries come in the byte order of UTF-8, which differs from JavaScript’s, over many pages',
    async run(context) {
      const cache = context.open();
      const samples = ['a', 'B', 'é', '\u{ffff}', '🎹', '\u{10000}', 'z', '~', '\0', '\ue000'];
      const keys = samples.flatMap(sample =>
        Array.from({ length: MANY / 10 }, (_, index) => `${sample}${index}`),
      );
      await cache.setMany(keys.map((key, index) => [key, index]));
      const expected = keys.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
      assert.notDeepEqual(expected, keys.toSorted());
      assert.deepEqual(await collect(cache.keys()), expected);
      assert.deepEqual(
        await collect(cache.entries()),
        expected.map(key => [key, keys.indexOf(key)]),
      );
    },
  },
  {
    name: 'a prefix selects keys by their text, whatever characters it has',
    async run(context) {
      const cache = context.open();
      const keys = [
        'a',
        'a%',
        'a%b',
        'a_',
        'a_b',
        'ab',
        'abc',
        'b',
        '🎹',
        '🎹a',
        '\u{10ffff}',
        '\u{10ffff}a',
        "a'",
      ];
      await cache.setMany(keys.map(key => [key, `value of ${key}`]));
      await cache.setMany(Array.from({ length: MANY }, (_, index) => [`many/${index}`, index]));
      for (const prefix of [
        'a',
        'a%',
        'a_',
        'ab',
        'abc',
        'abcd',
        '🎹',
        '\u{10ffff}',
        "a'",
        'many/',
        'many/61',
      ]) {
        const expected = [...keys, ...Array.from({ length: MANY }, (_, index) => `many/${index}`)]
          .filter(key => key.startsWith(prefix))
          .toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
        assert.deepEqual(await collect(cache.keys({ prefix })), expected, prefix);
        assert.deepEqual(
          (await collect(cache.entries({ prefix }))).map(([key]) => key),
          expected,
        );
      }
      assert.equal((await collect(cache.keys({ prefix: '' }))).length, MANY + keys.length);
      assert.deepEqual(await collect(cache.keys({ prefix: 'nothing' })), []);
    },
  },
  {
    name: 'entries yields large values and the content of files too',
    async run(context) {
      const cache = context.open();
      await cache.set('large', { bytes: new Uint8Array(100_000).fill(1) });
      await cache.putFile('file', import.meta.filename);
      await cache.set('nothing', undefined);
      const found = new Map(await collect(cache.entries()));
      assert.deepEqual(found.get('large'), { bytes: new Uint8Array(100_000).fill(1) });
      assert.ok(Buffer.isBuffer(found.get('file')));
      assert.match(String(found.get('file')), /^\/\/ keys\(\) and entries\(\)/);
      assert.equal(found.has('nothing'), true);
    },
  },
  {
    name: 'all entries may be deleted during an iteration, and no key comes twice',
    async run(context) {
      const cache = context.open();
      await cache.setMany(Array.from({ length: MANY }, (_, index) => [`key-${index}`, index]));
      const seen: string[] = [];
      for await (const key of cache.keys()) {
        seen.push(key);
        assert.equal(await cache.delete(key), true);
      }
      assert.equal(seen.length, MANY);
      assert.equal(new Set(seen).size, MANY);
      assert.equal((await cache.stats()).count, 0);
    },
  },
  {
    name: 'an iteration can be left early, and entries added ahead of it do no harm',
    async run(context) {
      const cache = context.open();
      await cache.setMany(Array.from({ length: MANY }, (_, index) => [`key-${index}`, index]));
      let count = 0;
      for await (const _ of cache.entries()) if (++count === 10) break;
      assert.equal(count, 10);
      const keys: string[] = [];
      for await (const key of cache.keys()) {
        keys.push(key);
        if (keys.length < 50) await cache.set(`key-${keys.length}-more`, 1);
      }
      assert.equal(new Set(keys).size, keys.length);
      for (let index = 0; index < MANY; index++) assert.ok(keys.includes(`key-${index}`));
    },
  },
  {
    name: 'expired entries never appear, not even whole pages of them',
    async run(context) {
      const cache = context.open();
      await cache.setMany(
        Array.from({ length: MANY }, (_, index) => [`key-${index}`, index]),
        { ttl: '1m' },
      );
      await cache.set('zero', 0);
      await cache.set('a', 1);
      context.clock.advance('1m');
      assert.deepEqual(await collect(cache.keys()), ['a', 'zero']);
      assert.deepEqual(await collect(cache.entries({ prefix: 'key-' })), []);
    },
  },
];
