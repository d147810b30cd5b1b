import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import test from 'ava';
import { DisabledCache } from '../src/cache/client/disabled-cache.ts';
import { createUserConfig } from '../src/config/index.ts';
import {
  type CacheOptions,
  ClosedCacheError,
  ConflictingOptionsError,
  cleanupSharedCacheInstances,
  connectToCoordinator,
  createCacheFromUserConfig,
  createDefaultCache,
  getAggregatedCacheStats,
  getCacheInstanceCount,
  getCacheInstanceKeys,
  getSharedCacheInstance,
  InvalidArgumentError,
  openCache,
  resetSharedCacheInstances,
} from '../src/index.ts';
import { inspectCoordinator } from '../src/registry.ts';
import { TestClock } from './support/clock.ts';
import { eventually } from './support/eventually.ts';
import { startProcess } from './support/process.ts';
import { temporaryDirectory, temporaryRoot } from './support/temporary.ts';
import { startThreads, type Thread } from './support/thread.ts';

test.serial('the same root, tag and options are the same instance', async t => {
  const cacheRoot = await temporaryRoot(t);
  const cache = createDefaultCache({ cacheRoot, tag: 'a' });
  t.is(createDefaultCache({ cacheRoot, tag: 'a' }), cache);
  t.is(getSharedCacheInstance({ cacheRoot, tag: 'a' }), cache);
  t.is(openCache({ cacheRoot, tag: 'a' }), cache);
  t.is(getSharedCacheInstance({ cacheRoot: pathToFileURL(cacheRoot).pathname, tag: 'a' }), cache);
  t.is(
    createDefaultCache({ cacheRoot: `${cacheRoot}/x/..`, tag: 'a', backend: 'sqlite', timeout: '30s' }),
    cache,
  );
  t.is(createCacheFromUserConfig(configFor(cacheRoot), { tag: 'a' }), cache);
  t.is(getCacheInstanceCount(), 1);
});

test.serial(
  'the default tag is the same for every caller, and the disk is not touched before the first operation',
  async t => {
    const cacheRoot = join(await temporaryRoot(t), 'not', 'there');
    const cache = createDefaultCache({ cacheRoot });
    t.is(cache.tag, 'default');
    t.is(createDefaultCache({ cacheRoot, tag: 'default' }), cache);
    t.is((await inspectCoordinator())?.stores, 0);
    t.true(await cache.set('key', 1));
    t.is((await inspectCoordinator())?.stores, 1);
  },
);

test.serial("different tags never see each other's entries", async t => {
  const cacheRoot = await temporaryRoot(t);
  const caches = ['a', 'A', 'a.b', 'a-b', 'a_b'].map(tag => createDefaultCache({ cacheRoot, tag }));
  t.is(new Set(caches).size, 5);
  for (const cache of caches) await cache.set('key', cache.tag);
  for (const cache of caches) t.is(await cache.get('key'), cache.tag);
  await caches[0]!.clear();
  t.deepEqual(await Promise.all(caches.map(cache => cache.has('key'))), [false, true, true, true, true]);
});

test.serial('the same tag in different roots is different caches', async t => {
  const [one, other] = [await temporaryRoot(t), await temporaryRoot(t)];
  const caches = [one, other].map(cacheRoot => createDefaultCache({ cacheRoot, tag: 'a' }));
  await caches[0]!.set('key', 1);
  t.false(await caches[1]!.has('key'));
});

test.serial('enabled and timeout may differ: separate instances over one store', async t => {
  const cacheRoot = await temporaryRoot(t);
  const cache = createDefaultCache({ cacheRoot, tag: 'a' });
  const hasty = createDefaultCache({ cacheRoot, tag: 'a', timeout: '1s' });
  const off = createDefaultCache({ cacheRoot, tag: 'a', enabled: false });
  t.is(new Set([cache, hasty, off]).size, 3);
  t.is(getCacheInstanceCount(), 3);
  await cache.set('key', 'value');
  t.is(await hasty.get('key'), 'value');
  t.true(off instanceof DisabledCache);
  t.is(await off.get('key'), undefined);
  t.is((await inspectCoordinator())?.stores, 1);
  await hasty.close();
  t.is(await cache.get('key'), 'value');
});

const conflicts: [string, CacheOptions, CacheOptions, RegExp][] = [
  ['size limit', { maxSize: '1MB' }, { maxSize: '2MB' }, /1048576.*2097152/],
  ['policy', { policy: 'none' }, { policy: 'least-frequently-used' }, /'none'.*'least-frequently-used'/],
  ['backend', { backend: 'sqlite' }, { backend: 'memory' }, /sqlite.*memory/],
];

