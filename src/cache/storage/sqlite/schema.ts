// Schema of a cache database, and the migrations from older versions.
import type { Database } from 'better-sqlite3';
import { withExpiry } from '../../values/codec.ts';

/** Kept in `PRAGMA application_id`, 'GBOX': tells our databases from an unrelated file of the same name. */
export const APPLICATION_ID = 0x47424f58;

// ownership.ts describes `owner`, which has one row, and `participants`. `usage` has one row: bytes on disk
// and number of the blobs that are used, and the fewest pages to which the database was ever shrunk: a file with fewer
// was cut short from outside. A blob whose `refs` are 0 is garbage whose file may still exist; a later transaction
// removes both.
const OWNERSHIP: readonly string[] = [
  `CREATE TABLE owner (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    writer TEXT NOT NULL,
    run INTEGER NOT NULL
  ) STRICT`,
  `CREATE TABLE participants (
    name TEXT PRIMARY KEY,
    pid INTEGER NOT NULL,
    host TEXT NOT NULL,
    started INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID`,
  `CREATE TABLE usage (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    blob_size INTEGER NOT NULL,
    blob_count INTEGER NOT NULL,
    least_pages INTEGER NOT NULL
  ) STRICT`,
];

const STATEMENTS: readonly string[] = [
  `CREATE TABLE entries (
    id INTEGER PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,
    encoding INTEGER NOT NULL,
    value ANY,
    blob TEXT,
    checksum INTEGER NOT NULL,
    size INTEGER NOT NULL,
    mode INTEGER,
    expires INTEGER,
    created INTEGER NOT NULL,
    accessed INTEGER NOT NULL,
    hits INTEGER NOT NULL DEFAULT 0
  ) STRICT`,
  'CREATE INDEX entries_expires ON entries (expires) WHERE expires IS NOT NULL',
  `CREATE TABLE blobs (
    hash TEXT PRIMARY KEY,
    size INTEGER NOT NULL,
    refs INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID`,
  'CREATE INDEX blobs_unused ON blobs (hash) WHERE refs = 0',
  `CREATE TABLE leases (
    key TEXT PRIMARY KEY,
    token TEXT NOT NULL,
    pid INTEGER NOT NULL,
    host TEXT NOT NULL,
    started INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID`,
  ...OWNERSHIP,
];

/** A version of the tables, and the migrations from the older ones. */
export interface Schema {
  /** Kept in `PRAGMA user_version`. A database with a higher number belongs to a newer Glovebox and is left alone. */
  version: number;
  statements: readonly string[];
  /** By the version that each starts from: migrates a database to the next one. Runs in a transaction, once. */
  migrations: Readonly<Record<number, (database: Database) => void>>;
}

/** The tables of this version of Glovebox. */
export const SCHEMA: Schema = {
  version: 4,
  statements: STATEMENTS,
  migrations: { 1: sumTimes, 2: replaceTotals, 3: dropChanges },
};

// More than a database can have.
const NEVER_SHRUNK = 2 ** 32;

/** File systems allocate whole blocks of so many bytes. */
export const BLOCK_BYTES = 4096;

// In version 1 checksums covered the value only.
function sumTimes(database: Database): void {
  const rows = database.prepare<[], { id: number; checksum: number; expires: number }>(
    'SELECT id, checksum, expires FROM entries WHERE expires IS NOT NULL',
  );
  const update = database.prepare('UPDATE entries SET checksum = ? WHERE id = ?');
  for (const { id, checksum, expires } of rows.all()) update.run(withExpiry(checksum, expires), id);
}

// Version 2 recorded the total size in each transaction, and the process that made it.
function replaceTotals(database: Database): void {
  database.exec('DROP TABLE totals');
  for (const statement of OWNERSHIP) database.exec(statement);
  insertRows(database);
  database.exec(
    `UPDATE usage SET blob_count = (SELECT count(*) FROM blobs WHERE refs > 0),
       blob_size = (SELECT coalesce(sum((size + ${BLOCK_BYTES - 1}) / ${BLOCK_BYTES} * ${BLOCK_BYTES}), 0) FROM blobs WHERE refs > 0)`,
  );
}

// Version 3 recorded changes in a table. They are in the change log now.
function dropChanges(database: Database): void {
  database.exec('DROP TABLE IF EXISTS changes');
}

