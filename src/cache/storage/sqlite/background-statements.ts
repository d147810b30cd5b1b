// Background statements run in a thread of their own: a statement over a whole database would hold up the event loop
// for seconds. The thread is started for them and ends with them.
import { once } from 'node:events';
import { MessageChannel, receiveMessageOnPort, Worker } from 'node:worker_threads';
import { pathOfPackage } from '../../../system/require-package.ts';
import type { BackgroundAnswer } from '../long-write.ts';

/** One statement and its parameters. The result is its rows, each a list of columns. */
export interface Task {
  sql: string;
  parameters?: readonly (string | number | null)[];
}

/** The rows of each statement. The promise rejects with SQLite's error, or when the thread cannot be started. */
type BackgroundRun = BackgroundAnswer<unknown[][][]>;

interface Answer {
  rows?: unknown[][][];
  error?: { message: string; code?: string };
}

// As text, because a bundle has no file for it.
const PROGRAM = `
const { workerData } = require('node:worker_threads');
const { path, file, timeout, isTransaction, tasks, port, state } = workerData;
const answer = message => {
  port.postMessage(message);
  Atomics.store(state, 0, 1);
  Atomics.notify(state, 0);
};
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
    answer({ rows: isTransaction ? database.transaction(run).immediate() : run() });
  } finally {
    database.close();
  }
} catch (error) {
  answer({ error: { message: error.message, code: error.code } });
}
`;

/** Copies the log of the database into it. */
export async function checkpointInBackground(file: string): Promise<void> {
  const tasks = [{ sql: 'PRAGMA wal_checkpoint(PASSIVE)' }];
  await runInBackground(file, tasks, { timeout: 0, isTransaction: false }).answer;
}

/**
 * Runs statements one after the other on a connection of their own.
 *
 * @param timeout milliseconds to wait for other processes
 * @param isTransaction all of them or none are done
 */
export function runInBackground(
  file: string,
  tasks: readonly Task[],
  how: { timeout: number; isTransaction: boolean },
): BackgroundRun {
  try {
    return run(file, tasks, how);
  } catch (error) {
    const answer = Promise.reject(error);
    answer.catch(() => undefined);
    return { answer, wait: () => raise(error) };
  }
}

function raise(error: unknown): never {
  throw error;
}

function run(
  file: string,
  tasks: readonly Task[],
  { timeout, isTransaction }: { timeout: number; isTransaction: boolean },
): BackgroundRun {
  const { port1, port2: port } = new MessageChannel();
  const state = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  const path = pathOfPackage('better-sqlite3');
  const thread = new Worker(PROGRAM, {
    eval: true,
    workerData: { path, file, timeout, isTransaction, tasks, port, state },
    transferList: [port],
    // The program's own thread options do not apply to this thread.
    execArgv: [],
    env: {},
  });
  let known: Answer | undefined;
  const take = () => {
    known ??= receiveMessageOnPort(port1)?.message as Answer | undefined;
    return known;
  };
  const message = once(port1, 'message').then(([answer]) => {
    known ??= answer as Answer;
  });
  // The exit may be seen before the message, though the message was sent first.
  const exit = once(thread, 'exit').then(([code]) => {
    known = take() ?? { error: { message: `The thread exited with code ${code}.` } };
  });
  const answer = Promise.race([message, exit]).then(() => {
    port1.close();
    return rowsOf(known!);
  });
  // A blocked thread does not use the promise.
  answer.catch(() => undefined);
  return {
    answer,
    wait(timeoutMs) {
      Atomics.wait(state, 0, 0, timeoutMs);
      const found = take();
      return found && rowsOf(found);
    },
  };
}

function rowsOf({ rows, error }: Answer): unknown[][][] {
  if (rows) return rows;
  throw Object.assign(new Error(error!.message), { code: error!.code });
}
