// Coherence between real threads: the values that other threads may read after a write.
import test, { type ExecutionContext } from 'ava';
import { createDefaultCache } from '../../../src/index.ts';
import { TestClock } from '../../support/clock.ts';
import { temporaryRoot } from '../../support/temporary.ts';
import { Thread } from '../../support/thread.ts';

// Long-lived: a thread takes longer to start than most of these tests.
const threads: Thread[] = [];

test.before(async () => {
  for (let index = 0; index < 10; index++) threads.push(new Thread());
  await Promise.all(threads.map(thread => thread.run(() => 0)));
});
test.after.always(() => Promise.all(threads.map(thread => thread.terminate())));

/** A root for the caches of all threads, which close them when the test is over. */
async function sharedRoot(t: ExecutionContext): Promise<string> {
  const root = await temporaryRoot(t);
  t.teardown(() =>
    Promise.all(threads.map(thread => thread.run(tools => tools.resetSharedCacheInstances()))),
  );
  return root;
}

for (const backend of ['sqlite', 'memory'] as const) {
  test.serial(
    `${backend}: once a set is acknowledged no thread returns the old value, from memory or not`,
    async t => {
      const cacheRoot = await sharedRoot(t);
      const turn = new SharedArrayBuffer(4);
      // Two threads play ping-pong over shared memory, which is faster than any message: each reads the key first (so
      // that it has a copy), waits for the other's acknowledged write, and reads again.
      const play = (thread: Thread, parity: number) =>
        thread.run(
          async ({ createDefaultCache }, options, parity, turn) => {
            const cache = createDefaultCache(options);
            const state = new Int32Array(turn);
            const wrong: string[] = [];
            for (let round = parity; round < 400; round += 2) {
              await cache.get('key');
              for (let now = Atomics.load(state, 0); now < round; now = Atomics.load(state, 0)) {
                Atomics.wait(state, 0, now, 10_000);
              }
              const seen = await cache.get('key', 0);
              if (seen !== round) wrong.push(`${seen} instead of ${round}`);
              await cache.set('key', round + 1);
              Atomics.store(state, 0, round + 1);
              Atomics.notify(state, 0);
            }
            return wrong;
          },
          { cacheRoot, tag: 'a', backend },
          parity,
          turn,
        );
      t.deepEqual(await Promise.all([play(threads[0]!, 0), play(threads[1]!, 1)]), [[], []]);
      t.is(await createDefaultCache({ cacheRoot, tag: 'a', backend }).get('key'), 400);
    },
  );

  test.serial(
    `${backend}: ten threads that increment one key lose nothing, and no sum occurs twice`,
    async t => {
      const cacheRoot = await sharedRoot(t);
      const sums = await Promise.all(
        threads.map((thread, index) =>
          thread.run(
            async ({ createDefaultCache }, options, isAwaiting) => {
              const cache = createDefaultCache(options);
              const sums: (number | undefined)[] = [];
              const pending: Promise<number | undefined>[] = [];
              for (let round = 0; round < 100; round++) {
                if (isAwaiting) sums.push(await cache.increment('count'));
                else pending.push(cache.increment('count'));
              }
              return [...sums, ...(await Promise.all(pending))];
            },
            { cacheRoot, tag: 'a', backend },
            index % 2 === 0,
          ),
        ),
      );
      for (const own of sums)
        t.deepEqual(
          own,
          own.toSorted((a, b) => a! - b!),
          'a thread’s writes are in order',
        );
      t.is(new Set(sums.flat()).size, 1000);
      t.is(await createDefaultCache({ cacheRoot, tag: 'a', backend }).get('count'), 1000);
    },
  );

  test.serial(`${backend}: threads with a copy see deletes, clears, touches and expiry`, async t => {
    const cacheRoot = await sharedRoot(t);
    const clock = new TestClock();
    const options = { cacheRoot, tag: 'a', backend };
    const cache = createDefaultCache({ ...options, clock: clock.now });
    const [one, two] = [threads[2]!, threads[3]!];
    // The other threads' clocks are advanced.
    const look = (thread: Thread) =>
      thread.run(
        async ({ createDefaultCache, kept }, options, time) => {
          kept.time = time;
          kept.clock ??= () => kept.time as number;
          const cache = createDefaultCache({ ...options, clock: kept.clock as () => number });
          const seen: unknown[] = [await cache.get('key', 'miss'), await cache.has('key')];
          seen.push((await cache.getMany(['key'])).size);
          for await (const key of cache.keys()) seen.push(key);
          return seen;
        },
        options,
        clock.now(),
      );
    const both = async () => {
      const [seen, other] = await Promise.all([look(one), look(two)]);
      t.deepEqual(seen, other);
      return seen;
    };
    const missing = ['miss', false, 0];
    t.deepEqual(await both(), missing);
    await cache.set('key', 'value');
    t.deepEqual(await both(), ['value', true, 1, 'key']);
    await cache.delete('key');
    t.deepEqual(await both(), missing);
    await cache.set('key', 'again', { ttl: '1h' });
    t.deepEqual(await both(), ['again', true, 1, 'key']);
    await cache.clear();
    t.deepEqual(await both(), missing);
    await cache.set('key', 'short', { ttl: '1h' });
    t.deepEqual(await both(), ['short', true, 1, 'key']);
    clock.advance('1h');
    t.deepEqual(await both(), missing);
    await cache.set('key', 'touched', { ttl: '1h' });
    await both();
    await cache.touch('key', '3h');
    clock.advance('2h');
    t.deepEqual(await both(), ['touched', true, 1, 'key']);
    await cache.touch('key', '1m');
    clock.advance('1m');
    t.deepEqual(await both(), missing);
    await cache.close();
  });
}

