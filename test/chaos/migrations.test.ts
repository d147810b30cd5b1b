// The checker of migrations finds planted violations: a second migration, and lost entries.
import test from 'ava';
import Database from 'better-sqlite3';
import { openDatabase } from '../../src/cache/storage/sqlite/open.ts';
import { SCHEMA } from '../../src/cache/storage/sqlite/schema.ts';
import { temporaryRoot } from '../support/temporary.ts';
import { inspectMigrated, judgeMigration, plantOldDatabase, type Step } from './migrations.ts';
import { IN_MIGRATIONS, type ViolationKind } from './violation.ts';

const step = (t: number, process: string, what: Step['step']): Step => ({ t, process, step: what });

const histories: Record<string, [ViolationKind[], Step[]]> = {
  'one process that migrates, while others wait': [
    [],
    [step(1, 'a', 'migrating'), step(2, 'a', 'opened'), step(3, 'b', 'opened'), step(3, 'c', 'opened')],
  ],
  'one process that migrates after one that was killed': [
    [],
    [step(1, 'a', 'migrating'), step(2, 'a', 'killed'), step(11, 'b', 'migrating'), step(12, 'b', 'opened')],
  ],
  'one process that was killed after its migration': [
    [],
    [step(1, 'a', 'migrating'), step(2, 'a', 'killed'), step(3, 'b', 'opened')],
  ],
  'two processes that migrate at once': [
    ['second-migration'],
    [step(1, 'a', 'migrating'), step(2, 'b', 'migrating'), step(3, 'a', 'opened'), step(4, 'b', 'opened')],
  ],
  'a second migration before the first process is killed': [
    ['second-migration'],
    [step(1, 'a', 'migrating'), step(2, 'b', 'migrating'), step(3, 'a', 'killed'), step(4, 'b', 'opened')],
  ],
  'a second migration although the first process had finished before it was killed': [
    ['second-migration'],
    [
      step(1, 'a', 'migrating'),
      step(2, 'a', 'opened'),
      step(3, 'a', 'killed'),
      step(4, 'b', 'migrating'),
      step(5, 'b', 'opened'),
    ],
  ],
  'the same one twice': [
    ['second-migration'],
    [step(1, 'a', 'migrating'), step(2, 'a', 'migrating'), step(3, 'a', 'opened')],
  ],
};

for (const [name, [expected, steps]] of Object.entries(histories)) {
  test(`the check ${expected.length === 0 ? 'allows' : 'finds'} ${name}`, t => {
    const found: ViolationKind[] = [];
    judgeMigration(steps, kind => void found.push(kind));
    t.deepEqual(found, expected);
  });
}

const faults: Record<string, (file: string) => void> = {
  'that was never migrated': () => undefined,
  'that was migrated twice': file => {
    openDatabase(file).close();
    withDatabase(file, SCHEMA.migrations[1]!);
  },
  'that was reported as migrated and was not': file =>
    withDatabase(file, database => database.pragma(`user_version = ${SCHEMA.version}`)),
  'that lost an entry': file => {
    openDatabase(file).close();
    withDatabase(file, database => database.exec("DELETE FROM entries WHERE key = 'text'"));
  },
  'that lost an expiry time': file => {
    withDatabase(file, database => database.exec("UPDATE entries SET expires = NULL WHERE key = 'text'"));
    openDatabase(file).close();
  },
};

function withDatabase(file: string, work: (database: Database.Database) => unknown): void {
  const database = new Database(file);
  try {
    work(database);
  } finally {
    database.close();
  }
}

for (const [name, damage] of Object.entries(faults)) {
  test.serial(`the check finds a database ${name}`, async t => {
    const root = await temporaryRoot(t);
    const found = new Set<ViolationKind>();
    damage(await plantOldDatabase(root, 'old'));
    await inspectMigrated(root, 'old', kind => void found.add(kind));
    t.deepEqual([...found], ['lost-in-migration']);
  });
}

test.serial('the check finds nothing in a database that was migrated once', async t => {
  const root = await temporaryRoot(t);
  const found: ViolationKind[] = [];
  openDatabase(await plantOldDatabase(root, 'old')).close();
  await inspectMigrated(root, 'old', kind => void found.push(kind));
  t.deepEqual(found, []);
});

test('every kind of violation that a migration can show is planted', t => {
  const planted = new Set<string>([
    ...Object.values(histories).flatMap(([kinds]) => kinds),
    'lost-in-migration',
  ]);
  t.deepEqual([...planted].sort(), Object.keys(IN_MIGRATIONS).sort());
});
