// The order of one thread's writes, and the ownership of stored values.
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UncloneableValueError } from '../../../src/index.ts';
import { type Case, collect } from './context.ts';

const LARGE = 300_000;

export const writes: readonly Case[] = [
  {
    name: 'writes take effect in the order of the calls, awaited or not, small or large',
    async run(context) {
      const cache = context.open();
      const source = join(context.directory, 'source');
      await writeFile(source, Buffer.alloc(LARGE, 1));
      // The first operations precede the connection; later ones overtake nothing that is still being written.
      const all: Promise<unknown>[] = [
        cache.set('large-small', Buffer.alloc(LARGE, 2)),
        cache.set('large-small', 'small'),
        cache.set('small-large', 'small'),
        cache.set('small-large', Buffer.alloc(LARGE, 3)),
        cache.putFile('file-set', source),
        cache.set('file-set', 'set'),
        cache.set('set-file', 'set'),
        cache.putFile('set-file', source),
        cache.set('deleted', Buffer.alloc(LARGE, 4)),
        cache.delete('deleted'),
        cache.setMany([['counted', 5]]),
        cache.increment('counted', 2),
        cache.set('added', Buffer.alloc(LARGE, 6)),
        cache.add('added', 'not this'),
      ];
      assert.deepEqual((await Promise.all(all)).slice(-5), [true, true, 7, true, false]);
      assert.equal(await cache.get('large-small'), 'small');
      assert.deepEqual(await cache.get('small-large'), Buffer.alloc(LARGE, 3));
      assert.equal(await cache.get('file-set'), 'set');
      assert.deepEqual(await cache.get('set-file'), Buffer.alloc(LARGE, 1));
      assert.equal(await cache.has('deleted'), false);
      assert.deepEqual(await cache.get('added'), Buffer.alloc(LARGE, 6));
    },
  },
  {
    name: 'a thread reads its own writes as soon as they are acknowledged, even if it has read the key before',
    async run(context) {
      const cache = context.open();
      for (let round = 0; round < 100; round++) {
        const value = round % 10 === 9 ? 'x'.repeat(100_000 + round) : round;
        await cache.set('key', value);
        assert.equal(await cache.get('key'), value);
        if (round % 7 === 0) {
          await cache.delete('key');
          assert.equal(await cache.get('key'), undefined);
        }
        await cache.set('count', round);
        assert.equal(await cache.increment('count'), round + 1);
        assert.equal(await cache.get('count'), round + 1);
      }
    },
  },
  {
    name: 'a value that is changed after set is stored as it was at the call',
    async run(context) {
      const cache = context.open();
      const object = { list: [1, 2, 3] };
      const small = Buffer.from('small');
      const large = Buffer.alloc(LARGE, 1);
      const bytes = new Uint8Array([1, 2, 3]);
      const nested = { bytes: new Uint8Array([1, 2, 3]) };
      const pending = [
        cache.set('object', object),
        cache.set('small', small),
        cache.set('large', large),
        cache.set('bytes', bytes),
        cache.add('nested', nested),
        cache.setMany([['many', object]]),
      ];
      object.list.push(4);
      small.fill(0);
      large.fill(0);
      bytes.fill(0);
      nested.bytes.fill(0);
      await Promise.all(pending);
      assert.deepEqual(await cache.get('object'), { list: [1, 2, 3] });
      assert.deepEqual(await cache.get('small'), Buffer.from('small'));
      assert.deepEqual(await cache.get('large'), Buffer.alloc(LARGE, 1));
      assert.deepEqual(await cache.get('bytes'), new Uint8Array([1, 2, 3]));
      assert.deepEqual(await cache.get('nested'), { bytes: new Uint8Array([1, 2, 3]) });
      assert.deepEqual(await cache.get('many'), { list: [1, 2, 3] });
    },
  },
  {
    name: 'a value that was read belongs to its reader: changing it affects no other reader',
    async run(context) {
      const cache = context.open();
      await cache.set('object', { list: [1] });
      await cache.set('bytes', Buffer.from('abc'));
      await cache.set('map', new Map([['a', [1]]]));
      for (let round = 0; round < 3; round++) {
        const object = await cache.get<{ list: number[] }>('object');
        assert.deepEqual(object, { list: [1] });
        object?.list.push(2);
        const bytes = await cache.get<Buffer>('bytes');
        assert.deepEqual(bytes, Buffer.from('abc'));
        bytes?.fill(0);
        const map = (await cache.getMany<Map<string, number[]>>(['map'])).get('map');
        assert.deepEqual(map, new Map([['a', [1]]]));
        map?.clear();
        for (const [, value] of await collect(cache.entries<{ list?: number[] }>({ prefix: 'object' }))) {
          value.list?.push(3);
        }
      }
    },
  },
  {
    name: 'an invalid call fails alone, however large and unawaited the others are',
    async run(context) {
      const cache = context.open();
      const first = cache.set('first', Buffer.alloc(LARGE));
      const bad = cache.set('bad', { deep: [Buffer.alloc(LARGE), () => 1] });
      const last = cache.set('last', Buffer.alloc(LARGE, 1));
      await assert.rejects(bad, (error: unknown) => {
        assert.ok(error instanceof UncloneableValueError);
        assert.equal(error.path, '$.deep[1]');
        return true;
      });
      assert.deepEqual([await first, await last], [true, true]);
      assert.deepEqual(await collect(cache.keys()), ['first', 'last']);
    },
  },
];
