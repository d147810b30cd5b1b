// Synchronous methods, for callers that cannot await: nothing else runs in their thread meanwhile.
import { setImmediate } from 'node:timers/promises';
import test from 'ava';
import { connect } from '../../../src/cache/storage/sqlite/connection.ts';
import { type Cache, ClosedCacheError, createDefaultCache } from '../../../src/index.ts';
import { temporaryRoot } from '../../support/temporary.ts';
import { startThreads } from '../../support/thread.ts';

const backends = ['sqlite', 'memory'] as const;
const large = 'x'.repeat(100_000);

/** Calls all of them for so long, and returns every violation it has seen. Runs in any thread. */
async function callAll(
  { createDefaultCache }: { createDefaultCache: (options: object) => Cache },
  cacheRoot: string,
  name: string,
  durationMs: number,
  withoutBreakMs: number,
): Promise<{ calls: number; wrong: string[] }> {
  const caches = (['sqlite', 'memory'] as const).map(backend =>
    createDefaultCache({ cacheRoot, tag: `all-${backend}`, backend }),
  );
  const wrong: string[] = [];
  const expect = (is: boolean, what: string) => is || wrong.push(`${name}: ${what}`);
  const until = performance.now() + durationMs;
  let breakAt = performance.now() + withoutBreakMs;
  let calls = 0;
  for (let round = 0; performance.now() < until; round++) {
    for (const cache of caches) {
      const key = `key/${round % 7}`;
      const value = { key, name, round, text: round % 5 === 0 ? 'x'.repeat(100_000) : 'small' };
      const own = `${name}/${round % 3}`;
      expect(cache.setSync(key, value), `set of ${key}`);
      // Not awaited: later calls take effect after it.
      const unawaited = cache.set(own, 'x'.repeat(round % 4 === 0 ? 90_000 : 10));
      expect(cache.setSync(own, round), 'set of its own');
      expect(cache.getSync(own) === round, 'its own value');
      const found = cache.getSync<typeof value>(key);
      expect(found === undefined || found.key === key, 'value of another key');
      const lent = cache.borrow<typeof value>(key);
      expect(lent === undefined || lent.key === key, 'borrowed value of another key');
      for (const [name, { key }] of cache.getManySync<typeof value>(['key/0', 'key/1', 'key/2', 'key/3'])) {
        expect(name === key, 'one of many of another key');
      }
      cache.hasSync(key);
      if (round % 11 === 0) expect(cache.deleteSync(own) && !cache.hasSync(own), 'delete of its own');
      calls += 8;
      expect(await unawaited, 'unawaited set');
    }
    if (performance.now() < breakAt) continue;
    await new Promise(resolve => setTimeout(resolve, 1));
    breakAt = performance.now() + withoutBreakMs;
  }
  return { calls, wrong: wrong.slice(0, 10) };
}

test.serial('all threads call all of them at once, and each call is answered', async t => {
  const cacheRoot = await temporaryRoot(t);
  const threads = startThreads(t, 4);
  const work = threads.map((thread, index) =>
    thread.run(callAll as never, cacheRoot as never, `thread ${index}` as never, 3000 as never, 50 as never),
  ) as Promise<{ calls: number; wrong: string[] }>[];
  // This thread is the others' coordinator.
  const here = await callAll({ createDefaultCache }, cacheRoot, 'here', 3000, 50);
  const all = [here, ...(await Promise.all(work))];
  t.deepEqual(
    all.flatMap(({ wrong }) => wrong),
    [],
  );
  for (const { calls } of all) t.true(calls > 0);
});

