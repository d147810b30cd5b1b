// Opens the database named by its first argument as a Glovebox with one more version would, and reports: `migrating`
// when it begins the step (and, told to `stop`, goes no further), `opened` when it is done.
import { writeSync } from 'node:fs';
import { openDatabase } from '../../../../src/cache/storage/sqlite/open.ts';
import { SCHEMA, type Schema } from '../../../../src/cache/storage/sqlite/schema.ts';

const [file, command] = process.argv.slice(2);
const [entries, ...others] = SCHEMA.statements;

const next: Schema = {
  version: SCHEMA.version + 1,
  // As SQLite stores the text of a table with an added column.
  statements: [entries!.replace('\n  ) STRICT', '\n  , note TEXT) STRICT'), ...others],
  migrations: {
    ...SCHEMA.migrations,
    [SCHEMA.version]: database => {
      database.exec('ALTER TABLE entries ADD COLUMN note TEXT');
      writeSync(1, 'migrating\n');
      // Long enough for the others to arrive: they wait for the lock, not for luck.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, command === 'stop' ? 60_000 : 300);
    },
  },
};

const database = openDatabase(file!, next);
const count = database.prepare('SELECT count(*) FROM entries WHERE note IS NULL').pluck().get();
writeSync(1, `opened ${count}\n`);
database.close();
