// Stale locks: those of dead holders are removed, and those of living ones are kept.
import { mkdir, mkdtemp, readdir, rm, utimes } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { LOCK_STALE_MS, removeStaleLocks } from '../../../src/cache/coordinator/locks.ts';
import { createDefaultCache } from '../../../src/index.ts';

test('cleanup() removes locks without a heartbeat, and no others', async t => {
  const root = await mkdtemp(join(tmpdir(), 'glovebox-locks-'));
  t.teardown(() => rm(root, { recursive: true, force: true }));
  const cache = createDefaultCache({ cacheRoot: root, tag: 'locked' });
  await cache.set('key', 1);
  const locks = join(root, 'locked', 'locks');
  for (const [name, age] of [
    ['dead', LOCK_STALE_MS + 1000],
    ['alive', 0],
  ] as const) {
    const path = join(locks, `${name}.lock`);
    await mkdir(path, { recursive: true });
    await utimes(path, new Date(), new Date(Date.now() - age));
  }
  await cache.cleanup();
  t.deepEqual(await readdir(locks), ['alive.lock']);
  await cache.close();
});

test('a collection that meets another one resolves only after both have checked all locks', async t => {
  const directory = await mkdtemp(join(tmpdir(), 'glovebox-locks-'));
  t.teardown(() => rm(directory, { recursive: true, force: true }));
  const old = new Date(Date.now() - LOCK_STALE_MS - 1000);
  for (let index = 0; index < 20; index++) {
    await mkdir(join(directory, `${index}.lock`));
    await utimes(join(directory, `${index}.lock`), old, old);
  }
  const left = await Promise.all(
    [1, 2, 3].map(async () => {
      await removeStaleLocks(directory);
      return readdir(directory);
    }),
  );
  t.deepEqual(left, [[], [], []]);
});

for (const [name, age, isLeft] of [
  ['is removed when it has had no heartbeat', LOCK_STALE_MS + 1000, false],
  ['stays while it may be held', 0, true],
] as const) {
  test(`the lock of a database file, as a killed migration leaves it, ${name}`, async t => {
    const root = await mkdtemp(join(tmpdir(), 'glovebox-locks-'));
    t.teardown(() => rm(root, { recursive: true, force: true }));
    const cache = createDefaultCache({ cacheRoot: root, tag: 'migrated' });
    await cache.set('key', 1);
    const directory = join(root, 'migrated');
    await mkdir(join(directory, 'cache.db.lock'));
    await utimes(join(directory, 'cache.db.lock'), new Date(), new Date(Date.now() - age));
    await cache.cleanup();
    t.is((await readdir(directory)).includes('cache.db.lock'), isLeft);
    t.is(await cache.get('key'), 1);
    await cache.close();
  });
}
