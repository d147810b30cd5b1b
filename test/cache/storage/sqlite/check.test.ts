// check(): database and blobs are compared with each other; its findings and its repairs.
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import Database from 'better-sqlite3';
import { type CheckProblem, createDefaultCache } from '../../../../src/index.ts';
import { processFilePrefix } from '../../../../src/system/process-identity.ts';
import { temporaryRoot } from '../../../support/temporary.ts';

const LARGE = Buffer.alloc(100_000, 'large');

/** A store with a small value, two entries on one blob, and another blob. */
async function prepare(t: ExecutionContext) {
  const cacheRoot = await temporaryRoot(t);
  const cache = createDefaultCache({ cacheRoot, tag: 'a', localTierSize: 0 });
  await cache.set('small', { a: 'value' });
  await cache.set('large', LARGE);
  await cache.set('same', LARGE);
  await cache.set('other', Buffer.alloc(90_000, 'other'));
  const blobs = join(cacheRoot, 'a', 'blobs');
  const withDatabase = <T>(work: (database: Database.Database) => T): T => {
    const database = new Database(join(cacheRoot, 'a', 'cache.db'));
    try {
      return work(database);
    } finally {
      database.close();
    }
  };
  const edit = (sql: string, ...parameters: unknown[]) =>
    withDatabase(database => database.prepare(sql).run(...parameters).changes);
  const blobOf = (key: string): string => {
    const hash = withDatabase(database =>
      database.prepare('SELECT blob FROM entries WHERE key = ?').pluck().get(key),
    ) as string;
    return join(blobs, hash.slice(0, 2), hash.slice(2));
  };
  return { cacheRoot, cache, blobs, edit, blobOf };
}

const kinds = (problems: CheckProblem[]): [kind: string, subject: string][] =>
  problems.map(({ kind, subject }): [string, string] => [kind, subject]).sort();

/** The problem is found without repair as well, repaired with it, and then gone. */
async function isFoundAndMended(
  t: ExecutionContext,
  { cache }: Awaited<ReturnType<typeof prepare>>,
  expected: [kind: CheckProblem['kind'], subject: string][],
) {
  const looked = await cache.check({ repair: false });
  t.deepEqual(kinds(looked.problems), expected.toSorted());
  for (const { mended, message } of looked.problems) {
    t.is(mended, undefined);
    t.not(message, '');
  }
  const { problems } = await cache.check();
  t.deepEqual(kinds(problems), expected.toSorted(), 'looking alone mended nothing');
  for (const { mended } of problems) t.is(typeof mended, 'string');
  t.deepEqual((await cache.check()).problems, []);
}

test.serial('the report says how much was checked', async t => {
  const { cache } = await prepare(t);
  t.deepEqual(await cache.check(), { entries: 4, blobs: 2, problems: [] });
});

test.serial('a flipped bit in a blob is found, and its entries are removed', async t => {
  const store = await prepare(t);
  const file = store.blobOf('large');
  const bytes = await readFile(file);
  bytes[50_000]! ^= 1;
  await writeFile(file, bytes);
  await isFoundAndMended(t, store, [
    ['damaged-blob', 'large'],
    ['damaged-blob', 'same'],
  ]);
  t.deepEqual(await Array.fromAsync(store.cache.keys()), ['other', 'small']);
  t.is((await store.cache.stats()).blobs, 1);
  await store.cache.set('large', LARGE);
  t.true(LARGE.equals((await store.cache.get<Buffer>('large'))!));
});

test.serial('a missing blob is found, and its entries are removed', async t => {
  const store = await prepare(t);
  await rm(store.blobOf('other'));
  await isFoundAndMended(t, store, [['missing-blob', 'other']]);
  t.deepEqual(await Array.fromAsync(store.cache.keys()), ['large', 'same', 'small']);
});

test.serial('an unused blob, and a file that is not a blob, are found and removed', async t => {
  const store = await prepare(t);
  await mkdir(join(store.blobs, 'ab'), { recursive: true });
  const orphan = join(store.blobs, 'ab', 'c'.repeat(62));
  const stranger = join(store.blobs, 'ab', 'notes.txt');
  await writeFile(orphan, 'nobody’s');
  await writeFile(stranger, 'nobody’s');
  await isFoundAndMended(t, store, [
    ['orphaned-blob', orphan],
    ['leftover-file', stranger],
  ]);
  t.deepEqual(await readdir(join(store.blobs, 'ab')), []);
  t.is((await Array.fromAsync(store.cache.keys())).length, 4);
});

