// Expiry times under the checksum: no flipped bit there brings an entry back.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import Database from 'better-sqlite3';
import { createDefaultCache } from '../../../src/index.ts';
import { temporaryRoot } from '../../support/temporary.ts';

const START = Date.UTC(2030, 0);
const TTL = 60_000;
const LARGE = Buffer.alloc(100_000, 'large');

/** A cache with entries that expired a moment ago, and a function that damages their times. */
async function prepare(t: ExecutionContext) {
  const cacheRoot = await temporaryRoot(t);
  let now = START;
  const cache = createDefaultCache({ cacheRoot, tag: 'a', localTierSize: 0, clock: () => now });
  const source = join(cacheRoot, 'source');
  await writeFile(source, 'firmware');
  await cache.set('small', 'value', { ttl: TTL });
  await cache.set('large', LARGE, { ttl: TTL });
  await cache.set('count', 40, { ttl: TTL });
  await cache.putFile('file', source, { ttl: TTL });
  now += TTL;
  const database = new Database(join(cacheRoot, 'a', 'cache.db'));
  t.teardown(() => database.close());
  const setExpires = (expires: number | null) =>
    void database.prepare('UPDATE entries SET expires = ?').run(expires);
  const setNow = (time: number) => {
    now = time;
  };
  return { cache, cacheRoot, setExpires, setNow };
}

test.serial('no flipped bit of the time brings an expired entry back', async t => {
  const { cache, setExpires } = await prepare(t);
  const expires = START + TTL;
  // All the bits that SQLite keeps of such a number.
  for (let bit = 0; bit < 48; bit++) {
    const flipped = Math.floor(expires / 2 ** bit) % 2 === 0 ? expires + 2 ** bit : expires - 2 ** bit;
    setExpires(flipped);
    // Read by iteration: a get would remove the entry and leave nothing for the next bit.
    t.deepEqual(await Array.fromAsync(cache.entries()), [], `bit ${bit}`);
  }
});

for (const [name, damaged] of [
  ['that was moved into the future', START + 2 * TTL],
  ['that was deleted', null],
] as const) {
  test.serial(`with a time ${name}, every way to read gives a miss`, async t => {
    const { cache, cacheRoot, setExpires } = await prepare(t);
    setExpires(damaged);
    const destination = join(cacheRoot, 'destination');
    await writeFile(destination, 'older');
    t.false(await cache.getFile('file', destination));
    t.is(await readFile(destination, 'utf8'), 'older');
    t.is(await cache.get('small', 'miss'), 'miss');
    t.is(await cache.get('large', 'miss'), 'miss');
    t.is(await cache.increment('count'), 1, 'a damaged number counts as none');
    t.is(await cache.getOrSet('small', () => 'made again'), 'made again');
  });
}

test.serial('check() finds such entries and removes them', async t => {
  const { cache, setExpires } = await prepare(t);
  setExpires(null);
  const { problems } = await cache.check();
  t.deepEqual(
    problems.map(({ kind, subject }) => [kind, subject]),
    ['small', 'large', 'count', 'file'].map(key => ['damaged-value', key]),
  );
  t.deepEqual((await cache.check()).problems, []);
});

test.serial('a touch does not repair a damaged time', async t => {
  const { cache, setExpires, setNow } = await prepare(t);
  setExpires(null);
  t.true(await cache.touch('small', TTL));
  t.is(await cache.get('small', 'miss'), 'miss');
  setNow(START);
  await cache.set('small', 'value', { ttl: TTL });
  t.true(await cache.touch('small', 3 * TTL));
  setNow(START + 3 * TTL - 1);
  t.is(await cache.get('small'), 'value', 'a sound one moves with every touch');
  t.true(await cache.touch('small', 'never'));
  t.is(await cache.get('small'), 'value');
});