for (const [name, first, second, message] of conflicts) {
  test.serial(
    `a second ${name} for an open store is a typed error that names both, in any thread`,
    async t => {
      const cacheRoot = await temporaryRoot(t);
      const cache = createDefaultCache({ cacheRoot, tag: 'a', ...first });
      await cache.set('key', 1);
      const error = t.throws(() => createDefaultCache({ cacheRoot, tag: 'a', ...second }), {
        instanceOf: ConflictingOptionsError,
      });
      t.is(error.code, 'GLOVEBOX_CONFLICTING_OPTIONS');
      t.regex(error.message, message);
      t.regex(error.message, /'a'/);

      const [thread] = startThreads(t, 1);
      const remote = await thread!.run(
        async ({ createDefaultCache, ConflictingOptionsError }, options) => {
          const refused = createDefaultCache(options);
          const large = refused.set('large', Buffer.alloc(100_000)).catch((reason: unknown) => reason);
          const error = await refused.get('key').catch((reason: unknown) => reason);
          return error instanceof ConflictingOptionsError && (await large) instanceof ConflictingOptionsError
            ? error.message
            : `not this: ${error}`;
        },
        { cacheRoot, tag: 'a', ...second },
      );
      t.regex(remote, message);
      t.is(await cache.get('key'), 1, 'the open store is as it was');
      await cache.close();
      t.true(
        await createDefaultCache({ cacheRoot, tag: 'a', ...second }).set('key', 2),
        'closed, it may change',
      );
    },
  );
}

for (const backend of ['sqlite', 'memory'] as const) {
  for (const order of ['before', 'after'] as const) {
    test.serial(
      `${backend}: a caller without a limit and policy takes those that another one states ${order} it, in any thread`,
      async t => {
        const cacheRoot = await temporaryRoot(t);
        const unstated = () => createDefaultCache({ cacheRoot, tag: 'a', backend });
        const stated = () =>
          createDefaultCache({
            cacheRoot,
            tag: 'a',
            backend,
            maxSize: 20_000,
            policy: 'least-recently-stored',
          });
        const [thread] = startThreads(t, 1);
        const fill = () =>
          thread!.run(
            async ({ createDefaultCache }, cacheRoot, backend) => {
              const cache = createDefaultCache({ cacheRoot, tag: 'a', backend });
              for (let index = 0; index < 50; index++) await cache.set(`${index}`, 'x'.repeat(1000));
              const { maxSize, size } = await cache.stats();
              return { maxSize, fits: size <= maxSize };
            },
            cacheRoot,
            backend,
          );
        if (order === 'before') await stated().set('first', 1);
        else {
          await unstated().set('first', 1);
          t.deepEqual(await fill(), { maxSize: 2 ** 31, fits: true });
          t.is((await unstated().stats()).count, 51);
        }
        const small = order === 'before' ? unstated() : stated();
        await small.set('second', 'x'.repeat(1000));
        t.is((await small.stats()).maxSize, 20_000);
        t.is((await unstated().stats()).maxSize, 20_000);
        // The oldest is evicted first, although it was read a moment ago.
        await small.get('first');
        t.deepEqual(await fill(), { maxSize: 20_000, fits: true });
        t.false(await unstated().has('first'));
        t.true(await unstated().has('49'));
        t.is(
          unstated(),
          createDefaultCache({ cacheRoot, tag: 'a', backend }),
          'the same instance all the while',
        );

        const other = t.throws(() => createDefaultCache({ cacheRoot, tag: 'a', backend, maxSize: 30_000 }), {
          instanceOf: ConflictingOptionsError,
        });
        t.regex(other?.message ?? '', /20000.*30000/);
        const refused = await thread!.run(
          ({ createDefaultCache }, cacheRoot, backend) =>
            createDefaultCache({ cacheRoot, tag: 'a', backend, policy: 'none' })
              .get('key')
              .catch((error: Error) => error.message),
          cacheRoot,
          backend,
        );
        t.regex(String(refused), /'least-recently-stored'.*'none'/);
      },
    );
  }
}

