// Operations on any number of entries: they run in steps, and keep their guarantees.
import { setImmediate } from 'node:timers/promises';
import test from 'ava';
import { type Cache, createDefaultCache, UncloneableValueError } from '../../../src/index.ts';
import { isFull } from '../../support/extent.ts';
import { startProcess } from '../../support/process.ts';
import { temporaryRoot } from '../../support/temporary.ts';
import { startThreads } from '../../support/thread.ts';

// More than fit in one transaction or message.
const COUNT = isFull ? 24_000 : 10_000;
const keys = Array.from({ length: COUNT }, (_, index) => `an entry/${index}`);
// Together they make a large database.
const filler = 'x'.repeat(isFull ? 400 : 1000);

/** The given number of entries, as an iterable that is not an array. */
function* entries(value: unknown = filler): Generator<[string, unknown]> {
  for (const key of keys) yield [key, value];
}

/** The result of `work`, and the number of event loop turns meanwhile. */
async function counted<T>(work: Promise<T>): Promise<{ result: T; turns: number }> {
  let turns = 0;
  let isDone = false;
  const counting = (async () => {
    for (; !isDone; turns++) await setImmediate();
  })();
  try {
    return { result: await work, turns };
  } finally {
    isDone = true;
    await counting;
  }
}

const backends = ['sqlite', 'memory'] as const;

for (const backend of backends) {
  test.serial(`${backend}: every operation on very many entries yields to the event loop`, async t => {
    const cache = createDefaultCache({ cacheRoot: await temporaryRoot(t), tag: 'steps', backend });
    const operations: Record<string, [() => Promise<unknown>, unknown]> = {
      setMany: [() => cache.setMany(entries()), true],
      replaced: [() => cache.setMany(entries('other')), true],
      getMany: [async () => (await cache.getMany(keys)).size, COUNT],
      keys: [async () => (await Array.fromAsync(cache.keys())).length, COUNT],
      entries: [
        async () => (await Array.fromAsync(cache.entries())).every(([, value]) => value === 'other'),
        true,
      ],
      check: [async () => (await cache.check()).problems.length, 0],
      deleteMany: [() => cache.deleteMany([...keys, 'nothing']), COUNT],
      again: [() => cache.setMany(entries()), true],
      clear: [() => cache.clear(), COUNT],
      empty: [async () => (await Array.fromAsync(cache.keys())).length, 0],
    };
    for (const [name, [operation, expected]] of Object.entries(operations)) {
      const { result, turns } = await counted(operation());
      t.deepEqual(result, expected, name);
      // Some take almost no time in memory. An operation of another thread may be over within the first turn.
      const least = name === 'clear' ? 1 : 2;
      if (name !== 'empty' && backend === 'sqlite') t.true(turns >= least, `${name}: ${turns} turns`);
    }
    const { count, sets, deletes } = await cache.stats();
    t.deepEqual([count, sets, deletes], [0, 3 * COUNT, 2 * COUNT]);
  });

  test.serial(`${backend}: a call after an operation on very many entries takes effect after it`, async t => {
    const cache = createDefaultCache({ cacheRoot: await temporaryRoot(t), tag: 'order', backend });
    const [first, last] = [keys[0]!, keys.at(-1)!];
    const results = await Promise.all([
      cache.setMany(entries()),
      cache.set(last, 'set'),
      cache.deleteMany(keys.slice(0, -1)),
      cache.add(first, 'added'),
      cache.setMany(entries('second')),
      cache.clear(),
      cache.add(last, 'after'),
    ]);
    t.deepEqual(results, [true, true, COUNT - 1, true, true, COUNT, true]);
    t.deepEqual(await Array.fromAsync(cache.entries()), [[last, 'after']]);
  });

  test.serial(`${backend}: one invalid entry among very many keeps all of them out`, async t => {
    const cache = createDefaultCache({
      cacheRoot: await temporaryRoot(t),
      tag: 'mistakes',
      backend,
      maxSize: '50MB',
    });
    function* mistaken(value: unknown) {
      yield* entries();
      yield ['last', value] as [string, unknown];
    }
    await t.throwsAsync(cache.setMany(mistaken(() => 1)), { instanceOf: UncloneableValueError });
    t.false(await cache.setMany(mistaken('x'.repeat(51 * 1024 * 1024))));
    t.is((await cache.stats()).count, 0);
    t.true(await cache.setMany(mistaken('small')));
    t.is((await cache.stats()).count, COUNT + 1);
  });

  test.serial(`${backend}: threads can do the same, and others go on meanwhile`, async t => {
    const cacheRoot = await temporaryRoot(t);
    const options = { cacheRoot, tag: 'threads', backend };
    const cache = createDefaultCache(options);
    await cache.set('there', 1);
    const threads = startThreads(t, 2);
    const many = threads[0]!.run(
      async (tools, options, keys, filler) => {
        const cache = tools.createDefaultCache(options);
        const pairs = (value: string) => keys.map(key => [key, value] as [string, string]);
        const stored = cache.setMany(pairs(filler));
        const next = cache.set(keys[1]!, 'next');
        const results = [await stored, await next, await cache.get(keys[1]!), await cache.get(keys[2]!)];
        results.push((await cache.getMany(keys)).size, await cache.deleteMany(keys.slice(100)));
        return [...results, await cache.clear(), (await cache.stats()).count];
      },
      options,
      keys,
      filler,
    );
    const others = threads[1]!.run(async (tools, options) => {
      const cache = tools.createDefaultCache(options);
      let stored = 0;
      for (let index = 0; index < 200; index++) {
        // A clear of another thread may come in between.
        if (await cache.set(`other/${index}`, index)) stored++;
        await new Promise(resolve => setImmediate(resolve));
      }
      return stored;
    }, options);
    const [setMany, set, next, second, found, deleted, cleared, count] = await many;
    t.deepEqual([setMany, set, next, second], [true, true, 'next', filler]);
    t.deepEqual([found, deleted], [COUNT, COUNT - 100]);
    t.true(Number(cleared) >= 100 && Number(count) <= 201, `${cleared} ${count}`);
    t.is(await others, 200);
  });
}

