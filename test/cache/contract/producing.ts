// getOrSet within one thread.
import assert from 'node:assert/strict';
import { InvalidArgumentError, UncloneableValueError } from '../../../src/index.ts';
import type { Case } from './context.ts';

class Point {
  readonly x = 1;
  sum(): number {
    return this.x;
  }
}

/** Values that structured cloning does not preserve exactly. */
export function changing(): unknown[] {
  return [
    new Point(),
    { nested: [new Point()] },
    Object.assign(new Error('broken'), { code: 'ENOENT' }),
    new AggregateError([new Error('first')], 'all broken'),
    Object.assign(new Map([[1, 2]]), { extra: true }),
    new (class Bytes extends Uint8Array {})([1, 2]),
    { [Symbol('kind')]: 1, name: 'x' },
  ];
}

export const producing: readonly Case[] = [
  {
    name: 'getOrSet produces a missing value, stores it, and does not produce it again',
    async run(context) {
      const cache = context.open();
      let produced = 0;
      const produce = async () => ({ number: ++produced });
      assert.deepEqual(await cache.getOrSet('key', produce), { number: 1 });
      assert.deepEqual(await cache.getOrSet('key', produce), { number: 1 });
      assert.deepEqual(await cache.get('key'), { number: 1 });
      await cache.delete('key');
      assert.deepEqual(await cache.getOrSet('key', produce), { number: 2 });
      assert.equal(await cache.getOrSet('undefined', () => undefined), undefined);
      assert.equal(await cache.has('undefined'), true);
      assert.deepEqual(
        await cache.getOrSet('large', () => Buffer.alloc(100_000, 1)),
        Buffer.alloc(100_000, 1),
      );
      assert.deepEqual(await cache.get('large'), Buffer.alloc(100_000, 1));
    },
  },
  {
    name: 'the caller that produced a value gets the same as all later ones',
    async run(context) {
      const cache = context.open();
      for (const [index, value] of changing().entries()) {
        const first = await cache.getOrSet(`changing-${index}`, () => value);
        const later = await cache.getOrSet(`changing-${index}`, () => assert.fail('produced again'));
        for (const found of [first, later]) {
          assert.deepEqual(found, structuredClone(value));
          assert.equal(Object.getPrototypeOf(found), Object.getPrototypeOf(structuredClone(value)));
          assert.deepEqual(
            Reflect.ownKeys(found as object),
            Reflect.ownKeys(structuredClone(value) as object),
          );
        }
      }
      // The caller changes its value; the others, and the producer's own copy, are unaffected.
      const kept = { list: [1] };
      const produced = await cache.getOrSet('kept', () => kept);
      produced.list.push(2);
      assert.deepEqual([kept, await cache.get('kept')], [{ list: [1] }, { list: [1] }]);
    },
  },
  {
    name: 'of any number of concurrent callers one produces, and all get its value',
    async run(context) {
      const cache = context.open();
      let produced = 0;
      const values = await Promise.all(
        Array.from({ length: 50 }, () =>
          cache.getOrSet('key', async () => {
            await new Promise(setImmediate);
            return ++produced;
          }),
        ),
      );
      assert.deepEqual(new Set(values), new Set([1]));
    },
  },
  {
    name: 'different keys are produced concurrently, even one within another',
    async run(context) {
      const cache = context.open();
      const { promise, resolve } = Promise.withResolvers<string>();
      const first = cache.getOrSet('first', () => promise);
      assert.equal(await cache.getOrSet('second', () => cache.getOrSet('third', () => 3)), 3);
      resolve('done');
      assert.equal(await first, 'done');
    },
  },
  {
    name: 'a producer that throws fails its own caller, and the next one tries',
    async run(context) {
      const cache = context.open();
      const failure = new Error('compiler not found');
      const { promise, reject } = Promise.withResolvers<string>();
      const started = Promise.withResolvers<void>();
      const first = cache.getOrSet('key', () => {
        started.resolve();
        return promise;
      });
      await started.promise;
      const others = [1, 2, 3].map(number => cache.getOrSet('key', () => `by ${number}`));
      reject(failure);
      await assert.rejects(first, error => error === failure);
      const values = new Set(await Promise.all(others));
      assert.equal(values.size, 1, 'one of those that waited produced for all');
      await assert.rejects(
        cache.getOrSet('other', () => {
          throw failure;
        }),
        error => error === failure,
      );
      assert.equal(await cache.getOrSet('other', () => 'again'), 'again');
    },
  },
  {
    name: 'a product that cannot be stored is the producer’s error, and the key stays free',
    async run(context) {
      const cache = context.open();
      await assert.rejects(
        cache.getOrSet('key', () => ({ run: () => 1 })),
        UncloneableValueError,
      );
      assert.equal(await cache.getOrSet('key', () => 'plain'), 'plain');
    },
  },
  {
    name: 'a product larger than the whole cache is still returned to the caller, and to all that wait',
    async run(context) {
      const cache = context.open({ maxSize: '10KB' });
      const produce = async () => {
        await new Promise(setImmediate);
        return 'x'.repeat(100_000);
      };
      const values = await Promise.all([cache.getOrSet('key', produce), cache.getOrSet('key', produce)]);
      assert.deepEqual(
        values.map(({ length }) => length),
        [100_000, 100_000],
      );
      assert.equal(await cache.has('key'), false);
    },
  },
  {
    name: 'a waiting caller is told once that another one is producing',
    async run(context) {
      const cache = context.open();
      const { promise, resolve } = Promise.withResolvers<string>();
      const started = Promise.withResolvers<void>();
      const first = cache.getOrSet(
        'key',
        () => {
          started.resolve();
          return promise;
        },
        { onWait: () => assert.fail('it does not wait') },
      );
      await started.promise;
      const told: number[] = [];
      const isTold = Promise.withResolvers<void>();
      const second = cache.getOrSet('key', () => 'not this', {
        onWait: ({ pid }) => {
          told.push(pid);
          isTold.resolve();
        },
      });
      await isTold.promise;
      resolve('value');
      assert.deepEqual(await Promise.all([first, second]), ['value', 'value']);
      assert.deepEqual(told, [process.pid]);
    },
  },
  {
    name: 'a producer that hangs is overtaken after the wait, and cannot overwrite its successor',
    async run(context) {
      const cache = context.open();
      const hung = Promise.withResolvers<string>();
      const started = Promise.withResolvers<void>();
      const first = cache.getOrSet('key', () => {
        started.resolve();
        return hung.promise;
      });
      await started.promise;
      assert.equal(await cache.getOrSet('key', () => 'second', { wait: '50ms' }), 'second');
      hung.resolve('late');
      assert.equal(await first, 'late', 'the late producer gets its own value');
      assert.equal(await cache.get('key'), 'second');
    },
  },
  {
    name: 'while a value is being produced it can be set explicitly, and readers get the set one',
    async run(context) {
      const cache = context.open();
      const { promise, resolve } = Promise.withResolvers<string>();
      const isStarted = Promise.withResolvers<void>();
      const producing = cache.getOrSet('key', () => {
        isStarted.resolve();
        return promise;
      });
      await isStarted.promise;
      await cache.set('key', 'set by hand');
      assert.equal(await cache.getOrSet('key', () => assert.fail('it is there')), 'set by hand');
      resolve('produced');
      assert.equal(await producing, 'produced');
    },
  },
  {
    name: 'a wait that can never work is a typed error',
    async run(context) {
      const cache = context.open();
      for (const wait of [0, -1, 'soon']) {
        await assert.rejects(
          cache.getOrSet('key', () => 1, { wait }),
          InvalidArgumentError,
        );
      }
      assert.equal(await cache.getOrSet('key', () => 1, { wait: 'never' }), 1);
    },
  },
];
