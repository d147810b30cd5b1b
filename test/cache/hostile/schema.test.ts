// Foreign or manipulated databases: treated as damaged or as not ours, and nothing in them is executed.
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import Sqlite, { type Database } from 'better-sqlite3';
import { inspect } from '../../../src/cache/storage/sqlite/schema.ts';
import { type Cache, createDefaultCache } from '../../../src/index.ts';
import { some } from '../../support/extent.ts';
import { copyOf, isAside } from '../damage/filled.ts';
import { open, scratch, untilWarned, warningsOf } from '../damage/support.ts';

interface Planted {
  cache: Cache;
  file: string;
  warnings: string[];
  aside: () => string[];
}

const LARGE_TWO = Buffer.alloc(80_000, 'other');

let count = 0;
let source: string;

// Made once and copied for each: only the changed parts differ.
test.before(async () => {
  source = await mkdtemp(join(tmpdir(), 'glovebox-planted-'));
  const first = createDefaultCache({ cacheRoot: source, tag: 'source', policy: 'none' });
  await first.set('key', 'value');
  await first.set('number', 1);
  await first.set('large', Buffer.alloc(80_000, 'large'));
  await first.set('large-two', LARGE_TWO);
  await first.close();
  // As another process leaves them that has the store open as well.
  const database = new Sqlite(join(source, 'source', 'cache.db'));
  database.exec(`INSERT INTO participants VALUES ('another', 1, 'host', 0)`);
  database.close();
});
test.after.always(() => rm(source, { recursive: true, force: true }));

/** A cache with some entries whose database was changed while it was closed. */
async function planted(t: ExecutionContext, change: (database: Database) => void): Promise<Planted> {
  const tag = `planted-${count++}`;
  const cacheRoot = await copyOf(t, join(source, 'source'), tag);
  const directory = join(cacheRoot, tag);
  const file = join(directory, 'cache.db');
  const database = new Sqlite(file);
  database.unsafeMode();
  change(database);
  database.close();
  const warnings = warningsOf(t, tag);
  const cache = open(t, { cacheRoot, tag, policy: 'none' });
  return { cache, file, warnings, aside: () => readdirSync(directory).filter(isAside) };
}

const schemas: { name: string; sql: string }[] = [
  { name: 'a trigger', sql: `CREATE TRIGGER planted AFTER INSERT ON entries BEGIN DELETE FROM entries; END` },
  { name: 'a view', sql: 'CREATE VIEW planted AS SELECT load_extension(key) FROM entries' },
  { name: 'a table more', sql: 'CREATE TABLE planted (value)' },
  { name: 'an index more', sql: 'CREATE INDEX planted ON entries (size)' },
  { name: 'an index over a function', sql: 'CREATE INDEX planted ON entries (upper(key))' },
  { name: 'a column more', sql: 'ALTER TABLE entries ADD COLUMN planted TEXT' },
  { name: 'a column less', sql: 'ALTER TABLE entries DROP COLUMN hits' },
  { name: 'a table less', sql: 'DROP TABLE leases' },
  { name: 'a virtual table', sql: 'CREATE VIRTUAL TABLE planted USING fts5(value)' },
  {
    name: 'a view in place of a table',
    sql: `DROP TABLE leases; CREATE VIEW leases AS SELECT 'k' AS key, 't' AS token, 1 AS pid, 'h' AS host, 1 AS started`,
  },
  {
    name: 'a table that is not strict',
    sql: 'DROP TABLE leases; CREATE TABLE leases (key, token, pid, host, started)',
  },
  { name: 'no owner', sql: 'DELETE FROM owner' },
  { name: 'no usage', sql: 'DELETE FROM usage' },
];

for (const { name, sql } of schemas) {
  test(`a database with ${name} is quarantined, and nothing of it is used`, async t => {
    const { cache, warnings, aside } = await planted(t, database => database.exec(sql));
    t.is(await cache.get('key'), undefined);
    t.true(await cache.set('key', 'mine'));
    t.is(await cache.get('key'), 'mine');
    t.is(aside().length, 1);
    await untilWarned();
    t.is(warnings.length, 1);
    t.regex(warnings[0]!, /was damaged. It was quarantined as .*cache\.db\.damaged-/);
  });
}

test('a database of another application, or of a newer version, is left unchanged', async t => {
  for (const sql of ['PRAGMA application_id = 1', 'PRAGMA user_version = 4711']) {
    const { cache, file, warnings, aside } = await planted(t, database => database.exec(sql));
    const before = readFileSync(file);
    t.false(await cache.set('key', 1));
    t.is(await cache.get('key'), undefined);
    t.is(warnings.length, 1);
    t.regex(warnings[0]!, /GLOVEBOX_CACHE_DIR/);
    t.deepEqual(readFileSync(file), before);
    t.deepEqual(aside(), []);
  }
});

// The schema has our text, and yet the cells hold anything: a random page can look like this to SQLite.
function withoutTypes(database: Database, sql: string): void {
  database.pragma('writable_schema = ON');
  const strict = database.prepare(`SELECT name, sql FROM sqlite_schema WHERE sql LIKE '%STRICT%'`).all() as {
    name: string;
    sql: string;
  }[];
  const update = database.prepare('UPDATE sqlite_schema SET sql = ? WHERE name = ?');
  for (const table of strict) {
    const loose = table.sql
      .replace(' STRICT, ', ' ')
      .replace(' STRICT', '')
      .replaceAll(/ (TEXT|INTEGER)(?! PRIMARY)/g, ' ')
      .replaceAll('NOT NULL', '')
      .replace('CHECK (id = 1)', '');
    update.run(loose, table.name);
  }
  const file = database.name;
  const loose = new Sqlite(file);
  loose.unsafeMode();
  loose.exec(sql);
  loose.pragma('writable_schema = ON');
  for (const table of strict)
    loose.prepare('UPDATE sqlite_schema SET sql = ? WHERE name = ?').run(table.sql, table.name);
  loose.close();
  // The next check finds a schema of ours.
  const changed = new Sqlite(file, { readonly: true });
  if (inspect(changed) !== 'current') throw new Error('The schema is not what it was.');
  changed.close();
}