/** Reads the first and the last key again and again until `work` is done. */
async function watch(cache: Cache, work: Promise<unknown>): Promise<Set<number>> {
  const seen = new Set<number>();
  let isDone = false;
  const watching = (async () => {
    while (!isDone) {
      seen.add((await cache.getMany([keys[0]!, keys[COUNT / 2]!, keys.at(-1)!])).size);
      await setImmediate();
    }
  })();
  await work;
  isDone = true;
  await watching;
  return seen;
}

test.serial('of very many entries that are stored together, none is visible before all are', async t => {
  const options = { cacheRoot: await temporaryRoot(t), tag: 'atomic', localTierSize: 0 };
  const cache = createDefaultCache(options);
  const seen = await watch(cache, cache.setMany(entries()));
  t.deepEqual(
    [...seen].filter(count => count !== 0 && count !== 3),
    [],
  );
});

test.serial('a thread that ends while it stores very many entries leaves none of them', async t => {
  const options = { cacheRoot: await temporaryRoot(t), tag: 'ended' };
  const cache = createDefaultCache(options);
  await cache.set('there', 1);
  for (let round = 0; round < 3; round++) {
    const thread = startThreads(t, 1)[0]!;
    const state = new Int32Array(new SharedArrayBuffer(4));
    const storing = thread.run(
      async (tools, options, state) => {
        const cache = tools.createDefaultCache(options);
        await cache.get('there');
        function* entries(): Generator<[string, number]> {
          for (let index = 0; index < 40_000; index++) yield [`ended/${index}`, index];
        }
        const stored = cache.setMany(entries());
        Atomics.store(state, 0, 1);
        Atomics.notify(state, 0);
        await stored;
      },
      options,
      state,
    );
    storing.catch(() => undefined);
    await Atomics.waitAsync(state, 0, 0).value;
    for (let turn = 0; turn < 10 * round; turn++) await setImmediate();
    await thread.terminate();
    t.true(await cache.set('after', round), 'others write on');
    const { count } = await cache.stats();
    t.true(count === 2 || count === 40_002, `${count} entries`);
    await cache.deleteMany(await Array.fromAsync(cache.keys({ prefix: 'ended/' })));
  }
});

test.serial(
  'a process that is killed while it stores or clears very many entries leaves all or none',
  async t => {
    const cacheRoot = await temporaryRoot(t);
    const options = { cacheRoot, tag: 'killed' };
    for (const operation of ['setMany', 'clear'] as const) {
      const process = startProcess(
        t,
        async (tools, options, operation) => {
          const cache = tools.createDefaultCache(options);
          await cache.stats();
          const pairs = Array.from(
            { length: 60_000 },
            (_, index) => [`key/${index}`, 'x'.repeat(300)] as const,
          );
          const work = operation === 'clear' ? cache.clear() : cache.setMany(pairs);
          console.log('begun');
          await work;
          await new Promise(() => setInterval(() => undefined, 1000));
        },
        [options, operation] as [typeof options, typeof operation],
      );
      await process.line('begun');
      for (let turn = 0; turn < 20; turn++) await setImmediate();
      process.kill('SIGKILL');
      await process.ended();
      const cache = createDefaultCache(options);
      const { count } = await cache.stats();
      t.true(count === 0 || count === 60_000, `${count} entries`);
      t.deepEqual((await cache.check()).problems, []);
      if (operation === 'setMany' && count === 0) {
        const pairs = Array.from(
          { length: 60_000 },
          (_, index) => [`key/${index}`, 'x'.repeat(300)] as const,
        );
        t.true(await cache.setMany(pairs));
      }
      await cache.close();
    }
  },
);
