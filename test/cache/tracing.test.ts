// The diagnostics channel `glovebox.cache.operation` of the caches.
import { subscribe, tracingChannel, unsubscribe } from 'node:diagnostics_channel';
import test, { type ExecutionContext } from 'ava';
import { type CacheOperation, createDefaultCache } from '../../src/index.ts';
import { temporaryRoot } from '../support/temporary.ts';
import { startThreads } from '../support/thread.ts';

type Ended = CacheOperation & { result?: unknown; error?: unknown };

/** Collects the operations that end while the test runs, of the cache with this tag. */
function collect(t: ExecutionContext, tag: string): Ended[] {
  const ended: Ended[] = [];
  const channel = tracingChannel<unknown, Ended>('glovebox.cache.operation');
  const isOwn = (call: Ended) => call.tag === tag;
  const handlers = {
    // The last event of a synchronous method is `end`, that of a method with a promise is `asyncEnd`.
    start: () => undefined,
    end: (call: Ended) =>
      void (isOwn(call) && /Sync$|borrow/.test(call.operation) && ended.push({ ...call })),
    asyncStart: () => undefined,
    asyncEnd: (call: Ended) => void (isOwn(call) && ended.push({ ...call })),
    error: () => undefined,
  };
  channel.subscribe(handlers);
  t.teardown(() => channel.unsubscribe(handlers));
  return ended;
}

test.serial('reads report the tier that answered them', async t => {
  const cacheRoot = await temporaryRoot(t);
  const cache = createDefaultCache({ cacheRoot, tag: 'tiers' });
  const [thread] = startThreads(t, 1);
  await thread!.run(async ({ createDefaultCache }, root) => {
    await createDefaultCache({ cacheRoot: root, tag: 'tiers' }).set('other', 2);
  }, cacheRoot);
  await cache.set('key', 1);
  const ended = collect(t, 'tiers');
  // The writing thread has put it into the shared tier; its first reader copies it.
  t.is(await cache.get('other'), 2);
  t.is(await cache.get('other'), 2);
  t.is(cache.getSync('other'), 2);
  t.is(cache.borrow('absent', 'fallback'), 'fallback');
  t.is(await cache.get('absent', 0), 0);
  t.deepEqual(
    ended.map(({ operation, key, hit, tier }) => [operation, key, hit, tier]),
    [
      ['get', 'other', true, 'shared'],
      ['get', 'other', true, 'local'],
      ['getSync', 'other', true, 'local'],
      ['borrow', 'absent', false, undefined],
      ['get', 'absent', false, undefined],
    ],
  );
  const unshared = createDefaultCache({ cacheRoot, tag: 'tiers', localTierSize: 0 });
  t.is(await unshared.get('key'), 1);
  t.is(ended.at(-1)!.tier, 'store');
});

test.serial('a thread that replaces a value that it reads has the new one in its own memory', async t => {
  const cache = createDefaultCache({ cacheRoot: await temporaryRoot(t), tag: 'own' });
  const values = { bytes: Buffer.from('1'), record: { list: [1] }, text: 'one' };
  const next = { bytes: Buffer.from('2'), record: { list: [2] }, text: 'two' };
  for (const [key, value] of Object.entries(values)) {
    await cache.set(key, value);
    // The later reads of a record copy the one that the second has decoded.
    for (let read = 0; read < 3; read++) t.deepEqual(await cache.get(key), value);
  }
  const ended = collect(t, 'own');
  for (const [key, value] of Object.entries(next)) {
    await cache.set(key, value);
    t.deepEqual(await cache.get(key), value);
    cache.setSync(key, values[key as keyof typeof values]);
    t.deepEqual(cache.getSync(key), values[key as keyof typeof values]);
    t.deepEqual(cache.borrow(key), values[key as keyof typeof values]);
  }
  const tiers = ended.filter(({ operation }) => !operation.startsWith('set')).map(({ tier }) => tier);
  t.deepEqual(new Set(tiers), new Set(['local']));
});

test.serial('every operation is published once, with its key, its result and its error', async t => {
  const cache = createDefaultCache({ cacheRoot: await temporaryRoot(t), tag: 'all' });
  const ended = collect(t, 'all');
  await cache.set('a', 1);
  await cache.setMany([['b', 2]]);
  await cache.getMany(['a', 'b', 'c']);
  cache.getManySync(['a']);
  await cache.has('a');
  cache.hasSync('c');
  cache.setSync('d', 4);
  await cache.delete('d');
  await cache.deleteMany(['x', 'y']);
  await cache.touch('a', '1h');
  await cache.add('a', 2);
  await cache.increment('n', 5);
  await cache.getOrSet('a', () => 9);
  await cache.getOrSet('made', () => 9);
  await cache.metadata('a');
  cache.deleteSync('a');
  await t.throwsAsync(cache.set('', 1), { code: 'GLOVEBOX_INVALID_ARGUMENT' });
  await cache.clear();
  t.deepEqual(
    ended.map(({ operation, key, keys, hit }) => [operation, key ?? keys, hit]),
    [
      ['set', 'a', undefined],
      ['setMany', undefined, undefined],
      ['getMany', 3, false],
      ['getManySync', 1, true],
      ['has', 'a', true],
      ['hasSync', 'c', false],
      ['setSync', 'd', undefined],
      ['delete', 'd', true],
      ['deleteMany', 2, undefined],
      ['touch', 'a', true],
      ['add', 'a', undefined],
      ['increment', 'n', undefined],
      ['getOrSet', 'a', true],
      ['getOrSet', 'made', false],
      ['metadata', 'a', true],
      ['deleteSync', 'a', true],
      ['set', '', undefined],
      ['clear', undefined, undefined],
    ],
  );
  t.deepEqual(
    ['increment', 'add', 'clear'].map(name => ended.find(({ operation }) => operation === name)!.result),
    [5, false, 3],
  );
  t.regex(String(ended.at(-2)!.error), /A cache key must not be empty/);
});

test.serial('without a subscriber nothing is published, and with one no result changes', async t => {
  const cache = createDefaultCache({ cacheRoot: await temporaryRoot(t), tag: 'same' });
  const results = async () => [
    await cache.set('k', { a: 1 }),
    await cache.get('k'),
    cache.getSync('k', 'none'),
    cache.borrow('none'),
    await cache.delete('k'),
    await cache.getOrSet('made', () => 1),
    await cache.clear(),
  ];
  const before = await results();
  let calls = 0;
  const count = () => calls++;
  subscribe('tracing:glovebox.cache.operation:start', count);
  t.deepEqual(await results(), before);
  unsubscribe('tracing:glovebox.cache.operation:start', count);
  t.is(calls, 7);
  await results();
  t.is(calls, 7);
});