test.serial(
  "the coordinator's thread may make such calls without a break: others are answered within them",
  async t => {
    const cacheRoot = await temporaryRoot(t);
    const cache = createDefaultCache({ cacheRoot, tag: 'busy', backend: 'memory' });
    cache.setSync('key', 0);
    const thread = startThreads(t, 1)[0]!;
    const state = new Int32Array(new SharedArrayBuffer(4));
    const work = thread.run(
      ({ createDefaultCache }, cacheRoot, state) => {
        const cache = createDefaultCache({ cacheRoot, tag: 'busy', backend: 'memory' });
        const before = cache.getSync('key');
        Atomics.store(state, 0, 1);
        Atomics.notify(state, 0);
        return [before, cache.setSync('there', 1), cache.getSync('there'), cache.deleteSync('key')];
      },
      cacheRoot,
      state,
    );
    await Atomics.waitAsync(state, 0, 0).value;
    for (let value = 0; value < 20_000; value++) cache.setSync('here', value);
    t.deepEqual(await work, [0, true, 1, true]);
    t.false(cache.hasSync('key'));
  },
);

for (const backend of backends) {
  test.serial(`${backend}: unawaited calls from before take effect first`, async t => {
    const cacheRoot = await temporaryRoot(t);
    const body = async (
      { createDefaultCache }: { createDefaultCache: (options: object) => Cache },
      options: object,
      file: string,
    ) => {
      const cache = createDefaultCache(options);
      const wrong: string[] = [];
      const expect = (name: string, found: unknown, expected: unknown) => {
        if (found !== expected) wrong.push(`${name}: ${String(found).slice(0, 40)}`);
      };
      const text = 'x'.repeat(100_000);
      const many = (value: unknown) =>
        Array.from({ length: 12_000 }, (_, index): [string, unknown] => [`many/${index}`, value]);
      for (let round = 0; round < 3; round++) {
        const before = [
          cache.set('large', text),
          cache.putFile('file', file),
          cache.setMany(many(round)),
          cache.add('added', round),
        ];
        expect('large', cache.setSync('large', 'small'), true);
        expect('many', cache.setSync('many/11999', 'one'), true);
        expect('file', cache.setSync('file', 'value'), true);
        expect('delete', cache.deleteSync('added'), true);
        for (const [key, value] of Object.entries({ large: 'small', 'many/11999': 'one', file: 'value' })) {
          expect(key, cache.getSync(key), value);
        }
        expect('others of many', cache.getSync('many/11998'), round);
        await Promise.all(before);
        for (const [key, value] of Object.entries({ large: 'small', 'many/11999': 'one', file: 'value' })) {
          expect(`${key} at last`, await cache.get(key), value);
        }
        const deleted = cache.deleteMany(many(0).map(([key]) => key));
        expect('after deleteMany', cache.setSync('many/0', 'again'), true);
        expect('deleted', await deleted, 12_000);
        expect('after deleteMany, at last', await cache.get('many/0'), 'again');
        expect('gone', cache.hasSync('many/1'), false);
        const cleared = cache.clear();
        expect('after clear', cache.setSync('large', 'cleared'), true);
        await cleared;
        expect('after clear, at last', await cache.get('large'), 'cleared');
      }
      return wrong;
    };
    const options = { cacheRoot, backend };
    const here = await body(
      { createDefaultCache: createDefaultCache as never },
      { ...options, tag: 'a' },
      import.meta.filename,
    );
    t.deepEqual(here, []);
    const thread = startThreads(t, 1)[0]!;
    t.deepEqual(
      await thread.run(body as never, { ...options, tag: 'b' } as never, import.meta.filename as never),
      [],
    );
  });

  test.serial(`${backend}: a thread that is still connecting does not have to wait`, async t => {
    const cacheRoot = await temporaryRoot(t);
    const options = { cacheRoot, tag: 'first', backend };
    const cache = createDefaultCache(options);
    t.true(cache.setSync('key', 'here'));
    const thread = startThreads(t, 1)[0]!;
    const found = await thread.run(async ({ createDefaultCache }, options) => {
      const cache = createDefaultCache(options);
      const reading = cache.get('key');
      const now = [cache.getSync('key'), cache.setSync('there', 1), cache.getSync('there')];
      const found = [...now, await reading, await cache.get('there'), (await cache.stats()).count];
      await cache.close();
      return found;
    }, options);
    t.deepEqual(found, ['here', true, 1, 'here', 1, 2]);
    t.is(cache.getSync('there'), 1);
  });

  test.serial(`${backend}: a blocked coordinator is awaited until the timeout, and only once`, async t => {
    const cacheRoot = await temporaryRoot(t);
    const options = { cacheRoot, tag: 'blocked', backend };
    const cache = createDefaultCache(options);
    cache.setSync('key', 'value');
    const thread = startThreads(t, 1)[0]!;
    const state = new Int32Array(new SharedArrayBuffer(4));
    const work = thread.run(
      async ({ createDefaultCache }, options, large, state) => {
        const warnings: string[] = [];
        process.on('warning', ({ message }) => warnings.push(message));
        const cache = createDefaultCache({ ...options, timeout: '300ms' });
        const early = createDefaultCache({ ...options, tag: 'other', timeout: '300ms' });
        const first = cache.getSync('key');
        Atomics.store(state, 0, 1);
        Atomics.notify(state, 0);
        // Until the coordinator's thread is blocked.
        Atomics.wait(state, 0, 1);
        const since = performance.now();
        const during: unknown[] = [];
        for (let call = 0; call < 20; call++) {
          during.push(
            cache.setSync('key', 'lost'),
            cache.setSync('big', large),
            cache.getSync<string>('big')?.length,
          );
        }
        const took = performance.now() - since;
        const unopened = early.getSync('key', 'fallback');
        Atomics.store(state, 0, 3);
        Atomics.notify(state, 0);
        await cache.stats();
        return {
          first,
          during,
          took,
          unopened,
          after: [cache.getSync('key'), cache.setSync('key', 'after')],
          warnings,
        };
      },
      options,
      large,
      state,
    );
    await Atomics.waitAsync(state, 0, 0).value;
    Atomics.store(state, 0, 2);
    Atomics.notify(state, 0);
    // From here on no message is answered.
    t.not(Atomics.wait(state, 0, 2, 60_000), 'timed-out');
    const { first, during, took, unopened, after, warnings } = await work;
    t.is(first, 'value');
    if (backend === 'sqlite') {
      // This needs no coordinator.
      t.deepEqual(new Set(during), new Set([true, large.length]));
      t.deepEqual(after, ['lost', true]);
    } else {
      t.deepEqual(new Set(during), new Set([false, undefined]));
      // Not the timeout for each of the sixty.
      t.true(took < 10_000, `${took} ms`);
      t.deepEqual(after, ['value', true], 'what failed is not done later');
    }
    t.is(unopened, 'fallback');
    t.is(warnings.length, 1, warnings.join());
    t.regex(warnings[0]!, /coordinator.*300 ms.*timeout/);
    t.is(cache.getSync('key'), 'after');
  });
}