test.serial(
  'a replaced large value is never a mixture of old and new, nor older than acknowledged',
  async t => {
    const cacheRoot = await sharedRoot(t);
    const acknowledged = new SharedArrayBuffer(4);
    const options = { cacheRoot, tag: 'a' };
    const writing = threads[0]!.run(
      async ({ createDefaultCache }, options, acknowledged) => {
        const cache = createDefaultCache(options);
        for (let round = 1; round <= 60; round++) {
          await cache.set('key', Buffer.alloc(100_000, round));
          Atomics.store(new Int32Array(acknowledged), 0, round);
        }
      },
      options,
      acknowledged,
    );
    const reading = threads.slice(1, 3).map(thread =>
      thread.run(
        async ({ createDefaultCache }, options, acknowledged) => {
          const cache = createDefaultCache(options);
          const wrong: string[] = [];
          for (let least = 0; least < 60; ) {
            least = Atomics.load(new Int32Array(acknowledged), 0);
            const seen = await cache.get<Buffer>('key');
            if (!seen) {
              if (least > 0) wrong.push(`a miss after round ${least}`);
            } else if (seen.some(byte => byte !== seen[0]) || seen.length !== 100_000)
              wrong.push('a mixture');
            else if (seen[0]! < least) wrong.push(`${seen[0]} after round ${least}`);
          }
          return wrong;
        },
        options,
        acknowledged,
      ),
    );
    await writing;
    t.deepEqual(await Promise.all(reading), [[], []]);
  },
);

test.serial('a thread that closes its cache leaves it open for the others', async t => {
  const cacheRoot = await sharedRoot(t);
  const cache = createDefaultCache({ cacheRoot, tag: 'a' });
  await cache.set('key', 1);
  const code = await threads[0]!.run(async ({ createDefaultCache }, root) => {
    const cache = createDefaultCache({ cacheRoot: root, tag: 'a' });
    void cache.set('last', 'word');
    await cache.close();
    return cache.get('key').catch((error: { code?: string }) => error.code);
  }, cacheRoot);
  t.is(code, 'GLOVEBOX_CLOSED');
  t.is(await cache.get('last'), 'word');
  await cache.close();
});

test.serial('without memory for copies a thread still reads everything', async t => {
  const directory = await sharedRoot(t);
  const value = await threads[0]!.run(async ({ createDefaultCache }, cacheRoot) => {
    const cache = createDefaultCache({ cacheRoot, tag: 'a', localTierSize: 0 });
    await cache.set('key', { a: 1 });
    const found = [await cache.get('key'), await cache.get('key')];
    await cache.close();
    return found;
  }, directory);
  t.deepEqual(value, [{ a: 1 }, { a: 1 }]);
});
