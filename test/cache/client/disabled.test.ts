// The disabled cache: the same calls and the same errors, without effect.
import { access, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import {
  type Cache,
  createDefaultCache,
  InvalidArgumentError,
  UncloneableValueError,
} from '../../../src/index.ts';
import { temporaryRoot } from '../../support/temporary.ts';
import { changing } from '../contract/producing.ts';

async function disabled(t: Parameters<typeof temporaryRoot>[0]) {
  const cacheRoot = await temporaryRoot(t);
  return { cacheRoot, cache: createDefaultCache({ cacheRoot, tag: 'off', enabled: false }) };
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  return Array.fromAsync(items);
}

test.serial('every write reports that nothing was stored, every read that nothing was found', async t => {
  const { cache, cacheRoot } = await disabled(t);
  const source = join(cacheRoot, 'source');
  await writeFile(source, 'content');
  t.false(await cache.set('key', 1, { ttl: '1h' }));
  t.false(await cache.setMany([['key', 1]]));
  t.false(await cache.add('key', 1));
  t.false(await cache.putFile('key', source));
  t.is(await cache.increment('key'), undefined);
  t.is(await cache.get('key'), undefined);
  t.is(await cache.get('key', 'fallback'), 'fallback');
  t.is((await cache.getMany(['key'])).size, 0);
  t.false(cache.setSync('key', 1, { ttl: '1h' }));
  t.is(cache.getSync('key', 'fallback'), 'fallback');
  t.is(cache.borrow('key'), undefined);
  t.is(cache.getManySync(['key']).size, 0);
  t.false(cache.hasSync('key'));
  t.false(cache.deleteSync('key'));
  t.false(await cache.has('key'));
  t.is(await cache.metadata('key'), undefined);
  t.deepEqual(await collect(cache.keys({ prefix: 'k' })), []);
  t.deepEqual(await collect(cache.entries()), []);
  t.false(await cache.getFile('key', join(cacheRoot, 'target')));
  await t.throwsAsync(access(join(cacheRoot, 'target')));
  t.false(await cache.touch('key', '1h'));
  t.false(await cache.delete('key'));
  t.is(await cache.deleteMany(['key']), 0);
  t.is(await cache.clear(), 0);
  t.is(await cache.cleanup(), 0);
  t.deepEqual(await cache.check(), { entries: 0, blobs: 0, problems: [] });
  t.deepEqual(await readdir(cacheRoot), ['source'], 'the disk is not touched');
});

test.serial('getOrSet produces every time', async t => {
  const { cache } = await disabled(t);
  let produced = 0;
  t.is(await cache.getOrSet('key', () => ++produced), 1);
  t.is(await cache.getOrSet('key', async () => ++produced), 2);
  await t.throwsAsync(
    cache.getOrSet('key', () => {
      throw new Error('mine');
    }),
    { message: 'mine' },
  );
});

test.serial('a producer stores nothing and holds no lease, and its signal is that of the call', async t => {
  const { cache } = await disabled(t);
  const abort = new AbortController();
  const value = await cache.getOrSet(
    'key',
    async ({ signal, skip, setTtl, isStillHeld }) => {
      skip();
      setTtl('1h');
      abort.abort();
      return { isHeld: await isStillHeld(), isAborted: signal.aborted };
    },
    { signal: abort.signal },
  );
  t.deepEqual(value, { isHeld: false, isAborted: true });
  const options = { signal: abort.signal };
  await t.throwsAsync(
    cache.getOrSet('key', () => t.fail(), options),
    { name: 'AbortError' },
  );
  await t.throwsAsync(
    cache.getOrSet('key', ({ setTtl }) => setTtl(-1)),
    { instanceOf: InvalidArgumentError },
  );
});

test.serial('stats report that it is disabled', async t => {
  const { cache } = await disabled(t);
  const { tag, backend, enabled, directory, count } = await cache.stats();
  t.deepEqual(
    { tag, backend, enabled, directory, count },
    { tag: 'off', backend: 'disabled', enabled: false, directory: undefined, count: 0 },
  );
});

test.serial('wrong arguments are the same errors as in an enabled cache', async t => {
  const { cache } = await disabled(t);
  const source = import.meta.filename;
  const mistakes: Record<string, (cache: Cache) => Promise<unknown>> = {
    'get, key': one => one.get(''),
    'getMany, key': one => one.getMany(['']),
    'has, key': one => one.has(''),
    'set, key': one => one.set('', 1),
    'set, ttl': one => one.set('key', 1, { ttl: 0 }),
    'setMany, key': one => one.setMany([['', 1]]),
    'setMany, ttl': one => one.setMany([], { ttl: -1 }),
    'add, ttl': one => one.add('key', 1, { ttl: 'soon' }),
    'delete, key': one => one.delete(''),
    'deleteMany, key': one => one.deleteMany(['']),
    'touch, key': one => one.touch('', 1),
    'touch, ttl': one => one.touch('key', 0),
    'increment, key': one => one.increment(''),
    'increment, by': one => one.increment('key', Number.NaN),
    'getOrSet, key': one => one.getOrSet('', () => 1),
    'getOrSet, ttl': one => one.getOrSet('key', () => 1, { ttl: 0 }),
    'getOrSet, wait': one => one.getOrSet('key', () => 1, { wait: 0 }),
    'metadata, key': one => one.metadata(''),
    'putFile, key': one => one.putFile('', source),
    'putFile, ttl': one => one.putFile('key', source, { ttl: 0 }),
    'putFile, path': one => one.putFile('key', '/nowhere/at/all'),
    'putFile, directory': one => one.putFile('key', import.meta.dirname),
    'getFile, key': one => one.getFile('', 'target'),
    'getFile, directory': one => one.getFile('key', import.meta.dirname),
    'getFile, digest': one => one.getFile('key', 'target', { sha256: 'abc' }),
    'getFile, path': one => one.getFile('key', new URL('file:///x') as never),
    'getMany, one key': one => one.getMany('key' as never),
    'deleteMany, one key': one => one.deleteMany('key' as never),
    'deleteMany, nothing': one => one.deleteMany(undefined as never),
    'setMany, object': one => one.setMany({ a: 1 } as never),
    'setMany, text': one => one.setMany(['ab'] as never),
    'getOrSet, value': one => one.getOrSet('key', 5 as never),
    'getOrSet, signal': one => one.getOrSet('key', () => 1, { signal: new AbortController() as never }),
    'getOrSet, onWait': one => one.getOrSet('key', () => 1, { onWait: true as never }),
    'set, name': one => one.set('key', 1, { tll: '1h' } as never),
    'set, text': one => one.set('key', 1, '1h' as never),
    'add, name': one => one.add('key', 1, { expires: 5 } as never),
    'keys, name': one => collect(one.keys({ begins: 'a' } as never)),
    'keys, prefix': one => collect(one.keys({ prefix: 5 as never })),
    'entries, text': one => collect(one.entries('a' as never)),
    'check, repair': one => one.check({ repair: 'no' as never }),
  };
  const storing = createDefaultCache({ cacheRoot: await temporaryRoot(t), tag: 'on' });
  for (const [name, call] of Object.entries(mistakes)) {
    const error = await t.throwsAsync(call(cache), { instanceOf: InvalidArgumentError }, name);
    t.is(error.message, (await t.throwsAsync(call(storing))).message, name);
  }
  for (const call of [
    (one: Cache) => one.set('key', { run: () => 1 }),
    (one: Cache) => one.add('key', { run: () => 1 }),
    (one: Cache) => one.setMany([['key', { run: () => 1 }]]),
    (one: Cache) => one.getOrSet('key', () => ({ run: () => 1 }) as unknown),
  ]) {
    const error = await t.throwsAsync(call(cache), { instanceOf: UncloneableValueError });
    t.is(error.message, (await t.throwsAsync(call(storing))).message);
  }
});

test.serial('a disabled cache can be closed', async t => {
  const { cache, cacheRoot } = await disabled(t);
  await cache.close();
  await cache.close();
  await t.throwsAsync(cache.get('key'), { code: 'GLOVEBOX_CLOSED' });
  await t.throwsAsync(cache.set('key', 1), { code: 'GLOVEBOX_CLOSED' });
  await t.throwsAsync(collect(cache.keys()), { code: 'GLOVEBOX_CLOSED' });
  await t.throwsAsync(cache.stats(), { code: 'GLOVEBOX_CLOSED' });
  const again = createDefaultCache({ cacheRoot, tag: 'off', enabled: false });
  t.not(again, cache);
  t.is(await again.get('key'), undefined);
});

test.serial('getOrSet returns to its caller the same as an enabled cache', async t => {
  const { cache } = await disabled(t);
  for (const value of changing()) {
    const produced = await cache.getOrSet('key', () => value);
    t.deepEqual(produced, structuredClone(value));
    t.is(Object.getPrototypeOf(produced), Object.getPrototypeOf(structuredClone(value)));
  }
});