test.serial('an explicit default counts as explicit', async t => {
  const cacheRoot = await temporaryRoot(t);
  const unstated = createDefaultCache({ cacheRoot, tag: 'a' });
  const stated = createDefaultCache({ cacheRoot, tag: 'a', maxSize: '2GB' });
  t.not(stated, unstated);
  t.is(createDefaultCache({ cacheRoot, tag: 'a', maxSize: 2 ** 31 }), stated);
  await unstated.set('key', 1);
  t.is(await stated.get('key'), 1);
  t.throws(() => createDefaultCache({ cacheRoot, tag: 'a', maxSize: '1GB' }), {
    instanceOf: ConflictingOptionsError,
  });
});

test.serial(
  'a directory that others can write to is trusted for all callers once one trusts it, in either order',
  async t => {
    for (const order of ['before', 'after']) {
      const cacheRoot = await temporaryRoot(t);
      chmodSync(cacheRoot, 0o777);
      const careful = createDefaultCache({ cacheRoot, tag: order });
      const trusting = createDefaultCache({ cacheRoot, tag: order, allowUntrusted: true });
      const [first, second] = order === 'before' ? [trusting, careful] : [careful, trusting];
      t.is(await first.set('first', 1), order === 'before');
      t.true(await second.set('second', 2));
      t.true(await first.set('third', 3));
      t.is(await careful.get('second'), 2);
      t.throws(() => createDefaultCache({ cacheRoot, tag: order, allowUntrusted: false }), {
        instanceOf: ConflictingOptionsError,
        message: /allowUntrusted: true.*allowUntrusted: false/,
      });
    }
  },
);

test.serial('a cache in memory outlives the threads that used it', async t => {
  const cacheRoot = await temporaryRoot(t);
  const threads = startThreads(t, 2);
  const count = (thread: Thread | undefined) =>
    thread!.run(
      ({ createDefaultCache }, cacheRoot) =>
        createDefaultCache({ cacheRoot, tag: 'a', backend: 'memory' }).increment('count'),
      cacheRoot,
    );
  t.is(await count(threads[0]), 1);
  await threads[0]!.terminate();
  await eventually(async () => (await inspectCoordinator())?.sessions === 0);
  t.is(await count(threads[1]), 2);
  await threads[1]!.terminate();
  await eventually(async () => (await inspectCoordinator())?.sessions === 0);

  const here = createDefaultCache({ cacheRoot, tag: 'a', backend: 'memory' });
  t.is(await here.increment('count'), 3);
  await here.close();
  t.is(await createDefaultCache({ cacheRoot, tag: 'a', backend: 'memory' }).get('count'), 3);
  // The options of its former users are no longer binding, and another kind of store is another store.
  await resetSharedCacheInstances();
  const small = createDefaultCache({ cacheRoot, tag: 'a', backend: 'memory', maxSize: 500 });
  t.is(await small.get('count'), undefined, 'a reset empties it');
  await small.set('key', 1);
  await small.close();
  const large = createDefaultCache({ cacheRoot, tag: 'a', backend: 'memory', maxSize: 100_000 });
  t.true(await large.set('large', 'x'.repeat(10_000)));
  t.is(await large.get('key'), 1);
  await large.close();
  t.true(await createDefaultCache({ cacheRoot, tag: 'a' }).set('on disk', 1));
});

test.serial('a tag named metrics is an ordinary one', async t => {
  const cacheRoot = await temporaryRoot(t);
  const { backend, directory } = await createDefaultCache({ cacheRoot, tag: 'metrics' }).stats();
  t.is(backend, 'sqlite');
  t.is(directory, join(cacheRoot, 'metrics'));
});

test.serial('invalid tags, sizes, times and policies are typed errors at the call', async t => {
  const cacheRoot = await temporaryRoot(t);
  const wrong: CacheOptions[] = [
    ...[
      '',
      '.',
      '..',
      '../a',
      'a/b',
      'a\\b',
      '-a',
      '.a',
      'a.',
      'con',
      'NUL.txt',
      'ü',
      'a b',
      'a\0',
      'x'.repeat(65),
    ].map(tag => ({ tag })),
    { maxSize: 0 },
    { maxSize: '12 parsecs' },
    { maxSize: -1 },
    { timeout: 0 },
    { timeout: 'soon' },
    { ttl: -1 },
    { policy: 'random' as 'none' },
    { backend: 'redis' as 'memory' },
    { localTierSize: 'much' },
    { clock: 5 as unknown as () => number },
    { tag: 7 as unknown as string },
  ];
  for (const options of wrong) {
    const error = t.throws(
      () => createDefaultCache({ cacheRoot, ...options }),
      { instanceOf: InvalidArgumentError },
      JSON.stringify(options),
    );
    t.is(error.code, 'GLOVEBOX_INVALID_ARGUMENT');
  }
  t.is(getCacheInstanceCount(), 0);
});