const cells = ['NULL', `'text'`, `x'00ff'`, '1.5', '-1', '9223372036854775807', '9e999', 'zeroblob(100000)'];
const columns = [
  'encoding',
  'value',
  'blob',
  'checksum',
  'size',
  'mode',
  'expires',
  'created',
  'accessed',
  'hits',
];

for (const column of columns) {
  test(`any value in a cell of ${column} makes its entry a miss, at worst`, async t => {
    for (const cell of some(cells, 5)) {
      const { cache, warnings } = await planted(t, database =>
        withoutTypes(database, `UPDATE entries SET ${column} = ${cell}`),
      );
      t.true(['value', undefined].includes(await cache.get('key')), cell);
      t.true([1, undefined].includes(await cache.get('number')), cell);
      const large = await cache.get<Buffer>('large');
      t.true(large === undefined || large.equals(Buffer.alloc(80_000, 'large')), cell);
      await cache.metadata('key');
      await cache.getMany(['key', 'large']);
      for await (const [key, value] of cache.entries()) if (key === 'key') t.is(value, 'value');
      await cache.stats();
      await cache.touch('key', '1h');
      await cache
        .increment('number')
        .catch((error: { code: string }) => t.is(error.code, 'GLOVEBOX_WRONG_KIND'));
      t.is(typeof (await cache.getOrSet('key', () => 'made')), 'string');
      await cache.getFile('large', '/nonexistent/x').catch((error: { code: string }) => t.truthy(error.code));
      await cache.cleanup();
      await cache.check();
      t.true(await cache.set('key', 'again'), cell);
      t.is(await cache.get('key'), 'again', cell);
      t.true(warnings.length <= 2, warnings.join('\n'));
    }
  });
}

for (const [table, column] of [
  ['owner', 'writer'],
  ['owner', 'run'],
  ['usage', 'blob_size'],
  ['usage', 'blob_count'],
  ['usage', 'least_pages'],
  ['participants', 'pid'],
  ['participants', 'host'],
  ['participants', 'started'],
  ['blobs', 'size'],
  ['blobs', 'refs'],
  ['entries', 'key'],
] as const) {
  test(`${column} of ${table} may have any value, and the cache goes on`, async t => {
    for (const cell of some(cells, 5)) {
      const where = column === 'key' ? ' WHERE id = 1' : '';
      const { cache } = await planted(t, database =>
        withoutTypes(database, `UPDATE ${table} SET ${column} = ${cell}${where}`),
      );
      t.true(['value', undefined].includes(await cache.get('key')), cell);
      await cache.stats();
      await Array.fromAsync(cache.keys());
      await cache.set('large', 'small now');
      await cache.cleanup();
      await cache.check();
      await cache.clear();
      t.true(await cache.set('key', 'again'), cell);
      t.is(await cache.get('key'), 'again', cell);
      await cache.check();
      t.deepEqual((await cache.check()).problems, [], cell);
    }
  });
}

test('a value, or a blob, under another key is a miss', async t => {
  const { cache } = await planted(t, database => {
    database.exec(`
      CREATE TEMP TABLE kept AS SELECT * FROM entries;
      UPDATE entries SET (encoding, value, blob, checksum, size) =
        (SELECT encoding, value, blob, checksum, size FROM kept WHERE key =
          CASE entries.key WHEN 'key' THEN 'number' WHEN 'number' THEN 'key' WHEN 'large' THEN 'large-two' ELSE 'large' END)`);
  });
  for (const key of ['key', 'number', 'large', 'large-two']) t.is(await cache.get(key), undefined, key);
});

test('a value that is marked as another kind, or as a file, is a miss', async t => {
  for (const change of [
    'encoding = encoding + 1',
    'encoding = 2',
    'encoding = 4, mode = 420',
    'mode = 511',
  ]) {
    const { cache } = await planted(t, database =>
      database.exec(`UPDATE entries SET ${change} WHERE key = 'key'`),
    );
    t.is(await cache.get('key'), undefined, change);
    t.is(await cache.getFile('key', '/nonexistent/destination').catch(() => 'tried'), false, change);
  }
});

test('an invalid lease record holds no caller up', async t => {
  for (const cells of [
    `'k', 't', 'pid', 'h', 'x'`,
    `'k', x'00', -1, 'h', 1`,
    `'k', 't', 0, NULL, 1`,
    `'k', 't', 9e15, 7, 1`,
  ]) {
    const { cache } = await planted(t, database =>
      withoutTypes(database, `INSERT INTO leases VALUES (${cells})`),
    );
    t.is(await cache.getOrSet('k', () => 'made'), 'made');
    t.is(await cache.get('k'), 'made');
  }
});

test("another program's database in place of ours is left unchanged", async t => {
  const cacheRoot = await scratch(t);
  mkdirSync(join(cacheRoot, 'foreign'), { mode: 0o700 });
  const file = join(cacheRoot, 'foreign', 'cache.db');
  const database = new Sqlite(file);
  database.exec('CREATE TABLE precious (value); INSERT INTO precious VALUES (1)');
  database.close();
  copyFileSync(file, `${file}.copy`);
  const cache = open(t, { cacheRoot, tag: 'foreign' });
  t.false(await cache.set('key', 1));
  t.deepEqual(readFileSync(file), readFileSync(`${file}.copy`));
  t.true(existsSync(file));
});