const VALVE = `UPDATE entries SET value = CAST(replace(CAST(value AS TEXT), 'value', 'valve') AS BLOB) WHERE key = 'small'`;
const damages: [name: string, sql: string, key: string][] = [
  ['a changed value', VALVE, 'small'],
  ['a value under another key', `UPDATE entries SET key = 'stolen' WHERE key = 'small'`, 'stolen'],
  ['an unknown encoding', `UPDATE entries SET encoding = 99 WHERE key = 'small'`, 'small'],
  ['a lost value', `UPDATE entries SET value = NULL WHERE key = 'small'`, 'small'],
];

for (const [name, sql, key] of damages) {
  test.serial(`${name} in a row is found, and the entry is removed`, async t => {
    const store = await prepare(t);
    t.is(store.edit(sql), 1);
    await isFoundAndMended(t, store, [['damaged-value', key]]);
    t.deepEqual(await Array.fromAsync(store.cache.keys()), ['large', 'other', 'same']);
  });

  test.serial(`${name} in a row is a miss`, async t => {
    const { cache, edit } = await prepare(t);
    edit(sql);
    t.deepEqual(
      (await Array.fromAsync(cache.entries())).map(([found]) => found),
      ['large', 'other', 'same'],
    );
    t.is(await cache.get(key, 'miss'), 'miss');
    t.is(await cache.getOrSet(key, () => 'made again'), 'made again');
  });
}

test.serial('a damaged or missing blob is a miss', async t => {
  const { cache, blobOf } = await prepare(t);
  const file = blobOf('large');
  const bytes = await readFile(file);
  bytes[50_000]! ^= 1;
  await writeFile(file, bytes);
  await rm(blobOf('other'));
  t.is(await cache.get('large', 'miss'), 'miss');
  t.deepEqual([...(await cache.getMany(['small', 'same', 'other']))], [['small', { a: 'value' }]]);
  t.deepEqual(await Array.fromAsync(cache.entries()), [['small', { a: 'value' }]]);
  t.is(await cache.getOrSet('other', () => 'made again'), 'made again');
});

test.serial('a damaged file is never restored: the destination is unchanged', async t => {
  const { cache, cacheRoot, blobOf } = await prepare(t);
  const [source, target] = [join(cacheRoot, 'source'), join(cacheRoot, 'target')];
  await writeFile(source, 'firmware');
  await writeFile(target, 'older');
  await cache.putFile('damaged', source);
  await writeFile(blobOf('damaged'), 'firmwarE');
  t.false(await cache.getFile('damaged', target));
  await cache.putFile('missing', source);
  await rm(blobOf('missing'));
  t.false(await cache.getFile('missing', target));
  t.is(await readFile(target, 'utf8'), 'older');
  t.deepEqual((await readdir(cacheRoot)).sort(), ['a', 'source', 'target']);
});

test.serial('wrong totals of blobs and wrong use counts of a blob are found and corrected', async t => {
  const store = await prepare(t);
  const { size, count } = await store.cache.stats();
  store.edit('UPDATE usage SET blob_size = 5, blob_count = 77');
  store.edit('UPDATE blobs SET refs = 9 WHERE size = ?', LARGE.length);
  const { problems } = await store.cache.check({ repair: false });
  t.deepEqual(problems.map(({ kind }) => kind).sort(), ['wrong-count', 'wrong-size']);
  t.true((await store.cache.check()).problems.every(({ mended }) => mended !== undefined));
  t.deepEqual((await store.cache.check()).problems, []);
  const after = await store.cache.stats();
  t.deepEqual([after.size, after.count], [size, count]);
  await store.cache.deleteMany(['large', 'same']);
  t.is(
    (await store.cache.stats()).blobs,
    1,
    'the count is right again, so the blob goes with its last entry',
  );
});

test.serial('temporary files of dead processes are removed, those of living ones are not', async t => {
  const { cache, blobs } = await prepare(t);
  const living = `${processFilePrefix()}-00000000-0000-4000-8000-000000000000`;
  // A pid that no process can have.
  const dead = living.replace(/^\d+/, '4194305');
  await writeFile(join(blobs, 'tmp', living), 'x');
  await writeFile(join(blobs, 'tmp', dead), 'x');
  t.deepEqual(kinds((await cache.check()).problems), [['leftover-file', join(blobs, 'tmp', dead)]]);
  t.deepEqual(await readdir(join(blobs, 'tmp')), [living]);
  await writeFile(join(blobs, 'tmp', dead), 'x');
  await cache.cleanup();
  t.deepEqual(await readdir(join(blobs, 'tmp')), [living]);
});
