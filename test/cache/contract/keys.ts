// Valid and invalid keys.
import assert from 'node:assert/strict';
import { type Cache, InvalidArgumentError } from '../../../src/index.ts';
import { type Case, collect } from './context.ts';

const withKey: Record<string, (cache: Cache, key: string) => Promise<unknown>> = {
  get: (cache, key) => cache.get(key),
  getMany: (cache, key) => cache.getMany(['fine', key]),
  has: (cache, key) => cache.has(key),
  set: (cache, key) => cache.set(key, 1),
  setMany: (cache, key) => cache.setMany([[key, 1]]),
  add: (cache, key) => cache.add(key, 1),
  delete: (cache, key) => cache.delete(key),
  deleteMany: (cache, key) => cache.deleteMany(['fine', key]),
  touch: (cache, key) => cache.touch(key, 1000),
  increment: (cache, key) => cache.increment(key),
  getOrSet: (cache, key) => cache.getOrSet(key, () => 1),
  metadata: (cache, key) => cache.metadata(key),
  putFile: (cache, key) => cache.putFile(key, import.meta.filename),
  getFile: (cache, key) => cache.getFile(key, '/nowhere/at/all'),
};

export const keys: readonly Case[] = [
  {
    name: 'a key may be any text of up to 1 KiB of UTF-8',
    async run(context) {
      const cache = context.open();
      const good = [
        'a'.repeat(1024),
        'é'.repeat(512),
        '🎹'.repeat(256),
        'with\0nul',
        'with\0nul and more',
        'line\nbreak',
        '../../etc/passwd',
        "quote's; DROP TABLE entries",
        '%_*',
        '__proto__',
        'constructor',
        ' ',
        '\u{10ffff}',
        '\u{feff}bom',
        'e\u0301',
        '\u00e9',
      ];
      for (const [index, key] of good.entries()) await cache.set(key, index);
      for (const [index, key] of good.entries())
        assert.equal(await cache.get(key), index, JSON.stringify(key));
      assert.deepEqual(
        new Set(await collect(cache.keys())),
        new Set(good),
        'every key comes back as it went in',
      );
      assert.equal(await cache.deleteMany(good), good.length);
    },
  },
  {
    name: 'empty, too long and malformed keys, and anything but text, are typed errors in every operation',
    async run(context) {
      const cache = context.open();
      const bad: unknown[] = [
        '',
        'a'.repeat(1025),
        `${'é'.repeat(512)}a`,
        '🎹'.repeat(257),
        'half \ud83c',
        '\udfb9 half',
        undefined,
        null,
        1,
        {},
        ['key'],
      ];
      for (const [operation, call] of Object.entries(withKey)) {
        for (const key of bad) {
          await assert.rejects(
            call(cache, key as string),
            (error: unknown) =>
              error instanceof InvalidArgumentError && error.code === 'GLOVEBOX_INVALID_ARGUMENT',
            `${operation} with ${String(key).slice(0, 20)}`,
          );
        }
      }
      assert.equal((await cache.stats()).count, 0);
    },
  },
];
