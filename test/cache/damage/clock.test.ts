// Clocks that are set back or forward by a day: entries expire by the caller's clock, and by no other.
import { execFile } from 'node:child_process';
import { mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import { type Cache, createDefaultCache } from '../../../src/index.ts';
import { scratch } from './support.ts';

const DAY = 24 * 60 * 60 * 1000;
const NOON = Date.UTC(2024, 0, 2, 12);

interface Watch {
  time: number;
  cache: Cache;
}

let count = 0;
async function watches(t: ExecutionContext, backend: 'sqlite' | 'memory', many: number): Promise<Watch[]> {
  const cacheRoot = await scratch(t);
  const tag = `clock-${count++}`;
  return Array.from({ length: many }, () => {
    const time = { time: NOON };
    const cache = createDefaultCache({ cacheRoot, tag, backend, clock: () => time.time });
    t.teardown(() => cache.close());
    return Object.assign(time, { cache });
  });
}

for (const backend of ['sqlite', 'memory'] as const) {
  test(`${backend}: a clock set forward expires entries early, and set back again it shows those that were not collected`, async t => {
    const [watch] = (await watches(t, backend, 1)) as [Watch];
    const { cache } = watch;
    await cache.set('hour', 1, { ttl: '1h' });
    await cache.set('week', 2, { ttl: '7d' });
    await cache.set('ever', 3);
    watch.time = NOON + DAY;
    t.is(await cache.get('hour'), undefined);
    t.is(await cache.get('week'), 2);
    t.is(await cache.get('ever'), 3);
    watch.time = NOON;
    t.is(await cache.get('hour'), 1);
    watch.time = NOON + DAY;
    t.is(await cache.cleanup(), 1);
    watch.time = NOON;
    t.is(await cache.get('hour'), undefined);
    t.is(await cache.get('week'), 2);
  });

  test(`${backend}: a clock set back loses nothing, and new entries expire by it`, async t => {
    const [watch] = (await watches(t, backend, 1)) as [Watch];
    const { cache } = watch;
    await cache.set('before', 1, { ttl: '1h' });
    watch.time = NOON - DAY;
    t.is(await cache.get('before'), 1);
    t.is(await cache.cleanup(), 0);
    await cache.set('then', 2, { ttl: '1h' });
    watch.time = NOON - DAY + 60 * 60 * 1000 - 1;
    t.is(await cache.get('then'), 2);
    watch.time = NOON - DAY + 60 * 60 * 1000;
    t.is(await cache.get('then'), undefined);
    t.is(await cache.get('before'), 1);
    t.true(await cache.add('then', 3));
    t.is((await cache.metadata('before'))?.created, NOON);
  });

  test(`${backend}: callers whose clocks are a day apart share one transaction, and each keeps its own time`, async t => {
    const [late, early] = (await watches(t, backend, 2)) as [Watch, Watch];
    late.time = NOON + DAY;
    t.true(await early.cache.set('key', 'early', { ttl: '1h' }));
    t.true(await early.cache.set('other', 'early', { ttl: '1h' }));
    // In one turn, so in one batch, with the late one first.
    const [ofLate, ofEarly, touched] = await Promise.all([
      late.cache.touch('other', '1h'),
      early.cache.add('key', 'not now'),
      early.cache.touch('other', '2h'),
    ]);
    t.false(ofLate);
    t.false(ofEarly);
    t.true(touched);
    t.is(await early.cache.get('key'), 'early');
    t.is(await late.cache.get('key'), undefined);
    t.true(await late.cache.add('key', 'late', { ttl: '1h' }));
    t.is(await early.cache.get('key'), 'late');
  });
}

test("a dead process's lock from the future, after the clock was set back, does not hold others up for ever", async t => {
  const cacheRoot = await scratch(t);
  const directory = join(cacheRoot, 'locked');
  mkdirSync(join(directory, 'cache.db.lock'), { recursive: true, mode: 0o700 });
  const tomorrow = (Date.now() + DAY) / 1000;
  utimesSync(join(directory, 'cache.db.lock'), tomorrow, tomorrow);
  // The lock is needed to quarantine a damaged database.
  writeFileSync(join(directory, 'cache.db'), 'not a database '.repeat(1000), { mode: 0o600 });
  const index = new URL('../../../src/index.ts', import.meta.url).href;
  const program = `const { createDefaultCache } = await import(${JSON.stringify(index)});
    const cache = createDefaultCache({ tag: 'locked', cacheRoot: process.argv[1] });
    process.stdout.write(String(await cache.set('key', 1)));`;
  // Waiting blocks the thread: it happens in its own process.
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--no-warnings', '--input-type=module', '-e', program, cacheRoot],
    { timeout: 60_000 },
  );
  t.is(stdout, 'true');
});
