// Nested getOrSet calls: a call that would wait for itself is an error, and everything else is produced.
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { type Cache, CircularWaitError, createDefaultCache } from '../../../src/index.ts';
import { inspectCoordinator } from '../../../src/registry.ts';
import { eventually } from '../../support/eventually.ts';
import { startProcess } from '../../support/process.ts';
import { temporaryRoot } from '../../support/temporary.ts';
import { startThreads, type ThreadError } from '../../support/thread.ts';

const backends = {
  sqlite: { backend: 'sqlite' },
  memory: { backend: 'memory' },
  disabled: { enabled: false },
} as const;

async function caches(t: ExecutionContext, options: object): Promise<[Cache, Cache]> {
  const cacheRoot = await temporaryRoot(t);
  const open = (tag: string) => createDefaultCache({ cacheRoot, tag, ...options });
  return [open('a'), open('b')];
}

async function nothingIsLeft(t: ExecutionContext): Promise<void> {
  await eventually(
    async () => (await inspectCoordinator())?.leases === 0,
    () => 'leases are left',
  );
  t.pass();
}

for (const [name, options] of Object.entries(backends)) {
  test.serial(`${name}: a producer that requests its own key gets an error at once`, async t => {
    const [cache, other] = await caches(t, options);
    const nested = (key: string): Promise<string> =>
      cache.getOrSet(key, async () => {
        await Promise.resolve();
        return other.getOrSet('between', () => cache.getOrSet(key, () => 'never'));
      });
    const error = await t.throwsAsync(nested('key'), { instanceOf: CircularWaitError });
    t.is(error?.code, 'GLOVEBOX_CIRCULAR_WAIT');
    t.deepEqual(error?.keys, ['key']);
    t.regex(error?.message ?? '', /getOrSet\('key'\)/);
    t.is(await cache.getOrSet('key', () => 'value'), 'value', 'the key is free again');
    await nothingIsLeft(t);
  });

  test.serial(`${name}: a producer may request other keys, and the same key of another cache`, async t => {
    const [cache, other] = await caches(t, options);
    const value = await cache.getOrSet('key', async () => {
      const parts = await Promise.all([
        other.getOrSet('key', () => 'other'),
        cache.getOrSet('first', () => 'first'),
        cache.getOrSet('second', () => cache.getOrSet('first', () => 'first')),
      ]);
      return parts.join();
    });
    t.is(value, 'other,first,first');
    await nothingIsLeft(t);
  });

  test.serial(
    `${name}: a task that a producer leaves behind may request its key after the producer has ended`,
    async t => {
      const [cache] = await caches(t, options);
      const over = Promise.withResolvers<void>();
      let late: Promise<number> | undefined;
      await cache.getOrSet('key', () => {
        late = over.promise.then(() => cache.getOrSet('key', () => 2));
        return 1;
      });
      await cache.delete('key');
      over.resolve();
      t.is(await late, 2);
    },
  );
}

