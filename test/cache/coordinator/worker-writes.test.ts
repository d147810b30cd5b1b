// Direct writes of worker threads, without a message to the coordinator.
import test from 'ava';
import { SharedMemory } from '../../../src/cache/shared/shared-memory.ts';
import { createDefaultCache } from '../../../src/index.ts';
import { eventually } from '../../support/eventually.ts';
import { temporaryRoot } from '../../support/temporary.ts';
import { startThreads } from '../../support/thread.ts';

test.serial("a thread's write does not wait for a blocked coordinator", async t => {
  const cacheRoot = await temporaryRoot(t);
  const cache = createDefaultCache({ cacheRoot, tag: 'a' });
  const thread = startThreads(t, 1)[0]!;
  const state = new Int32Array(new SharedArrayBuffer(4));
  const writing = thread.run(
    async ({ createDefaultCache }, cacheRoot, state) => {
      const cache = createDefaultCache({ cacheRoot, tag: 'a' });
      await cache.set('key', 0);
      Atomics.store(state, 0, 1);
      Atomics.notify(state, 0);
      Atomics.wait(state, 0, 1);
      for (let value = 1; value <= 10; value++) await cache.set('key', value);
      await cache.increment('count', 5);
      await cache.delete('nothing');
      Atomics.store(state, 0, 3);
      Atomics.notify(state, 0);
    },
    cacheRoot,
    state,
  );
  await Atomics.waitAsync(state, 0, 0).value;
  Atomics.store(state, 0, 2);
  Atomics.notify(state, 0);
  // From here on no message is answered.
  t.not(Atomics.wait(state, 0, 2, 60_000), 'timed-out');
  t.is(await cache.get('key'), 10);
  t.is(await cache.get('count'), 5);
  await writing;
});

test.serial(
  'operations of a thread are applied in the order of the calls, whichever thread applies them',
  async t => {
    const cacheRoot = await temporaryRoot(t);
    const thread = startThreads(t, 1)[0]!;
    const found = await thread.run(async ({ createDefaultCache }, cacheRoot) => {
      const cache = createDefaultCache({ cacheRoot, tag: 'a' });
      const large = 'x'.repeat(100_000);
      const wrong: string[] = [];
      for (let round = 0; round < 20; round++) {
        // Large values and clear() go to the coordinator; later operations must not overtake them.
        await Promise.all([
          cache.set('a', large),
          cache.set('a', 'small'),
          cache.set('b', 1),
          cache.clear(),
          cache.add('c', round),
        ]);
        const is = [await cache.get('a'), await cache.get('b'), await cache.get('c')].join();
        if (is !== `,,${round}`) wrong.push(is.slice(0, 40));
      }
      return wrong;
    }, cacheRoot);
    t.deepEqual(found, []);
  },
);

test.serial('direct writes are counted, kept within the limit, and cleaned up after', async t => {
  const cacheRoot = await temporaryRoot(t);
  const options = { cacheRoot, tag: 'a', maxSize: 150_000 } as const;
  const cache = createDefaultCache(options);
  await cache.set('large', 'x'.repeat(100_000));
  t.is((await cache.stats()).blobs, 1);
  await startThreads(t, 1)[0]!.run(async ({ createDefaultCache }, options) => {
    const cache = createDefaultCache(options);
    await cache.delete('large');
    for (let number = 0; number < 200; number++) await cache.set(`key-${number}`, 'x'.repeat(1000));
  }, options);
  const { blobs, size, sets, deletes, evictions, count } = await cache.stats();
  t.is(blobs, 0);
  t.true(size <= 150_000, `${size} bytes`);
  t.is(sets, 201);
  t.is(deletes, 1);
  t.is(evictions, 200 - count);
  t.deepEqual((await cache.check()).problems, []);
});

test.serial('a thread that is terminated while it writes leaves that to the others', async t => {
  const cacheRoot = await temporaryRoot(t);
  const cache = createDefaultCache({ cacheRoot, tag: 'a' });
  await cache.set('key', 'before');
  for (let round = 0; round < 5; round++) {
    const victim = startThreads(t, 1)[0]!;
    const progress = new Int32Array(new SharedArrayBuffer(4));
    const running = victim.run(
      async ({ createDefaultCache }, cacheRoot, progress) => {
        const cache = createDefaultCache({ cacheRoot, tag: 'a' });
        for (;;) {
          await cache.setMany(Array.from({ length: 300 }, (_, index) => [`many-${index}`, index]));
          Atomics.add(progress, 0, 1);
          Atomics.notify(progress, 0);
        }
      },
      cacheRoot,
      progress,
    );
    running.catch(() => undefined);
    // Some way into its direct writes, at a different point each time.
    for (let seen = 0; seen < 5 + round; ) {
      await Atomics.waitAsync(progress, 0, seen).value;
      seen = Atomics.load(progress, 0);
    }
    await victim.terminate();
    t.true(await cache.set('key', round));
    t.is(await cache.get('key'), round);
  }
  t.deepEqual((await cache.check()).problems, []);
});

test.serial('the lock of a dead holder is free, once it is known to be dead', async t => {
  const shared = new SharedMemory();
  const { lock } = shared;
  const thread = startThreads(t, 1)[0]!;
  const id = await thread.run(async ({ SharedMemory, threads }, buffers) => {
    new SharedMemory(buffers).lock.acquire(1000);
    return threads.threadId;
  }, shared.buffers);
  await thread.terminate();
  t.false(lock.acquire(5));
  t.true(lock.isHeldBy(id));
  lock.releaseDead(id);
  t.false(lock.isHeldBy(id));
  t.true(lock.acquire(5));
  lock.release();
});

test.serial(
  'a write of a thread that ended before it bumped the version is read from the database',
  async t => {
    const cacheRoot = await temporaryRoot(t);
    const cache = createDefaultCache({ cacheRoot, tag: 'a' });
    await cache.set('key', 'before');
    for (let read = 0; read < 3; read++) t.is(await cache.get('key'), 'before');
    const victim = startThreads(t, 1)[0]!;
    const state = new Int32Array(new SharedArrayBuffer(4));
    const running = victim.run(
      async ({ createDefaultCache, SharedMemory }, cacheRoot, state) => {
        const cache = createDefaultCache({ cacheRoot, tag: 'a' });
        await cache.get('key');
        // Between the commit and the version: here the thread stays until it is terminated.
        const { Versions } = { Versions: new SharedMemory().versions.constructor };
        Versions.prototype.advance = () => {
          Atomics.store(state, 0, 1);
          Atomics.notify(state, 0);
          Atomics.wait(state, 0, 1);
        };
        await cache.set('key', 'after');
      },
      cacheRoot,
      state,
    );
    running.catch(() => undefined);
    await Atomics.waitAsync(state, 0, 0).value;
    // The copy, whose version has not changed: nothing was acknowledged yet.
    t.is(await cache.get('key'), 'before');
    await victim.terminate();
    await eventually(async () => (await cache.get('key')) === 'after');
    t.true(await cache.set('key', 'later'));
  },
);
