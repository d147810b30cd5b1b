// Blobs of large values and files: one copy of the same bytes, for as long as an entry uses it.
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import Database from 'better-sqlite3';
import { BLOB_THRESHOLD } from '../../../../src/cache/storage/blobs.ts';
import { createDefaultCache, ValueTooLargeError } from '../../../../src/index.ts';
import { TestClock } from '../../../support/clock.ts';
import { eventually } from '../../../support/eventually.ts';
import { temporaryRoot } from '../../../support/temporary.ts';

async function prepare(t: ExecutionContext, options = {}) {
  const cacheRoot = await temporaryRoot(t);
  const clock = new TestClock();
  const cache = createDefaultCache({ cacheRoot, tag: 'a', clock: clock.now, ...options });
  const files = async (): Promise<string[]> => {
    const entries = await readdir(join(cacheRoot, 'a', 'blobs'), { recursive: true, withFileTypes: true });
    return entries.filter(entry => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name));
  };
  /** A later transaction removes unused files, and it comes by itself. */
  const areLeft = (count: number) =>
    eventually(
      async () => (await files()).length === count,
      () => `not ${count} files`,
    );
  return { cacheRoot, cache, clock, files, areLeft };
}

const LARGE = Buffer.alloc(100_000, 'large');
// In blocks of 4 KiB.
const ON_DISK = 102_400;

test.serial('a value above the threshold is a file, one at the threshold is not', async t => {
  const { cache, files } = await prepare(t);
  await cache.set('at', Buffer.alloc(BLOB_THRESHOLD));
  t.is((await files()).length, 0);
  await cache.set('above', Buffer.alloc(BLOB_THRESHOLD + 1));
  t.is((await files()).length, 1);
  const { size, blobs, count } = await cache.stats();
  t.deepEqual([blobs, count], [1, 2]);
  t.true(size > 2 * BLOB_THRESHOLD && size < 2.2 * BLOB_THRESHOLD, `${size}`);
});

test.serial('every stored file is a blob, however small', async t => {
  const { cache, cacheRoot, files } = await prepare(t);
  await writeFile(join(cacheRoot, 'source'), '');
  await cache.putFile('file', join(cacheRoot, 'source'));
  t.is((await files()).length, 1);
});

test.serial(
  'the same bytes are stored once, and stay until the last entry that uses them is removed',
  async t => {
    const { cache, cacheRoot, files, areLeft } = await prepare(t);
    await writeFile(join(cacheRoot, 'source'), LARGE);
    await cache.set('first', LARGE);
    await cache.set('second', LARGE);
    await cache.setMany([
      ['third', LARGE],
      ['fourth', Buffer.from(LARGE)],
    ]);
    await cache.putFile('file', join(cacheRoot, 'source'));
    t.is((await files()).length, 1);
    const { size, blobs } = await cache.stats();
    t.is(blobs, 1);
    t.true(size > ON_DISK && size < ON_DISK + 1000, `${size}`);
    await cache.set('first', 'small');
    await cache.delete('second');
    await cache.deleteMany(['third', 'fourth']);
    await cache.cleanup();
    t.is((await files()).length, 1);
    t.true(LARGE.equals((await cache.get<Buffer>('file'))!));
    await cache.delete('file');
    await areLeft(0);
    const after = await cache.stats();
    t.is(after.blobs, 0);
    t.true(after.size > 5 && after.size < 200, `${after.size}`);
  },
);

test.serial('setting the same bytes again under the same key leaves the blob in place', async t => {
  const { cache, files } = await prepare(t);
  for (let round = 0; round < 5; round++) await cache.set('key', LARGE);
  await Promise.all([cache.set('key', LARGE), cache.set('key', LARGE), cache.set('other', LARGE)]);
  t.is((await files()).length, 1);
  t.true(LARGE.equals((await cache.get<Buffer>('key'))!));
  t.true((await cache.stats()).size < ON_DISK + 1000);
  t.deepEqual((await cache.check()).problems, []);
});

test.serial('the blob is removed with its last entry, however that is removed', async t => {
  const { cache, clock, areLeft } = await prepare(t, { maxSize: '250KB' });
  const put = (key: string, seed: number) => cache.set(key, Buffer.alloc(100_000, seed), { ttl: '1h' });
  await put('replaced', 1);
  await cache.set('replaced', 'small');
  await areLeft(0);
  await put('cleared', 2);
  await cache.clear();
  await areLeft(0);
  await put('expired', 3);
  clock.advance('1h');
  await cache.cleanup();
  await areLeft(0);
  await put('evicted', 4);
  clock.advance('1s');
  await put('kept', 5);
  clock.advance('1s');
  await put('kept too', 6);
  await areLeft(2);
  t.deepEqual(await Array.fromAsync(cache.keys()), ['kept', 'kept too']);
  t.deepEqual((await cache.check()).problems, []);
});

test.serial(
  'a file of 2 GiB or more cannot be read as a value: the typed error names the remedy',
  async t => {
    const { cache, cacheRoot } = await prepare(t);
    const source = join(cacheRoot, 'source');
    await writeFile(source, 'content');
    await cache.putFile('file', source);
    await cache.set('other', 1);
    // As a file of that size leaves it.
    const database = new Database(join(cacheRoot, 'a', 'cache.db'));
    database.prepare("UPDATE entries SET size = ? WHERE key = 'file'").run(3 * 2 ** 30);
    database.close();
    const expected = {
      instanceOf: ValueTooLargeError,
      code: 'GLOVEBOX_VALUE_TOO_LARGE',
      message:
        "The file stored under 'file' has 3.00 GiB, but a value may have at most 2 GiB. Get it with getFile().",
    };
    await t.throwsAsync(cache.get('file'), expected);
    await t.throwsAsync(cache.getMany(['other', 'file']), expected);
    await t.throwsAsync(
      cache.getOrSet('file', () => t.fail('produced')),
      expected,
    );
    await t.throwsAsync(Array.fromAsync(cache.entries()), expected);
    t.deepEqual(await Array.fromAsync(cache.keys()), ['file', 'other']);
    t.is((await cache.metadata('file'))?.size, 3 * 2 ** 30);
  },
);

test.serial('a refused value leaves no file', async t => {
  const { cache, areLeft } = await prepare(t, { maxSize: '50KB' });
  t.false(await cache.set('too large', LARGE));
  await cache.set('key', 'taken');
  t.false(await cache.add('key', Buffer.alloc(100_000)));
  t.false(
    await cache.setMany([
      ['a', Buffer.alloc(100_000)],
      ['b', LARGE],
    ]),
  );
  await t.throwsAsync(
    cache.setMany([
      ['a', Buffer.alloc(100_000)],
      ['b', () => 1],
    ]),
  );
  await areLeft(0);
  t.deepEqual((await cache.check()).problems, []);
});

test.serial('storing the same bytes again repairs a damaged blob', async t => {
  const { cache, files } = await prepare(t);
  await cache.set('key', LARGE);
  const [file] = await files();
  await writeFile(file!, 'damaged');
  await cache.set('other', LARGE);
  t.true(LARGE.equals((await cache.get<Buffer>('key'))!), 'for everybody who uses it');
  t.true(LARGE.equals((await cache.get<Buffer>('other'))!));
});

test.serial('the same large value under a hundred keys at once is one file', async t => {
  const { cache, files } = await prepare(t);
  await Promise.all(Array.from({ length: 100 }, (_, index) => cache.set(`key-${index}`, LARGE)));
  t.is((await files()).length, 1);
  const { size } = await cache.stats();
  t.true(size < 2 * ON_DISK, `${size}`);
});