for (const backend of ['sqlite', 'memory'] as const) {
  test.serial(
    `${backend}: of two contexts that each want the other's product, one gets an error`,
    async t => {
      const [a, b] = await caches(t, { backend });
      const both = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
      const produce = async (me: number, other: Cache, key: string) => {
        both[me]!.resolve();
        await both[1 - me]!.promise;
        return `${me}+${await other.getOrSet(key, () => 'made here')}`;
      };
      const results = await Promise.allSettled([
        a.getOrSet('one', () => produce(0, b, 'two')),
        b.getOrSet('two', () => produce(1, a, 'one')),
      ]);
      const refused = results.filter(({ status }) => status === 'rejected') as PromiseRejectedResult[];
      const made = results.filter(({ status }) => status === 'fulfilled') as PromiseFulfilledResult<string>[];
      // The refused one gives up its key, and the other goes on with it.
      t.is(refused.length, 1);
      t.true(refused[0]!.reason instanceof CircularWaitError);
      t.deepEqual([...refused[0]!.reason.keys].sort(), ['one', 'two']);
      t.regex(refused[0]!.reason.message, /'one'/);
      t.regex(refused[0]!.reason.message, /'two'/);
      t.regex(made[0]!.value, /^\d\+made here$/);
      await nothingIsLeft(t);
    },
  );

  test.serial(`${backend}: a cycle of three threads is found, and all three go on`, async t => {
    const cacheRoot = await temporaryRoot(t);
    const begun = new SharedArrayBuffer(4);
    const keys = ['a', 'b', 'c'];
    const threads = startThreads(t, 3);
    const results = await Promise.allSettled(
      threads.map((thread, index) =>
        thread.run(
          ({ createDefaultCache }, cacheRoot, backend, begun, own, wanted) => {
            const cache = createDefaultCache({ cacheRoot, tag: 'circle', backend });
            const count = new Int32Array(begun);
            return cache.getOrSet(own, async () => {
              Atomics.add(count, 0, 1);
              while (Atomics.load(count, 0) < 3) await new Promise(resolve => setTimeout(resolve, 1));
              return `${own}(${await cache.getOrSet(wanted, () => wanted)})`;
            });
          },
          cacheRoot,
          backend,
          begun,
          keys[index]!,
          keys[(index + 1) % 3]!,
        ),
      ),
    );
    const refused = results.filter(({ status }) => status === 'rejected') as PromiseRejectedResult[];
    t.is(refused.length, 1);
    const { code, message } = refused[0]!.reason as ThreadError;
    t.is(code, 'GLOVEBOX_CIRCULAR_WAIT');
    for (const key of keys) t.true(message.includes(`'${key}'`), message);
    await nothingIsLeft(t);
  });
}

test.serial('a chain without a cycle waits, however long it is', async t => {
  const [a, b] = await caches(t, {});
  const gate = Promise.withResolvers<string>();
  const isWaiting = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const last = a.getOrSet('last', () => gate.promise);
  const middle = b.getOrSet('middle', () =>
    a.getOrSet('last', () => 'never', { onWait: () => isWaiting[0]!.resolve() }),
  );
  await isWaiting[0]!.promise;
  const first = a.getOrSet('first', () =>
    b.getOrSet('middle', () => 'never', { onWait: () => isWaiting[1]!.resolve() }),
  );
  await isWaiting[1]!.promise;
  gate.resolve('value');
  t.deepEqual(await Promise.all([first, middle, last]), ['value', 'value', 'value']);
  await nothingIsLeft(t);
});

test.serial('a cycle through another process is found, and nothing is left of it', async t => {
  const cacheRoot = await temporaryRoot(t);
  const there = startProcess(
    t,
    ({ createDefaultCache, fs }, cacheRoot) => {
      const a = createDefaultCache({ cacheRoot, tag: 'a' });
      const b = createDefaultCache({ cacheRoot, tag: 'b' });
      const made = b.getOrSet('there', async () => {
        console.log('producing');
        while (!fs.existsSync(`${cacheRoot}/go`)) await new Promise(resolve => setTimeout(resolve, 2));
        // By way of another key of this process.
        return b.getOrSet('between', () => a.getOrSet('here', () => 'made there'));
      });
      return made.catch((error: { code?: string }) => error.code);
    },
    [cacheRoot],
  );
  await there.line('producing');
  const [a, b] = ['a', 'b'].map(tag => createDefaultCache({ cacheRoot, tag })) as [Cache, Cache];
  const here = await a
    .getOrSet('here', () => {
      writeFileSync(join(cacheRoot, 'go'), '');
      return b.getOrSet('there', () => 'made here');
    })
    .catch((error: { code?: string }) => error.code);
  // Each process checks by itself: both may have found it.
  const results = [here, await there.result()];
  t.true(results.includes('GLOVEBOX_CIRCULAR_WAIT'), results.join());
  await nothingIsLeft(t);
  const locks = () => ['a', 'b'].flatMap(tag => readdirSync(join(cacheRoot, tag, 'locks')));
  await eventually(() => locks().length === 0, locks);
});