test.serial('an unknown option is an error that names the nearest one', async t => {
  const cacheRoot = await temporaryRoot(t);
  const wrong: [unknown, RegExp][] = [
    ['cubes', /^Cache options must be an object; got 'cubes'\. Did you mean \{ tag: 'cubes' \}\?$/],
    [null, /must be an object; got null/],
    [['cubes'], /must be an object; got/],
    [{ maxsize: '1MB' }, /no option 'maxsize'\. Did you mean 'maxSize'\?/],
    [{ cacheroot: '/tmp' }, /Did you mean 'cacheRoot'\?/],
    [{ directory: '/tmp' }, /no option 'directory'\. The options are tag, cacheRoot, .*clock/],
    [{ enabled: 'no' }, /^enabled must be true or false; got 'no'/],
    [{ enabled: 0 }, /^enabled must be true or false; got 0/],
    [{ allowUntrusted: 1 }, /^allowUntrusted must be true or false/],
    [
      { cacheRoot: '' },
      /^cacheRoot must be the path of a directory, not empty and without NUL characters; got ''/,
    ],
    [{ cacheRoot: 5 }, /^cacheRoot must be the path/],
    [{ tag: null }, /^tag must be a string; got null/],
    [{ maxSize: null }, /^maxSize must be a size; got null\. Leave it out/],
    [{ clock: 5 }, /^clock must be a function/],
    [
      { clock: Date },
      /^clock must be a function that returns milliseconds since the epoch; got \[Function: Date\]/,
    ],
    [{ localTierSize: -1 }, /^localTierSize is -1/],
  ];
  for (const [options, message] of wrong) {
    t.throws(() => createDefaultCache(options as CacheOptions), {
      instanceOf: InvalidArgumentError,
      message,
    });
  }
  const config = createUserConfig({ cache: { directory: cacheRoot } });
  t.throws(() => createCacheFromUserConfig(config, { max: 5 } as CacheOptions), {
    instanceOf: InvalidArgumentError,
    message: /no option 'max'/,
  });
  for (const nothing of [undefined, null, {}, 'config']) {
    t.throws(() => createCacheFromUserConfig(nothing as never), {
      instanceOf: InvalidArgumentError,
      message: /loadUserConfig/,
    });
  }
  t.throws(() => connectToCoordinator({} as never), {
    instanceOf: InvalidArgumentError,
    message: /createCoordinatorPort/,
  });
  t.is(getCacheInstanceCount(), 0);
  // An undefined option is not a mistake.
  const cache = createDefaultCache({ cacheRoot, tag: undefined, enabled: undefined, maxSize: undefined });
  t.is(cache.tag, 'default');
});

test.serial('the registry can be counted and listed', async t => {
  const cacheRoot = await temporaryRoot(t);
  t.is(getCacheInstanceCount(), 0);
  t.deepEqual(getCacheInstanceKeys(), []);
  createDefaultCache({ cacheRoot, tag: 'a' });
  const b = createDefaultCache({ cacheRoot, tag: 'b', maxSize: 1000, timeout: 500 });
  t.is(getCacheInstanceCount(), 2);
  const keys = getCacheInstanceKeys();
  t.true(keys[0]!.startsWith(`${cacheRoot}:a:true:2147483648:30000`), keys[0]);
  t.true(keys[1]!.startsWith(`${cacheRoot}:b:true:1000:500`), keys[1]);
  await b.close();
  t.is(getCacheInstanceCount(), 1);
});

test.serial('a reset forgets and closes every instance; entries stay', async t => {
  const cacheRoot = await temporaryRoot(t);
  const cache = createDefaultCache({ cacheRoot, tag: 'a' });
  const written = cache.set('key', 'value');
  const reset = resetSharedCacheInstances();
  t.is(getCacheInstanceCount(), 0);
  await reset;
  t.true(await written);
  t.deepEqual(await inspectCoordinator(), { sessions: 0, stores: 0, clients: 0, leases: 0, dropped: 0 });
  await t.throwsAsync(cache.get('key'), { instanceOf: ClosedCacheError });
  const again = createDefaultCache({ cacheRoot, tag: 'a' });
  t.not(again, cache);
  t.is(await again.get('key'), 'value');
});