// Runs begin at a random number, so that a database and the one that replaced it have none in common.
function insertRows(database: Database): void {
  database.exec(
    `INSERT INTO owner VALUES (1, '', 1 + abs(random() % (1 << 48))); INSERT INTO usage VALUES (1, 0, 0, ${NEVER_SHRUNK})`,
  );
}

/** The order in which each policy evicts entries. */
export const EVICTION_ORDER = {
  'least-recently-used': 'accessed',
  'least-recently-stored': 'created',
  'least-frequently-used': 'hits, accessed',
} as const;

const policyIndexes = new Map(
  Object.values(EVICTION_ORDER).map(order => {
    const name = `entries_by_${order.replace(', ', '_')}`;
    return [name, `CREATE INDEX ${name} ON entries (${order})`];
  }),
);

type DatabaseKind = 'empty' | 'older' | 'current' | 'newer' | 'foreign' | 'damaged';

/** The kind of a database file, judged before anything is changed. `damaged`: ours, but not with our schema. */
export function inspect(database: Database, schema: Schema = SCHEMA): DatabaseKind {
  // In one transaction: half a result from before another process creates the database and half from after fits
  // nothing.
  return database.transaction(() => kindOf(database, schema)).deferred();
}

function kindOf(database: Database, { version: current, statements }: Schema): DatabaseKind {
  const version = database.pragma('user_version', { simple: true }) as number;
  const application = database.pragma('application_id', { simple: true }) as number;
  const schema = database.prepare('SELECT name, sql FROM sqlite_schema').all() as SchemaRow[];
  if (application === 0 && version === 0 && schema.length === 0) return 'empty';
  if (application !== APPLICATION_ID) return 'foreign';
  if (version !== current) return version > current ? 'newer' : 'older';
  return matchesSchema(schema, statements) ? 'current' : 'damaged';
}

interface SchemaRow {
  name: string;
  sql: string | null;
}

// Exactly our tables and indexes: an added trigger or view would run with our statements.
function matchesSchema(schema: readonly SchemaRow[], statements: readonly string[]): boolean {
  const missing = new Set(statements);
  for (const { name, sql } of schema) {
    // SQLite's own indexes for UNIQUE have no text; SQLite refuses to create other objects with such names.
    if (sql === null && name.startsWith('sqlite_autoindex_')) continue;
    if (sql !== null && (missing.delete(sql) || policyIndexes.get(name) === sql)) continue;
    return false;
  }
  return missing.size === 0;
}

/** Creates the tables in an empty database, or does nothing when another process just did. */
export function create(database: Database, schema: Schema = SCHEMA): void {
  database
    .transaction(() => {
      if (inspect(database, schema) !== 'empty') return;
      for (const statement of schema.statements) database.exec(statement);
      insertRows(database);
      database.pragma(`application_id = ${APPLICATION_ID}`);
      database.pragma(`user_version = ${schema.version}`);
    })
    .immediate();
}

/** Migrates an older database to this version, or does nothing when another process just did. All or nothing. */
export function migrate(database: Database, schema: Schema = SCHEMA): void {
  database
    .transaction(() => {
      if (inspect(database, schema) !== 'older') return;
      for (;;) {
        const version = database.pragma('user_version', { simple: true }) as number;
        if (version === schema.version) return;
        const step = schema.migrations[version];
        if (!step) throw new Error(`No migration leads from version ${version} to ${schema.version}.`);
        step(database);
        database.pragma(`user_version = ${version + 1}`);
      }
    })
    .immediate();
}

/** Keeps exactly the index that the policy evicts by. */
export function indexForPolicy(database: Database, policy: string): void {
  const order = EVICTION_ORDER[policy as keyof typeof EVICTION_ORDER];
  const wanted = order ? `entries_by_${order.replace(', ', '_')}` : undefined;
  const list = database
    .prepare<[], string>(
      "SELECT name FROM sqlite_schema WHERE type = 'index' AND name LIKE 'entries\\_by\\_%' ESCAPE '\\'",
    )
    .pluck();
  const isDone = () => list.all().join() === (wanted ?? '');
  if (isDone()) return;
  database
    .transaction(() => {
      const existing = list.all();
      for (const name of existing) if (name !== wanted) database.exec(`DROP INDEX ${name}`);
      if (wanted && !existing.includes(wanted)) database.exec(policyIndexes.get(wanted)!);
    })
    .immediate();
}
