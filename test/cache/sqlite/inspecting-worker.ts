// Inspects the databases that its parent names, from before they are made until they are, and tells what each was found
// to be meanwhile.
import { parentPort } from 'node:worker_threads';
import Database from 'better-sqlite3';
import { inspect } from '../../../src/cache/sqlite/schema.ts';

parentPort!.on('message', (file: string) => {
  const database = new Database(file);
  const kinds = new Set([inspect(database)]);
  parentPort!.postMessage('looking');
  while (!kinds.has('current') && !kinds.has('foreign')) kinds.add(inspect(database));
  database.close();
  parentPort!.postMessage([...kinds]);
});
