// The database on disk: its settings and version, its permissions, and files that are not caches of ours.
import { copyFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import Database from 'better-sqlite3';
import { openDatabase } from '../../../../src/cache/storage/sqlite/open.ts';
import { APPLICATION_ID, EVICTION_ORDER, SCHEMA } from '../../../../src/cache/storage/sqlite/schema.ts';
import { createDefaultCache, resetSharedCacheInstances } from '../../../../src/index.ts';
import { eventually } from '../../../support/eventually.ts';
import type { Tools } from '../../../support/glovebox.ts';
import { startProcess } from '../../../support/process.ts';
import { temporaryDirectory, temporaryRoot } from '../../../support/temporary.ts';
import { startThreads } from '../../../support/thread.ts';

async function prepare(t: ExecutionContext, options = {}) {
  const cacheRoot = await temporaryRoot(t);
  const directory = join(cacheRoot, 'a');
  return {
    cacheRoot,
    directory,
    file: join(directory, 'cache.db'),
    open: () => createDefaultCache({ cacheRoot, tag: 'a', ...options }),
  };
}

/** Reads a database, or changes it, behind the cache's back. */
function withDatabase<T>(file: string, look: (database: Database.Database) => T): T {
  const database = new Database(file);
  try {
    return look(database);
  } finally {
    database.close();
  }
}

test.serial('the database is in WAL mode, with its application id and version', async t => {
  const { open, file } = await prepare(t);
  await open().set('key', 1);
  const pragmas = withDatabase(file, database =>
    ['journal_mode', 'application_id', 'user_version', 'integrity_check'].map(name =>
      database.pragma(name, { simple: true }),
    ),
  );
  t.deepEqual(pragmas, ['wal', APPLICATION_ID, SCHEMA.version, 'ok']);
  t.is(APPLICATION_ID, 0x47424f58);
});

test.serial("the writer's connection flushes at checkpoints, not at each commit", async t => {
  const directory = await temporaryDirectory(t);
  const database = openDatabase(join(directory, 'cache.db'));
  t.is(database.pragma('synchronous', { simple: true }), 1, 'NORMAL');
  database.close();
});

test.serial('a database that another process is creating is never mistaken for a foreign one', async t => {
  const directory = await temporaryDirectory(t);
  const [thread] = startThreads(t, 1);
  for (let round = 0; round < 50; round++) {
    const file = join(directory, `${round}.db`);
    const isLooking = new Int32Array(new SharedArrayBuffer(4));
    const found = thread!.run(inspectUntilMade, file, isLooking);
    await eventually(() => Atomics.load(isLooking, 0) === 1);
    openDatabase(file).close();
    t.deepEqual(await found, ['empty', 'current']);
  }
});

// The states of a database, from before its creation until it is complete.
function inspectUntilMade(
  { connect, inspectDatabase }: Tools,
  file: string,
  isLooking: Int32Array,
): string[] {
  const database = connect(file, {});
  const kinds = new Set([inspectDatabase(database)]);
  Atomics.store(isLooking, 0, 1);
  while (!kinds.has('current') && !kinds.has('foreign')) kinds.add(inspectDatabase(database));
  database.close();
  return [...kinds];
}

test.serial("a write waits for another process's transaction until its timeout, and no longer", async t => {
  const { open, cacheRoot, file } = await prepare(t);
  const patient = open();
  const hasty = createDefaultCache({ cacheRoot, tag: 'a', timeout: '50ms' });
  await patient.set('key', 'before');
  const other = new Database(file);
  t.teardown(() => other.close());
  other.exec('BEGIN IMMEDIATE');
  const late = patient.set('key', 'after');
  const counted = patient.increment('count');
  t.false(await hasty.set('hasty', 1));
  t.is(await hasty.increment('hasty'), undefined);
  t.is(await patient.get('key'), 'before', 'reads go on meanwhile');
  other.exec('COMMIT');
  t.true(await late);
  t.is(await counted, 1);
  t.is(await patient.get('key'), 'after');
  t.false(await patient.has('hasty'), 'what was given up is not done later');
  t.true(await hasty.set('hasty', 2));
});

test.serial(
  'opening a database that another process locks waits until the timeout, and no longer',
  async t => {
    const { open, cacheRoot, file } = await prepare(t);
    await open().set('key', 'value');
    await resetSharedCacheInstances();
    // As a process does that was stopped while it recovers the database.
    const other = new Database(file);
    other.pragma('locking_mode = EXCLUSIVE');
    other.exec('BEGIN IMMEDIATE; COMMIT');
    t.teardown(() => other.close());
    const warnings: string[] = [];
    const onWarning = (warning: Error) => warnings.push(warning.message);
    process.on('warning', onWarning);
    t.teardown(() => process.off('warning', onWarning));
    const reading = open().get('key');
    const adding = open().add('other', 1);
    // Longer than SQLite itself would wait, and without blocking the event loop.
    await setTimeout(6000);
    t.deepEqual(warnings, []);
    other.close();
    t.is(await reading, 'value');
    t.true(await adding);
    await resetSharedCacheInstances();

    const again = new Database(file);
    t.teardown(() => again.close());
    again.pragma('locking_mode = EXCLUSIVE');
    again.exec('BEGIN IMMEDIATE; COMMIT');
    const hasty = createDefaultCache({ cacheRoot, tag: 'a', timeout: '50ms' });
    t.is(await hasty.get('key'), undefined);
    t.false(await hasty.set('key', 'lost'));
    t.regex((await hasty.stats()).degraded ?? '', /locked/);
    again.close();
  },
);

test.serial('directories are 0700 and files 0600, whatever the umask', async t => {
  const root = join(await temporaryRoot(t), 'new', 'root');
  const modes = await startProcess(
    t,
    async ({ createDefaultCache, fs }, cacheRoot) => {
      process.umask(0);
      const cache = createDefaultCache({ cacheRoot, tag: 'a' });
      await cache.set('key', 1);
      await cache.set('large', Buffer.alloc(100_000));
      fs.writeFileSync(`${cacheRoot}/source`, 'x', { mode: 0o777 });
      await cache.putFile('file', `${cacheRoot}/source`);
      await cache.getOrSet('produced', () => 1);
      // The lock is released a moment after the value.
      while (fs.readdirSync(`${cacheRoot}/a/locks`).length > 0) await new Promise(setImmediate);
      const modes: Record<string, string> = {};
      for (const name of ['..', '', ...(fs.readdirSync(`${cacheRoot}/a`, { recursive: true }) as string[])]) {
        const stats = fs.statSync(`${cacheRoot}/a/${name}`);
        modes[name] = `${stats.isDirectory() ? 'directory' : 'file'} ${(stats.mode & 0o777).toString(8)}`;
      }
      return modes;
    },
    [root],
  ).result();
  t.true(Object.keys(modes).includes('cache.db-wal'), Object.keys(modes).join());
  t.is(Object.keys(modes).filter(name => /^blobs.[0-9a-f]{2}.[0-9a-f]{62}$/.test(name)).length, 2);
  for (const [name, mode] of Object.entries(modes)) {
    t.is(mode, mode.startsWith('directory') ? 'directory 700' : 'file 600', name);
  }
});

test.serial('stored entries are there when the store is opened again', async t => {
  const { open } = await prepare(t);
  await open().set('key', { a: 1 }, { ttl: '1h' });
  await open().set('large', Buffer.alloc(100_000, 1));
  await resetSharedCacheInstances();
  t.deepEqual(await open().get('key'), { a: 1 });
  t.deepEqual(await open().get('large'), Buffer.alloc(100_000, 1));
  const { size, count, blobs } = await open().stats();
  t.deepEqual([count, blobs], [2, 1]);
  t.true(size > 100_000);
});

test.serial('a database of a newer version is left alone, byte for byte, and everything misses', async t => {
  const { open, file, directory } = await prepare(t);
  await open().set('key', 1);
  await resetSharedCacheInstances();
  withDatabase(file, database => database.pragma(`user_version = ${SCHEMA.version + 1}`));
  const before = await readFile(file);
  const cache = open();
  t.is(await cache.get('key'), undefined);
  t.false(await cache.set('key', 2));
  t.false(await cache.set('large', Buffer.alloc(100_000)));
  t.is(await cache.increment('count'), undefined);
  t.is(await cache.getOrSet('produced', () => 3), 3);
  t.is(await cache.clear(), 0);
  t.is(await cache.cleanup(), 0);
  t.deepEqual((await cache.check()).problems, []);
  const { enabled, degraded } = await cache.stats();
  t.false(enabled);
  t.regex(degraded ?? '', /newer Glovebox/);
  await resetSharedCacheInstances();
  t.true((await readFile(file)).equals(before));
  t.deepEqual(
    (await readdir(directory)).filter(name => name.includes('damaged')),
    [],
  );
});

test.serial("another application's database of the same name is left alone", async t => {
  const { open, file, directory } = await prepare(t);
  await mkdir(directory);
  withDatabase(file, database => database.exec('CREATE TABLE theirs (a); INSERT INTO theirs VALUES (1)'));
  const before = await readFile(file);
  t.false(await open().set('key', 1));
  t.regex((await open().stats()).degraded ?? '', /not a cache of Glovebox/);
  await resetSharedCacheInstances();
  t.true((await readFile(file)).equals(before));
});

test.serial('a file that is not a database is quarantined, and a new cache is created', async t => {
  const { open, file, directory } = await prepare(t);
  await mkdir(directory);
  const garbage = Buffer.alloc(20_000, 'no database ');
  await writeFile(file, garbage);
  t.true(await open().set('key', 1));
  t.is(await open().get('key'), 1);
  t.true((await open().stats()).enabled);
  const aside = (await readdir(directory)).filter(name => name.startsWith('cache.db.damaged-'));
  t.is(aside.length, 1);
  t.true((await readFile(join(directory, aside[0]!))).equals(garbage));
});

test.serial('an empty file becomes a cache', async t => {
  const { open, file, directory } = await prepare(t);
  await mkdir(directory);
  await writeFile(file, '');
  t.true(await open().set('key', 1));
  t.is(await open().get('key'), 1);
});

test.serial(
  'damage to a closed database is found when it is read; the cache goes on with a new one',
  async t => {
    const { open, file, directory } = await prepare(t);
    await open().setMany(Array.from({ length: 400 }, (_, index) => [`key-${index}`, 'x'.repeat(500)]));
    await resetSharedCacheInstances();
    const bytes = await readFile(file);
    bytes.fill(0xab, 2048 * 6, bytes.length);
    await writeFile(file, bytes);
    // Each read gives the stored value or a miss.
    for (let index = 0; index < 400; index += 7) {
      const value = await open().get(`key-${index}`, 'miss');
      t.true(value === 'miss' || value === 'x'.repeat(500));
    }
    t.true(await open().set('new', 1));
    t.is(await open().get('new'), 1);
    t.true((await readdir(directory)).some(name => name.includes('.damaged-')));
    t.true((await open().stats()).enabled);
  },
);

test.serial(
  'a directory that cannot be created is not an error: everything misses, and stats say why',
  async t => {
    const { cacheRoot } = await prepare(t);
    await writeFile(join(cacheRoot, 'file'), 'in the way');
    const cache = createDefaultCache({ cacheRoot: join(cacheRoot, 'file', 'below'), tag: 'a' });
    t.false(await cache.set('key', 1));
    t.is(await cache.get('key', 'miss'), 'miss');
    t.is(await cache.getOrSet('key', () => 'made'), 'made');
    const { enabled, degraded } = await cache.stats();
    t.false(enabled);
    t.regex(degraded ?? '', /ENOTDIR|not a directory/);
  },
);

for (const [policy, order] of Object.entries(EVICTION_ORDER)) {
  test.serial(`${policy}: eviction, expiry and reading use their index and never scan the table`, async t => {
    const { open, file } = await prepare(t, { policy });
    await open().set('key', 1);
    withDatabase(file, database => {
      const plan = (sql: string) =>
        (database.prepare(`EXPLAIN QUERY PLAN ${sql}`).all() as { detail: string }[])
          .map(({ detail }) => detail)
          .join();
      const evicting = plan(`SELECT id, key, blob, size, expires FROM entries ORDER BY ${order} LIMIT 1`);
      t.regex(evicting, /USING INDEX entries_by_/);
      t.notRegex(evicting, /TEMP B-TREE/);
      const expiring = plan(
        'SELECT id, key, blob, size, expires FROM entries WHERE expires <= 5 ORDER BY expires LIMIT 5',
      );
      t.regex(expiring, /^SEARCH entries USING INDEX entries_expires/);
      t.notRegex(expiring, /TEMP B-TREE/);
      t.regex(plan('SELECT hash FROM blobs WHERE refs = 0 LIMIT 5'), /USING (COVERING )?INDEX blobs_unused/);
      t.regex(plan("SELECT value FROM entries WHERE key = 'a'"), /^SEARCH entries USING INDEX/);
    });
  });
}

test.serial('another policy gets its own index when the store is opened with it', async t => {
  const { cacheRoot, file } = await prepare(t);
  const indexes = () =>
    withDatabase(file, database =>
      database.prepare("SELECT name FROM sqlite_schema WHERE name LIKE 'entries_by%'").pluck().all(),
    );
  const seen: unknown[] = [];
  for (const policy of [
    'least-recently-used',
    'least-frequently-used',
    'none',
    'least-recently-stored',
  ] as const) {
    await createDefaultCache({ cacheRoot, tag: 'a', policy }).set('key', policy);
    seen.push(indexes());
    await resetSharedCacheInstances();
  }
  t.deepEqual(seen, [['entries_by_accessed'], ['entries_by_hits_accessed'], [], ['entries_by_created']]);
});

test.serial('a copy of a closed store is a store', async t => {
  const { open, cacheRoot, file } = await prepare(t);
  await open().set('key', 'value');
  await resetSharedCacheInstances();
  await mkdir(join(cacheRoot, 'b'));
  await copyFile(file, join(cacheRoot, 'b', 'cache.db'));
  t.is(await createDefaultCache({ cacheRoot, tag: 'b' }).get('key'), 'value');
});
