// close(): by one of several users, and while operations are in flight.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import test from 'ava';
import {
  ClosedCacheError,
  createDefaultCache,
  getCacheInstanceCount,
  resetSharedCacheInstances,
} from '../../../src/index.ts';
import { inspectCoordinator } from '../../../src/registry.ts';
import { eventually } from '../../support/eventually.ts';
import { temporaryRoot } from '../../support/temporary.ts';
import { startThreads } from '../../support/thread.ts';

const isClosed = { instanceOf: ClosedCacheError, code: 'GLOVEBOX_CLOSED' };

async function allIsClosed(): Promise<void> {
  await eventually(
    async () => (await inspectCoordinator())?.stores === 0,
    () => 'a store is open',
  );
}

for (const backend of ['sqlite', 'memory'] as const) {
  test.serial(`${backend}: each caller closes its own use of a shared instance`, async t => {
    const options = { cacheRoot: await temporaryRoot(t), tag: 'a', backend };
    const one = createDefaultCache(options);
    const other = createDefaultCache(options);
    t.is(one, other);
    const written = one.set('key', 'value');
    await one.close();
    t.true(await written);
    t.is(await other.get('key'), 'value');
    t.is(getCacheInstanceCount(), 1);
    await other.close();
    await t.throwsAsync(other.get('key'), isClosed);
    await t.throwsAsync(other.set('key', 1), isClosed);
    await t.throwsAsync(
      other.getOrSet('key', () => 1),
      isClosed,
    );
    await t.throwsAsync(Array.fromAsync(other.keys()), isClosed);
    await other.close();
    t.is(getCacheInstanceCount(), 0);
    await allIsClosed();
    const again = createDefaultCache(options);
    t.not(again, one);
    t.is(await again.get('key'), 'value');
  });

  test.serial(
    `${backend}: an iteration continues to its end, even if the cache is closed meanwhile`,
    async t => {
      const options = { cacheRoot: await temporaryRoot(t), tag: 'a', backend };
      const cache = createDefaultCache(options);
      await cache.setMany(Array.from({ length: 5000 }, (_, index) => [`key-${index}`, index]));
      for (const isLast of [false, true]) {
        const user = isLast ? cache : createDefaultCache(options);
        let keys = 0;
        for await (const _ of cache.keys()) if (keys++ === 10) await user.close();
        t.is(keys, 5000);
      }
      await t.throwsAsync(Array.fromAsync(cache.keys()), isClosed);
      await allIsClosed();

      const again = createDefaultCache(options);
      let sum = 0;
      for await (const [, value] of again.entries<number>()) {
        if (sum === 0) await again.close();
        sum += value;
      }
      t.is(sum, (4999 * 5000) / 2);
      await allIsClosed();
    },
  );

  test.serial(
    `${backend}: a value in production at the close is stored, and returned to all that wait`,
    async t => {
      const options = { cacheRoot: await temporaryRoot(t), tag: 'a', backend };
      const cache = createDefaultCache(options);
      const gate = Promise.withResolvers<string>();
      const begun = Promise.withResolvers<void>();
      const waits = Promise.withResolvers<void>();
      const produced = cache.getOrSet('key', () => {
        begun.resolve();
        return gate.promise;
      });
      await begun.promise;
      const waiting = cache.getOrSet('key', () => 'not this', { onWait: () => waits.resolve() });
      const inside = cache.getOrSet('inside', async () => {
        await waits.promise;
        await cache.close();
        return 'closed from inside';
      });
      t.is(await inside, 'closed from inside');
      await t.throwsAsync(cache.get('key'), isClosed);
      gate.resolve('value');
      t.deepEqual(await Promise.all([produced, waiting]), ['value', 'value']);
      await allIsClosed();
      const again = createDefaultCache(options);
      t.deepEqual(
        [...(await again.getMany(['key', 'inside']))],
        [
          ['key', 'value'],
          ['inside', 'closed from inside'],
        ],
      );
    },
  );

  test.serial(`${backend}: reads and writes called before the close are answered as usual`, async t => {
    const options = { cacheRoot: await temporaryRoot(t), tag: 'a', backend, localTierSize: 0 };
    const large = Buffer.alloc(300_000, 1);
    const before = createDefaultCache(options);
    await before.setMany([
      ['large', large],
      ['small', 1],
    ]);
    await before.close();
    for (const isOpen of [false, true]) {
      const cache = createDefaultCache(options);
      // The first operation opens it.
      if (isOpen) await cache.has('small');
      const answers = Promise.all([
        cache.get('small'),
        cache.get<Buffer>('large').then(found => found?.equals(large)),
        cache.getMany(['small', 'missing']).then(({ size }) => size),
        cache.set('new', 1),
        cache.set('new and large', large),
        cache.has('large'),
        cache.metadata('small').then(found => found?.kind),
        cache.increment('count'),
        cache.cleanup(),
        cache.check().then(({ problems }) => problems.length),
      ]);
      await cache.close();
      t.deepEqual(await answers, [1, true, 1, true, true, true, 'value', isOpen ? 2 : 1, 0, 0]);
    }
    t.deepEqual(await Array.fromAsync(createDefaultCache(options).keys()), [
      ...['count', 'large', 'new', 'new and large', 'small'],
    ]);
  });
}

test.serial('all of this holds in a worker thread as well', async t => {
  const cacheRoot = await temporaryRoot(t);
  const [thread] = startThreads(t, 1);
  for (const backend of ['sqlite', 'memory'] as const) {
    const seen = await thread!.run(
      async ({ createDefaultCache }, cacheRoot, backend) => {
        const options = { cacheRoot, tag: `worker-${backend}`, backend };
        const cache = createDefaultCache(options);
        const other = createDefaultCache(options);
        await cache.setMany(Array.from({ length: 2000 }, (_, index) => [`${index}`, index]));
        await other.close();
        const gate = Promise.withResolvers<string>();
        const begun = Promise.withResolvers<void>();
        const produced = cache.getOrSet('produced', () => {
          begun.resolve();
          return gate.promise;
        });
        await begun.promise;
        let keys = 0;
        for await (const _ of cache.keys()) if (keys++ === 10) await cache.close();
        gate.resolve('value');
        const code = await cache.get('1').catch((error: { code?: string }) => error.code);
        const value = await produced;
        return [keys, code, value, await createDefaultCache(options).get('produced')];
      },
      cacheRoot,
      backend,
    );
    t.deepEqual(seen, [2000, 'GLOVEBOX_CLOSED', 'value', 'value']);
  }
  await thread!.terminate();
  await allIsClosed();
});

test.serial('a reset closes an instance however many callers have it', async t => {
  const options = { cacheRoot: await temporaryRoot(t), tag: 'a' };
  const cache = createDefaultCache(options);
  for (let callers = 0; callers < 3; callers++) createDefaultCache(options);
  t.true(await cache.set('key', 1));
  await resetSharedCacheInstances();
  await t.throwsAsync(cache.get('key'), isClosed);
  await allIsClosed();
  t.is(await createDefaultCache(options).get('key'), 1);
});

test.serial('an abandoned iteration does not keep a closed cache open for ever', async t => {
  const cache = createDefaultCache({ cacheRoot: await temporaryRoot(t), tag: 'a' });
  await cache.set('key', 1);
  await cache.set('other', 1);
  const begin = async () => {
    await cache.keys().next();
  };
  await begin();
  await cache.close();
  t.is((await inspectCoordinator())?.stores, 1);
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  await eventually(
    async () => {
      collect();
      return (await inspectCoordinator())?.stores === 0;
    },
    () => 'it is open',
  );
  t.pass();
});
