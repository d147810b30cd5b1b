// Writes after the database files were removed: acknowledged entries are in files that are still in place.
import { renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import Database from 'better-sqlite3';
import { removeInUse } from '../../support/temporary.ts';
import { startThreads } from '../../support/thread.ts';
import { open, scratch } from './support.ts';

// Each right after the preceding commit, when the removal is least expected.
const ROUNDS = 8;

const removals: Record<string, (directory: string) => void> = {
  'the database is removed': directory => rmSync(join(directory, 'cache.db')),
  'the database is moved away': directory =>
    renameSync(join(directory, 'cache.db'), join(directory, 'elsewhere.db')),
  'the log is removed': directory => rmSync(join(directory, 'cache.db-wal')),
  'the directory is removed': removeInUse,
};

/** The entries that another process would read. */
function readAnew(directory: string, key: string): boolean {
  const database = new Database(join(directory, 'cache.db'), { readonly: true });
  try {
    return database.prepare('SELECT 1 FROM entries WHERE key = ?').get(key) !== undefined;
  } finally {
    database.close();
  }
}

async function lostAfter(t: ExecutionContext, tag: string, remove: (directory: string) => void) {
  const cacheRoot = join(await scratch(t), 'root');
  const cache = open(t, { cacheRoot, tag });
  const directory = join(cacheRoot, tag);
  const lost: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    t.true(await cache.set('before', round));
    remove(directory);
    t.true(await cache.set(`key${round}`, round));
    if (!readAnew(directory, `key${round}`)) lost.push(round);
  }
  return lost;
}

for (const [index, [name, remove]] of Object.entries(removals).entries()) {
  test(`a write right after ${name} is acknowledged only if it can be found again`, async t => {
    t.deepEqual(await lostAfter(t, `removal-${index}`, remove), []);
  });
}

test('the same holds for a direct write of a thread', async t => {
  const [thread] = startThreads(t, 1);
  const lost: string[] = [];
  for (const [index, [name, remove]] of Object.entries(removals).entries()) {
    const cacheRoot = join(await scratch(t), 'root');
    const tag = `removal-thread-${index}`;
    // The coordinator has to be running to reopen the store.
    await open(t, { cacheRoot, tag }).set('before', 0);
    const set = (key: string) =>
      thread!.run(
        async ({ createDefaultCache }, options, key) => createDefaultCache(options).set(key, key),
        { cacheRoot, tag },
        key,
      );
    for (let round = 0; round < ROUNDS; round++) {
      t.true(await set('before'));
      remove(join(cacheRoot, tag));
      t.true(await set(`key${round}`));
      if (!readAnew(join(cacheRoot, tag), `key${round}`)) lost.push(`${name}, round ${round}`);
    }
  }
  t.deepEqual(lost, []);
});

test('an increment right after the database was removed counts once, from nothing', async t => {
  const cacheRoot = join(await scratch(t), 'root');
  const cache = open(t, { cacheRoot, tag: 'removal-count' });
  t.is(await cache.increment('count', 5), 5);
  rmSync(join(cacheRoot, 'removal-count', 'cache.db'));
  const [first, second] = await Promise.all([cache.increment('count'), cache.increment('count')]);
  t.deepEqual([first, second], [1, 2]);
  t.is(await cache.get('count'), 2);
});
