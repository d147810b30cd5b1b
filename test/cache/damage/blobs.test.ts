// Damaged blobs: a miss for every read, and nothing of them reaches a destination.
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import Database from 'better-sqlite3';
import { encodePending, isReady } from '../../../src/cache/client/pending-value.ts';
import { BlobFiles } from '../../../src/cache/storage/blobs.ts';
import { SqliteStore } from '../../../src/cache/storage/sqlite/store.ts';
import { open, scratch, until, warningsOf } from './support.ts';

const SIZE = 100_000;

function flip(path: string, position: number): void {
  const bytes = readFileSync(path);
  bytes[position]! ^= 1 << (position % 8);
  writeFileSync(path, bytes);
}

const damages: { name: string; make(path: string, directory: string): void }[] = [
  ...[0, 1, 16_384, 25_000, SIZE - 1].map(position => ({
    name: `a bit flipped at ${position}`,
    make: (path: string) => flip(path, position),
  })),
  { name: 'its last byte missing', make: path => truncateSync(path, SIZE - 1) },
  { name: 'nothing in it', make: path => truncateSync(path) },
  { name: 'zeros in it', make: path => writeFileSync(path, Buffer.alloc(SIZE)) },
  { name: 'a byte too much', make: path => writeFileSync(path, 'x', { flag: 'a' }) },
  { name: 'a thousand gigabytes in its place', make: path => truncateSync(path, 1e12) },
  { name: 'nothing in its place', make: path => rmSync(path) },
  {
    name: 'a directory in its place',
    make: path => {
      rmSync(path);
      mkdirSync(path);
      writeFileSync(join(path, 'in the way'), '');
    },
  },
  {
    name: 'a link to another file in its place',
    make: (path, directory) => {
      rmSync(path);
      const elsewhere = join(directory, 'elsewhere');
      writeFileSync(elsewhere, 'y'.repeat(SIZE));
      symlinkSync(elsewhere, path);
    },
  },
  {
    name: 'a link to the same bytes elsewhere in its place',
    make: (path, directory) => {
      const elsewhere = join(directory, 'elsewhere');
      writeFileSync(elsewhere, readFileSync(path));
      rmSync(path);
      symlinkSync(elsewhere, path);
    },
  },
];

for (const [index, { name, make }] of damages.entries()) {
  test(`a blob with ${name} is a miss everywhere, and the same bytes can be stored again`, async t => {
    const tag = `blob-${index}`;
    const directory = await scratch(t);
    const cacheRoot = join(directory, 'cache');
    const warnings = warningsOf(t, tag);
    const cache = open(t, { cacheRoot, tag });
    const content = Buffer.alloc(SIZE, 'content of the blob ');
    const source = join(directory, 'source');
    const destination = join(directory, 'destination');
    await writeFile(source, content);
    await writeFile(destination, 'as it was', { mode: 0o640 });
    // The same bytes, so the same blob, under keys of both kinds.
    t.true(await cache.set('value', content));
    t.true(await cache.putFile('file', source));
    const blobs = join(cacheRoot, tag, 'blobs');
    const [shard] = readdirSync(blobs).filter(entry => entry !== 'tmp');
    const [blob] = readdirSync(join(blobs, shard!));
    const path = join(blobs, shard!, blob!);
    make(path, directory);

    t.false(await cache.getFile('file', destination));
    t.is(await readFile(destination, 'utf8'), 'as it was');
    t.is((await stat(destination)).mode & 0o777, 0o640);
    t.is(await cache.get('value'), undefined);
    t.is(await cache.get('file', 'fallback'), 'fallback');
    t.deepEqual(await Array.fromAsync(cache.entries()), []);
    t.is(warnings.length, 1);
    t.deepEqual(
      readdirSync(directory).filter(entry => entry.startsWith('.')),
      [],
    );

    // Found and removed: readers do not wait for bytes that will not come back.
    await until(async () => (await cache.stats()).count === 0);
    t.is(await cache.getOrSet('value', () => 'made'), 'made');
    t.true(await cache.set('value', content));
    t.true(await cache.putFile('file', source));
    t.deepEqual(await cache.get('value'), content);
    t.true(await cache.getFile('file', destination));
    t.deepEqual(await readFile(destination), content);
    await cache.check();
    t.deepEqual((await cache.check()).problems, []);
    t.is(warnings.length, 1);
  });
}

