// One of several processes that open a database of an older version at once. It reports when it begins to migrate and
// when the database is open, and delays in between, so that it can be killed there.
import { writeSync } from 'node:fs';
import { openDatabase } from '../../src/cache/storage/sqlite/open.ts';
import { SCHEMA, type Schema } from '../../src/cache/storage/sqlite/schema.ts';
import { now } from './log-lines.ts';
import type { Step } from './migrations.ts';

const [file, milliseconds] = process.argv.slice(2);
const say = (step: Step['step']) => writeSync(1, `${JSON.stringify({ t: now(), step })}\n`);
const pause = () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, Number(milliseconds));

// One migration may take several steps, from each version to the next.
let latest = Number.NaN;

const observed: Schema = {
  ...SCHEMA,
  migrations: Object.fromEntries(
    Object.entries(SCHEMA.migrations).map(([version, migrate]) => [
      version,
      database => {
        if (Number(version) !== latest + 1) say('migrating');
        latest = Number(version);
        pause();
        migrate(database);
        pause();
      },
    ]),
  ),
};

const database = openDatabase(file!, observed);
say('opened');
database.close();
