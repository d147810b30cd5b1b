// The context of a producer: to store or not, for how long, and whether it is still worth the work.
import assert from 'node:assert/strict';
import { InvalidArgumentError, LostLeaseError } from '../../../src/index.ts';
import type { Case } from './context.ts';

export const producerContext: readonly Case[] = [
  {
    name: 'a value that its producer skips goes to its own caller, and the next one that waits produces',
    async run(context) {
      const cache = context.open();
      const started = Promise.withResolvers<void>();
      const finish = Promise.withResolvers<void>();
      const first = cache.getOrSet('key', async ({ skip }) => {
        started.resolve();
        await finish.promise;
        skip();
        return { by: 'first' };
      });
      await started.promise;
      const waits = Promise.withResolvers<void>();
      const second = cache.getOrSet('key', () => ({ by: 'second' }), { onWait: () => waits.resolve() });
      await waits.promise;
      finish.resolve();
      assert.deepEqual(await first, { by: 'first' });
      assert.deepEqual(await second, { by: 'second' });
      assert.deepEqual(await cache.get('key'), { by: 'second' });
    },
  },
  {
    name: 'a skipped value has the form of a stored one',
    async run(context) {
      const cache = context.open();
      const found = await cache.getOrSet('key', ({ skip }) => {
        skip();
        return Object.assign(new Error('broken'), { code: 'ENOENT' });
      });
      assert.equal((found as { code?: string }).code, undefined);
      assert.equal(await cache.has('key'), false);
    },
  },
  {
    name: 'a producer chooses the TTL of its value, whatever the call says',
    async run(context) {
      const cache = context.open({ ttl: '1d' });
      const produce = (ttl: string) => () =>
        cache.getOrSet(
          ttl,
          ({ setTtl }) => {
            setTtl('30d');
            setTtl(ttl);
            return 1;
          },
          { ttl: '1h' },
        );
      for (const ttl of ['10s', 'never']) await produce(ttl)();
      assert.equal((await cache.metadata('10s'))?.expires, context.clock.now() + 10_000);
      assert.equal((await cache.metadata('never'))?.expires, undefined);
      await assert.rejects(produce('soon')(), InvalidArgumentError);
      await assert.rejects(
        cache.getOrSet('none', ({ setTtl }) => setTtl(undefined as never)),
        InvalidArgumentError,
      );
      assert.equal(await cache.has('soon'), false);
    },
  },
  {
    name: 'a producer learns that another caller has taken over, and its own caller gets the value of that one',
    async run(context) {
      const cache = context.open();
      const started = Promise.withResolvers<void>();
      const held: boolean[] = [];
      const reasons: unknown[] = [];
      let runs = 0;
      const first = cache.getOrSet('key', async ({ signal, isStillHeld }) => {
        runs++;
        held.push(await isStillHeld());
        const lost = new Promise(resolve => signal.addEventListener('abort', resolve, { once: true }));
        started.resolve();
        await lost;
        held.push(await isStillHeld());
        reasons.push(signal.reason);
        throw signal.reason;
      });
      await started.promise;
      const finish = Promise.withResolvers<void>();
      const second = cache.getOrSet(
        'key',
        async () => {
          await finish.promise;
          return 'second';
        },
        { wait: '20ms' },
      );
      while (reasons.length === 0) await new Promise(setImmediate);
      finish.resolve();
      assert.deepEqual(await Promise.all([first, second]), ['second', 'second']);
      assert.deepEqual(held, [true, false]);
      assert.ok(reasons[0] instanceof LostLeaseError);
      assert.match(reasons[0].message, /'key'/);
      assert.equal(runs, 1);
    },
  },
  {
    name: 'a lease that is still held is not lost by a read, a set of the same key or another lease',
    async run(context) {
      const cache = context.open();
      const value = await cache.getOrSet('key', async ({ signal, isStillHeld }) => {
        await cache.get('key');
        await cache.set('key', 'set');
        await cache.getOrSet('other', () => 1);
        return { isHeld: await isStillHeld(), isAborted: signal.aborted };
      });
      assert.deepEqual(value, { isHeld: true, isAborted: false });
    },
  },
  {
    name: 'a caller that waits for another producer can stop, and the producer goes on',
    async run(context) {
      const cache = context.open();
      const started = Promise.withResolvers<void>();
      const finish = Promise.withResolvers<string>();
      const first = cache.getOrSet('key', () => {
        started.resolve();
        return finish.promise;
      });
      await started.promise;
      const reason = new Error('cancelled');
      const abort = new AbortController();
      const stopped = cache.getOrSet('key', () => assert.fail('it has stopped'), {
        signal: abort.signal,
        onWait: () => abort.abort(reason),
      });
      await assert.rejects(stopped, error => error === reason);
      // Another one waits behind the one that has gone, whose turn is passed on.
      const waits = Promise.withResolvers<void>();
      const third = cache.getOrSet('key', () => 'third', { onWait: () => waits.resolve() });
      await waits.promise;
      finish.resolve('first');
      assert.deepEqual(await Promise.all([first, third]), ['first', 'first']);
    },
  },
  {
    name: 'the turn of a caller that has stopped waiting is passed on',
    async run(context) {
      const cache = context.open();
      const started = Promise.withResolvers<void>();
      const finish = Promise.withResolvers<void>();
      const first = cache.getOrSet('key', async () => {
        started.resolve();
        await finish.promise;
        throw new Error('failed');
      });
      await started.promise;
      const abort = new AbortController();
      const second = cache.getOrSet('key', () => assert.fail('it has stopped'), {
        signal: abort.signal,
        onWait: () => abort.abort(),
      });
      await assert.rejects(second, { name: 'AbortError' });
      const waits = Promise.withResolvers<void>();
      const third = cache.getOrSet('key', () => 'third', { onWait: () => waits.resolve() });
      await waits.promise;
      finish.resolve();
      await assert.rejects(first, { message: 'failed' });
      assert.equal(await third, 'third');
    },
  },
  {
    name: 'the signal of a call reaches its producer, whose error is the error of the call',
    async run(context) {
      const cache = context.open();
      const abort = new AbortController();
      const stopped = cache.getOrSet(
        'key',
        ({ signal }) => {
          abort.abort();
          assert.ok(signal.aborted);
          throw new Error('stopped half-way');
        },
        { signal: abort.signal },
      );
      await assert.rejects(stopped, { message: 'stopped half-way' });
      assert.equal(await cache.getOrSet('key', () => 'again'), 'again');
    },
  },
  {
    name: 'a call with an aborted signal produces nothing, and still finds what is stored',
    async run(context) {
      const cache = context.open();
      const signal = AbortSignal.abort();
      await assert.rejects(
        cache.getOrSet('key', () => assert.fail('it has stopped'), { signal }),
        { name: 'AbortError' },
      );
      await cache.set('key', 'stored');
      assert.equal(await cache.getOrSet('key', () => assert.fail('it is there'), { signal }), 'stored');
    },
  },
];