test.serial(
  'a very large clear or set of this thread is finished by a synchronous call after it',
  async t => {
    const cacheRoot = await temporaryRoot(t);
    const cache = createDefaultCache({ cacheRoot, tag: 'long' });
    const filler = 'x'.repeat(1000);
    const pairs = Array.from({ length: 20_000 }, (_, index): [string, string] => [`${index}`, filler]);
    const setting = cache.setMany(pairs);
    // In the middle of its transaction.
    for (let turn = 0; turn < 8; turn++) await setImmediate();
    t.true(cache.setSync('1', 'after'));
    t.is(cache.getSync('1'), 'after');
    t.is(cache.getSync('19999'), filler);
    t.true(await setting);
    const clearing = cache.clear();
    for (let turn = 0; turn < 2; turn++) await setImmediate();
    t.true(cache.setSync('1', 'after clear'));
    t.is(cache.getSync('1'), 'after clear');
    t.false(cache.hasSync('2'));
    t.is(await clearing, 20_000);
    t.is((await cache.stats()).count, 1);
  },
);

test.serial('an iterable for setMany may itself read and write synchronously', async t => {
  const cache = createDefaultCache({ cacheRoot: await temporaryRoot(t), tag: 'nested' });
  function* entries(): Generator<[string, unknown]> {
    for (let index = 0; index < 12_000; index++) {
      if (index % 1000 === 0) t.true(cache.setSync(`progress`, index));
      if (!cache.hasSync(`${index - 1}`)) yield [`${index}`, index];
    }
  }
  t.true(await cache.setMany(entries()));
  t.is(cache.getSync('progress'), 11_000);
  t.is(cache.getSync('11999'), 11_999);
});