test('check finds a damaged blob, and removes its entries', async t => {
  const directory = await scratch(t);
  const cache = open(t, { cacheRoot: directory, tag: 'checked' });
  for (const key of ['one', 'two', 'three']) await cache.set(key, Buffer.alloc(SIZE, key));
  const blobs = join(directory, 'checked', 'blobs');
  const [shard] = readdirSync(blobs).filter(entry => entry !== 'tmp');
  const [blob] = readdirSync(join(blobs, shard!));
  flip(join(blobs, shard!, blob!), 100);
  const report = await cache.check({ repair: false });
  t.deepEqual(
    report.problems.map(({ kind }) => kind),
    ['damaged-blob'],
  );
  t.is((await cache.check()).problems.length, 1);
  await cache.cleanup();
  t.deepEqual((await cache.check()).problems, []);
  t.is((await cache.stats()).count, 2);
});

test('with all blobs removed, or a file in place of their directory, reads miss and the cache goes on', async t => {
  const cacheRoot = await scratch(t);
  const cache = open(t, { cacheRoot, tag: 'no-blobs' });
  const value = Buffer.alloc(SIZE, 'value');
  const blobs = join(cacheRoot, 'no-blobs', 'blobs');
  await cache.set('key', value);
  rmSync(blobs, { recursive: true });
  t.is(await cache.get('key'), undefined);
  t.true(await cache.set('key', value));
  t.deepEqual(await cache.get('key'), value);
  rmSync(blobs, { recursive: true });
  await writeFile(blobs, 'in the way');
  t.is(await cache.get('key'), undefined);
  t.false(await cache.set('key', value));
  t.true(await cache.set('small', 1));
  rmSync(blobs);
  await mkdir(blobs, { mode: 0o700 });
  t.true(await cache.set('key', value));
  t.deepEqual(await cache.get('key'), value);
});

test('a value that is removed and stored again during a read does not count as damaged', async t => {
  const cacheRoot = join(await scratch(t), 'root');
  const cache = open(t, { cacheRoot, tag: 'again' });
  const value = 'x'.repeat(SIZE);
  await cache.set('key', value);
  const { read } = BlobFiles.prototype;
  t.teardown(() => {
    BlobFiles.prototype.read = read;
  });
  let reads = 0;
  BlobFiles.prototype.read = async function (hash, size) {
    // The first read comes between the two, and finds no file.
    if (reads++ > 0) return read.call(this, hash, size);
    await cache.delete('key');
    await cache.set('key', value);
    return undefined;
  };
  t.is(await cache.get('key'), value);
  t.true(reads > 1);
  t.is((await cache.stats()).count, 1);
});

test('a report of damage that arrives after the value was stored again removes nothing', async t => {
  const directory = join(await scratch(t), 'tag');
  const store = new SqliteStore({ directory, maxSize: 2 ** 30, policy: 'none', writer: 'test' });
  t.teardown(() => store.close());
  const incoming = encodePending('key', 'x'.repeat(SIZE));
  const value = 'prepare' in incoming ? await incoming.prepare(store.blobs) : incoming;
  const now = Date.now();
  store.apply([{ operation: { type: 'set', key: 'key', value, expires: null }, now }]);
  const { checksum, blob } = store.reader.read('key')!;
  const discard = { operation: { type: 'discard', key: 'key', checksum, blob }, now } as const;
  t.deepEqual(store.apply([discard]), [{ value: false }]);
  flip(store.blobs.path(blob!), 100);
  t.deepEqual(store.apply([discard]), [{ value: true }]);
});

test('the same holds for a value in the database itself', async t => {
  const directory = join(await scratch(t), 'tag');
  const store = new SqliteStore({ directory, maxSize: 2 ** 30, policy: 'none', writer: 'test' });
  t.teardown(() => store.close());
  const value = encodePending('key', 'small');
  if (!isReady(value)) throw new Error('It is not small.');
  const now = Date.now();
  store.apply([{ operation: { type: 'set', key: 'key', value, expires: null }, now }]);
  const { checksum, blob } = store.reader.read('key')!;
  const discard = { operation: { type: 'discard', key: 'key', checksum, blob }, now } as const;
  t.deepEqual(store.apply([discard]), [{ value: false }]);
  const database = new Database(join(directory, 'cache.db'));
  database.exec("UPDATE entries SET value = 'smell'");
  database.close();
  t.deepEqual(store.apply([discard]), [{ value: true }]);
});
