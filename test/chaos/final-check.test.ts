// The final check finds damaged files after a run: each kind of damage is planted in real ones.
import { copyFile, mkdir, open, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import Database from 'better-sqlite3';
import { createDefaultCache, resetSharedCacheInstances } from '../../src/index.ts';
import { temporaryRoot } from '../support/temporary.ts';
import {
  inspectAgreement,
  inspectDatabase,
  inspectFiles,
  inspectLeftovers,
  inspectSize,
} from './final-check.ts';
import { allKeys, TAGS } from './schedule.ts';
import { makeValue, valueId } from './values.ts';
import { IN_FILES, type Report, type ViolationKind } from './violation.ts';

const LARGE = Buffer.alloc(100_000, 'large');
const OTHER = Buffer.alloc(100_000, 'other');

/** A cache with values and blobs, and the report of its inspection. */
async function prepare(t: ExecutionContext) {
  const cacheRoot = await temporaryRoot(t);
  const cache = createDefaultCache({ cacheRoot, tag: 'a', maxSize: 2_000_000 });
  await cache.setMany(Array.from({ length: 200 }, (_, index) => [`small${index}`, 'x'.repeat(500)]));
  await cache.set('large', LARGE);
  await cache.set('other', OTHER);
  // What an opened cache collects in the background is over then, and takes nothing that is planted.
  await cache.cleanup();
  const directory = join(cacheRoot, 'a');
  const found: ViolationKind[] = [];
  const report: Report = kind => void found.push(kind);
  const withDatabase = <T>(work: (database: Database.Database) => T): T => {
    const database = new Database(join(directory, 'cache.db'));
    try {
      return work(database);
    } finally {
      database.close();
    }
  };
  const blobOf = (key: string): string => {
    const hash = withDatabase(database =>
      database.prepare('SELECT blob FROM entries WHERE key = ?').pluck().get(key),
    ) as string;
    return join(directory, 'blobs', hash.slice(0, 2), hash.slice(2));
  };
  return { cacheRoot, cache, directory, found, report, withDatabase, blobOf };
}

type Store = Awaited<ReturnType<typeof prepare>>;

async function flip(file: string, at: number): Promise<void> {
  const handle = await open(file, 'r+');
  try {
    const bytes = Buffer.alloc(1);
    await handle.read(bytes, 0, 1, at);
    await handle.write(Buffer.from([bytes[0]! ^ 0xff]), 0, 1, at);
  } finally {
    await handle.close();
  }
}

// The root page of an index or table.
const rootPage = ({ withDatabase }: Store, name: string) =>
  withDatabase(
    database =>
      database.prepare('SELECT rootpage FROM sqlite_schema WHERE name = ?').pluck().get(name) as number,
  );

async function flipPage(store: Store, name: string): Promise<void> {
  const page = rootPage(store, name);
  const pageSize = store.withDatabase(database => database.pragma('page_size', { simple: true }) as number);
  // First, everything moves from the log into the database file.
  await resetSharedCacheInstances();
  // The cell count of the page.
  await flip(join(store.directory, 'cache.db'), (page - 1) * pageSize + 4);
}

const planted: Record<
  string,
  [ViolationKind, plant: (store: Store) => unknown, inspect: (store: Store) => unknown]
> = {
  'a flipped page of a table': [
    'integrity',
    store => flipPage(store, 'entries'),
    ({ directory, report }) => inspectDatabase(directory, report),
  ],
  'a flipped page of an index': [
    'integrity',
    store => flipPage(store, 'sqlite_autoindex_entries_1'),
    ({ directory, report }) => inspectDatabase(directory, report),
  ],
  'a row without its blob': [
    'disagreement',
    ({ blobOf }) => rm(blobOf('large')),
    ({ cache, report }) => inspectAgreement(cache, report),
  ],
  'a flipped bit in a blob': [
    'disagreement',
    ({ blobOf }) => flip(blobOf('large'), 50_000),
    ({ cache, report }) => inspectAgreement(cache, report),
  ],
  'an unused blob': [
    'disagreement',
    async ({ blobOf }) => {
      const large = blobOf('large');
      await copyFile(
        large,
        large.replace(/.{4}$/, last => (last === 'aaaa' ? 'bbbb' : 'aaaa')),
      );
    },
    ({ cache, report }) => inspectAgreement(cache, report),
  ],
  'a blob with too high a use count': [
    'disagreement',
    ({ withDatabase }) =>
      withDatabase(database =>
        database.exec(
          'UPDATE blobs SET refs = 7 WHERE size = 100000 AND hash = (SELECT min(hash) FROM blobs)',
        ),
      ),
    ({ cache, report }) => inspectAgreement(cache, report),
  ],
  'a total size that is not the sum of the blobs': [
    'disagreement',
    ({ withDatabase }) =>
      withDatabase(database => database.exec('UPDATE usage SET blob_size = blob_size + 1')),
    ({ cache, report }) => inspectAgreement(cache, report),
  ],
  'a cache over its limit': [
    'over-limit',
    ({ withDatabase }) =>
      withDatabase(database =>
        database.exec(
          `INSERT INTO entries (key, encoding, value, checksum, size, created, accessed)
             SELECT 'more' || id, encoding, CAST(zeroblob(20000) AS TEXT), checksum, 20000, created, accessed FROM entries`,
        ),
      ),
    ({ cache, report }) => inspectSize(cache, report),
  ],
  'a stale lock': [
    'leftover-lock',
    ({ directory }) => mkdir(join(directory, 'locks', 'left.lock'), { recursive: true }),
    ({ directory, report }) => inspectLeftovers(directory, report),
  ],
  'a stale lock on a database file': [
    'leftover-lock',
    ({ directory }) => mkdir(join(directory, 'cache.db.lock')),
    ({ directory, report }) => inspectLeftovers(directory, report),
  ],
  'a stale temporary file': [
    'leftover-temporary',
    ({ directory }) => writeFile(join(directory, 'blobs', 'tmp', '1-00000000-x'), ''),
    ({ directory, report }) => inspectLeftovers(directory, report),
  ],
  'a quarantined database': [
    'set-aside',
    ({ directory }) => copyFile(join(directory, 'cache.db'), join(directory, 'cache.db.damaged-2026')),
    ({ directory, report }) => inspectLeftovers(directory, report),
  ],
};

test('every kind of violation that files can show is planted', t => {
  const kinds = new Set(Object.values(planted).map(([kind]) => kind));
  t.deepEqual([...kinds].sort(), (Object.keys(IN_FILES) as ViolationKind[]).sort());
});

for (const [name, [kind, plant, inspect]] of Object.entries(planted)) {
  test.serial(`the check finds ${name}, and nothing before it is planted`, async t => {
    const store = await prepare(t);
    await inspect(store);
    t.deepEqual(store.found, []);
    await plant(store);
    await inspect(store);
    t.deepEqual([...new Set(store.found)], [kind]);
  });
}

/** The caches of a run, with an entry in each. */
async function prepareRun(t: ExecutionContext): Promise<string> {
  const cacheRoot = await temporaryRoot(t);
  for (const [tag, options] of Object.entries(TAGS)) {
    const cache = createDefaultCache({ ...options, tag, cacheRoot });
    for (const [index, key] of allKeys(tag).slice(0, 5).entries()) {
      await cache.set(key, makeValue(valueId('w', index, index * 20_000)));
    }
  }
  await resetSharedCacheInstances();
  return cacheRoot;
}

test.serial(
  'the inspection of a whole run finds nothing in sound files, and repairs the leftovers of killed processes',
  async t => {
    const cacheRoot = await prepareRun(t);
    const orphan = join(cacheRoot, 'tight', 'blobs', 'ab', 'c'.repeat(62));
    await mkdir(join(orphan, '..'), { recursive: true });
    await writeFile(orphan, 'nobody’s');
    const found: string[] = [];
    await inspectFiles(cacheRoot, (...violation) => void found.push(violation.join(': ')));
    t.deepEqual(found, []);
    await t.throwsAsync(readFile(orphan));
  },
);

test.serial('the inspection of a whole run finds a damaged database in any of its caches', async t => {
  const cacheRoot = await prepareRun(t);
  const directory = join(cacheRoot, 'frequent');
  const size = (await readFile(join(directory, 'cache.db'))).length;
  for (let page = 1; page < size / 2048; page++) await flip(join(directory, 'cache.db'), page * 2048 + 4);
  const found = new Set<string>();
  await inspectFiles(
    cacheRoot,
    (kind, subject) => void found.add(`${kind} ${subject.split(/[\\/]/).at(-1)?.slice(0, 17)}`),
  );
  t.true(found.has('integrity frequent'));
  t.true(found.has('set-aside cache.db.damaged-'));
  t.true((await readdir(directory)).some(name => name.includes('.damaged-')));
});
