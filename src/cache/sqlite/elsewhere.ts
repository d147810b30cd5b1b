// Statements that take long, in a thread of their own: those that go over a whole database would hold up the event loop
// for seconds. The thread is made for them and ends with them.
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { pathOfPackage } from '../load.ts';

/** One statement, and what is bound to it. What it returns are its rows, each a list of columns. */
export interface Task {
  sql: string;
  parameters?: readonly (string | number | null)[];
}

interface Answer {
  rows?: unknown[][][];
  error?: { message: string; code?: string };
}

// As text, because a bundle has no file for it.
const PROGRAM = `
const { parentPort, workerData } = require('node:worker_threads');
const { path, file, timeout, isTransaction, tasks } = workerData;
try {
  const database = new (require(path))(file, { fileMustExist: true, timeout });
  database.pragma('trusted_schema = OFF');
  database.pragma('synchronous = NORMAL');
  const run = () =>
    tasks.map(({ sql, parameters = [] }) => {
      const statement = database.prepare(sql);
      if (statement.reader) return statement.raw().all(...parameters);
      statement.run(...parameters);
      return [];
    });
  try {
    parentPort.postMessage({ rows: isTransaction ? database.transaction(run).immediate() : run() });
  } finally {
    database.close();
  }
} catch (error) {
  parentPort.postMessage({ error: { message: error.message, code: error.code } });
}
`;

/** Brings what is in the log of the database into it. */
export async function checkpointElsewhere(file: string): Promise<void> {
  await runElsewhere(file, [{ sql: 'PRAGMA wal_checkpoint(PASSIVE)' }], { timeout: 0, isTransaction: false });
}

/**
 * Runs statements one after the other on a connection of their own, and resolves to the rows of each. Rejects with what
 * SQLite says, or when there can be no thread.
 *
 * @param timeout milliseconds to wait for other processes
 * @param isTransaction all of them or none are done
 */
export async function runElsewhere(
  file: string,
  tasks: readonly Task[],
  { timeout, isTransaction }: { timeout: number; isTransaction: boolean },
): Promise<unknown[][][]> {
  const path = pathOfPackage('better-sqlite3');
  const thread = new Worker(PROGRAM, {
    eval: true,
    workerData: { path, file, timeout, isTransaction, tasks },
    // What the program's own threads are made with is not for this one.
    execArgv: [],
    env: {},
  });
  const [answer] = (await Promise.race([
    once(thread, 'message'),
    once(thread, 'exit').then(([code]) => [{ error: { message: `The thread ended with ${code}.` } }]),
  ])) as [Answer];
  if (answer.rows) return answer.rows;
  throw Object.assign(new Error(answer.error!.message), { code: answer.error!.code });
}