test.serial('a database locked by another program is awaited until the timeout', async t => {
  const cacheRoot = await temporaryRoot(t);
  const options = { cacheRoot, tag: 'locked', timeout: '300ms' };
  const cache = createDefaultCache(options);
  t.true(cache.setSync('key', 'before'));
  const database = connect(`${cacheRoot}/locked/cache.db`, {});
  t.teardown(() => database.close());
  database.exec('BEGIN IMMEDIATE');
  const body = (
    { createDefaultCache }: { createDefaultCache: (options: object) => Cache },
    options: object,
  ) => {
    const cache = createDefaultCache(options);
    return [
      cache.setSync('key', 'lost'),
      cache.deleteSync('key'),
      cache.getSync('key'),
      cache.hasSync('key'),
    ];
  };
  const thread = startThreads(t, 1)[0]!;
  const expected = [false, false, 'before', true];
  t.deepEqual(body({ createDefaultCache: createDefaultCache as never }, options), expected);
  t.deepEqual(await thread.run(body as never, options as never), expected);
  database.exec('ROLLBACK');
  t.true(cache.setSync('key', 'after'));
  t.deepEqual(await thread.run(body as never, options as never), [true, true, undefined, false]);
});

test.serial('a borrowed value is the value itself: frozen records, shared bytes', async t => {
  const cache = createDefaultCache({ cacheRoot: await temporaryRoot(t), tag: 'borrowed' });
  const record = { name: 'corne', parts: [{ side: 'left' }, { side: 'right' }] };
  cache.setSync('record', record);
  cache.setSync('bytes', Buffer.from('bytes'));
  cache.setSync('array', new Uint8Array([1, 2, 3]));
  cache.setSync('map', new Map([['a', { b: 1 }]]));
  cache.setSync('text', 'text');
  for (let read = 0; read < 3; read++) {
    const lent = cache.borrow<typeof record>('record')!;
    t.deepEqual(lent, record);
    t.throws(() => Object.assign(lent, { name: 'other' }), { instanceOf: TypeError });
    t.throws(() => lent.parts.push({ side: 'middle' }), { instanceOf: TypeError });
    t.throws(() => Object.assign(lent.parts[0]!, { side: 'other' }), { instanceOf: TypeError });
    // A copy still belongs to the caller.
    const copy = cache.getSync<typeof record>('record')!;
    copy.parts[0]!.side = 'changed';
    t.deepEqual(cache.getSync('record'), record);
    t.deepEqual(cache.borrow('bytes'), Buffer.from('bytes'));
    t.deepEqual(cache.borrow('array'), new Uint8Array([1, 2, 3]));
    t.deepEqual(cache.borrow('map'), new Map([['a', { b: 1 }]]));
    t.is(cache.borrow('text'), 'text');
    t.is(cache.borrow('nothing'), undefined);
    t.is(cache.borrow('nothing', 'fallback'), 'fallback');
  }
  t.is(cache.borrow('record'), cache.borrow('record'));
  t.is(cache.borrow('bytes'), cache.borrow('bytes'));
  cache.setSync('record', { name: 'other' });
  t.deepEqual(cache.borrow('record'), { name: 'other' });
  const { hits, misses } = await cache.stats();
  t.deepEqual([hits, misses], [3 * 7 + 4 + 1, 6]);
  await cache.close();
  t.throws(() => cache.borrow('record'), { instanceOf: ClosedCacheError });
});
