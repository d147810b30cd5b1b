// Migrations: a database of any published version is brought to this one, once, by whichever process opens it, and
// without loss.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdir, readdir, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import test, { type ExecutionContext } from 'ava';
import Database from 'better-sqlite3';
import { LOCK_STALE_MS } from '../../../../src/cache/coordinator/locks.ts';
import { SCHEMA } from '../../../../src/cache/storage/sqlite/schema.ts';
import { createDefaultCache } from '../../../../src/index.ts';
import { temporaryRoot } from '../../../support/temporary.ts';

const fixtures = join(import.meta.dirname, 'fixtures');

/** A tag's directory with the database of a version in it. */
async function withFixture(t: ExecutionContext, version: number): Promise<{ root: string; file: string }> {
  const root = await temporaryRoot(t);
  const directory = join(root, 'old');
  await mkdir(directory, { mode: 0o700 });
  const file = join(directory, 'cache.db');
  await copyFile(join(fixtures, `schema-${version}.db`), file);
  return { root, file };
}

function startMigrating(t: ExecutionContext, file: string, ...args: string[]) {
  const program = join(import.meta.dirname, 'migrating-process.ts');
  const child = spawn(process.execPath, [program, file, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.teardown(() => void child.kill('SIGKILL'));
  return child;
}

test('there is a fixture of every version, this one included', async t => {
  const names = (await readdir(fixtures)).sort();
  t.deepEqual(
    names,
    Array.from({ length: SCHEMA.version }, (_, index) => `schema-${index + 1}.db`),
  );
});

for (let version = 1; version <= SCHEMA.version; version++) {
  test.serial(`the entries of a version ${version} database are read`, async t => {
    const { root } = await withFixture(t, version);
    const cache = createDefaultCache({ cacheRoot: root, tag: 'old' });
    t.is(await cache.get('text'), 'Grüße');
    t.deepEqual(await cache.get('bytes'), Buffer.from([1, 2, 3]));
    t.deepEqual(await cache.get('object'), { list: [1, 'two'], when: new Date(0), nothing: undefined });
    t.is(await cache.increment('count'), 42);
    t.is((await cache.metadata('text'))?.accessCount, 1);
    if (version >= 2) t.is((await cache.metadata('until 2100'))?.expires, Date.UTC(2100, 0));
    if (version >= 2) t.is(await cache.get('until 2100'), 'a while');
    t.deepEqual((await cache.check()).problems, []);
  });
}

test.serial('entries of version 1 keep their expiry times', async t => {
  const { root, file } = await withFixture(t, 1);
  const expires = Date.UTC(2100, 0);
  const old = new Database(file);
  old.prepare('UPDATE entries SET expires = ? WHERE key = ?').run(expires, 'text');
  old.close();
  let now = expires - 1;
  const cache = createDefaultCache({ cacheRoot: root, tag: 'old', clock: () => now });
  t.is(await cache.get('text'), 'Grüße');
  t.deepEqual((await cache.check()).problems, []);
  now++;
  t.is(await cache.get('text'), undefined);
});

test('of many processes that open an older database at once, one migrates it, and all see its entries', async t => {
  const { file } = await withFixture(t, SCHEMA.version);
  const children = Array.from({ length: 4 }, () => startMigrating(t, file));
  const outputs = await Promise.all(children.map(child => text(child.stdout)));
  t.is(outputs.filter(output => output.includes('migrating')).length, 1);
  t.true(outputs.every(output => output.endsWith('opened 5\n')));
});

test('a process that is killed while it migrates leaves the older database, and the next one migrates it', async t => {
  const { root, file } = await withFixture(t, SCHEMA.version);
  const child = startMigrating(t, file, 'stop');
  await once(child.stdout, 'data');
  child.kill('SIGKILL');
  await once(child, 'close');
  const left = new Database(file);
  t.is(left.pragma('user_version', { simple: true }), SCHEMA.version);
  t.false(
    left
      .prepare('SELECT * FROM entries')
      .columns()
      .some(({ name }) => name === 'note'),
  );
  left.close();
  t.is(
    await createDefaultCache({ cacheRoot: root, tag: 'old' }).get('text'),
    'Grüße',
    'this version still reads it',
  );
  // Its lock becomes too old for a living process; or it has been collected already.
  const old = new Date(Date.now() - LOCK_STALE_MS - 1000);
  await utimes(`${file}.lock`, old, old).catch(() => undefined);
  t.is(await text(startMigrating(t, file).stdout), 'migrating\nopened 5\n');
});