test.serial('a cleanup covers all instances, which stay open', async t => {
  const cacheRoot = await temporaryRoot(t);
  const clock = new TestClock();
  const caches = ['a', 'b', 'c'].map(tag => createDefaultCache({ cacheRoot, tag, clock: clock.now }));
  await caches[0]!.set('short', 1, { ttl: '1s' });
  await caches[1]!.setMany(
    [
      ['short', 1],
      ['other', 1],
    ],
    { ttl: '1s' },
  );
  await caches[2]!.set('forever', 1);
  clock.advance('1s');
  const removed = await cleanupSharedCacheInstances();
  t.deepEqual(Object.values(removed), [1, 2, 0]);
  t.deepEqual(Object.keys(removed), getCacheInstanceKeys());
  t.deepEqual(
    await cleanupSharedCacheInstances(),
    Object.fromEntries(getCacheInstanceKeys().map(key => [key, 0])),
  );
  t.is(await caches[2]!.get('forever'), 1);
});

test.serial('aggregated stats are summed over all stores and all threads, and the same in each', async t => {
  const cacheRoot = await temporaryRoot(t);
  const a = createDefaultCache({ cacheRoot, tag: 'a' });
  const b = createDefaultCache({ cacheRoot, tag: 'b', backend: 'memory' });
  t.deepEqual(await getAggregatedCacheStats(), {
    totalInstances: 0,
    instances: {},
    totalSize: 0,
    totalCount: 0,
    totalHits: 0,
    totalMisses: 0,
    hitRate: 0,
  });
  await a.set('key', 'x'.repeat(100));
  await b.set('key', 'x'.repeat(50));
  await a.get('key');
  await b.get('missing');
  const threads = startThreads(t, 3);
  for (const thread of threads) {
    await thread.run(async ({ createDefaultCache }, root) => {
      const cache = createDefaultCache({ cacheRoot: root, tag: 'a' });
      await cache.get('key');
      await cache.get('key');
      await cache.get('missing');
    }, cacheRoot);
  }
  const expected = {
    totalInstances: 2,
    totalSize: (await a.stats()).size + (await b.stats()).size,
    totalCount: 2,
    totalHits: 7,
    totalMisses: 4,
    hitRate: 7 / 11,
  };
  const { instances, ...totals } = await getAggregatedCacheStats();
  t.deepEqual(totals, expected);
  t.true(totals.totalSize > 150 && totals.totalSize < 500, `${totals.totalSize}`);
  t.deepEqual(Object.keys(instances), [join(cacheRoot, 'a'), join(cacheRoot, 'b')]);
  t.deepEqual(await threads[0]!.run(({ getAggregatedCacheStats }) => getAggregatedCacheStats()), {
    instances,
    ...totals,
  });
  await Promise.all(threads.map(thread => thread.terminate()));
  const { instances: _, ...after } = await getAggregatedCacheStats();
  t.deepEqual(after, expected, 'threads that have ended still count');
});

test('the environment sets the root and disables caches, unless the caller says otherwise', async t => {
  const directory = await temporaryDirectory(t);
  const look = (environment: Record<string, string>) =>
    startProcess(
      t,
      async ({ createDefaultCache }, explicitRoot) => {
        const caches = {
          plain: createDefaultCache({ tag: 'my-tag' }),
          explicit: createDefaultCache({ tag: 'my-tag', enabled: true, cacheRoot: explicitRoot }),
          other: createDefaultCache({ tag: 'other' }),
        };
        const seen: Record<string, string> = {};
        for (const [name, cache] of Object.entries(caches)) {
          const { backend, directory } = await cache.stats();
          seen[name] = directory ?? backend;
        }
        return seen;
      },
      [join(directory, 'explicit')],
      { GLOVEBOX_CACHE_DIR: join(directory, 'root'), ...environment },
    ).result();
  const root = join(directory, 'root');
  const explicit = join(directory, 'explicit', 'my-tag');
  const [plain, all, one, no] = await Promise.all([
    look({}),
    look({ GLOVEBOX_CACHE_DISABLED: '1' }),
    look({ GLOVEBOX_CACHE_MY_TAG_DISABLED: 'yes' }),
    look({ GLOVEBOX_CACHE_DISABLED: '0' }),
  ]);
  t.deepEqual(plain, { plain: join(root, 'my-tag'), explicit, other: join(root, 'other') });
  t.deepEqual(all, { plain: 'disabled', explicit, other: 'disabled' });
  t.deepEqual(one, { plain: 'disabled', explicit, other: join(root, 'other') });
  t.deepEqual(no, plain);
});

function configFor(directory: string): Parameters<typeof createCacheFromUserConfig>[0] {
  return { cache: { directory, tags: {} }, build: {}, toolchains: {}, sources: [] };
}
