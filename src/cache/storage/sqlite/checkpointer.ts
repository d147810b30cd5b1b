// Checkpointer: a thread that copies the log into the database while the store is written to without a pause.
//
// Otherwise the thread that writes the four thousandth page does it, and waits for the disk for ten milliseconds or more.
// It holds the write lock meanwhile, so that the other threads wait, too. That is up to a fifth of all time.
//
//   wrote ─► 500 pages ─► flush ─► 4000 pages ─► request ──► checkpoint of what is in the log by then
//                                       │ no checkpointer
//                                       └──► as part of a commit
//
// SQLite begins the log anew when all of it is copied at the moment of a write. The checkpointer is always a little late
// for that, so a commit still does the rest of a checkpoint from time to time, after three times as many pages.
//
// The coordinator starts the thread when many pages were written since it last looked. The thread ends by itself when
// there are no more requests, or it fails: then commits do all of it again.
import { Worker } from 'node:worker_threads';
import { pathOfPackage } from '../../../system/require-package.ts';
import { CHECKPOINTER, LOG } from '../../shared/layout.ts';

/** Milliseconds without a request after which the thread ends. */
const IDLE_MS = 2000;
// Milliseconds for which the end of a running checkpoint is awaited.
const END_MS = 100;

// As text, because a bundle has no file for it.
const PROGRAM = `
const { workerData } = require('node:worker_threads');
const { path, file, words, idle, LOG, STATE } = workerData;
const database = new (require(path))(file, { fileMustExist: true, timeout: 0 });
try {
  database.pragma('trusted_schema = OFF');
  database.pragma('synchronous = NORMAL');
  const checkpoint = database.prepare('PRAGMA wal_checkpoint(PASSIVE)');
  Atomics.compareExchange(words, LOG.checkpointer, STATE.none, STATE.running);
  while (Atomics.wait(words, LOG.requested, 0, idle) !== 'timed-out') {
    Atomics.store(words, LOG.requested, 0);
    if (Atomics.load(words, LOG.checkpointer) !== STATE.running) break;
    checkpoint.all();
  }
} finally {
  database.close();
  Atomics.store(words, LOG.checkpointer, STATE.none);
  Atomics.notify(words, LOG.checkpointer);
}
`;

/** For the thread that maintains the store. */
export class Checkpointer {
  readonly #file: string;
  readonly #words: Int32Array;
  readonly #idleMs: number;
  #thread: Worker | undefined;

  /**
   * @param file the database's
   * @param words see `LOG` in layout.ts
   */
  constructor(file: string, words: Int32Array, idleMs = IDLE_MS) {
    this.#file = file;
    this.#words = words;
    this.#idleMs = idleMs;
  }

  start(): void {
    if (this.#thread) return;
    try {
      this.#thread = this.#begin();
    } catch {
      // Without it, commits do the checkpoints.
    }
  }

  #begin(): Worker {
    const [words, idle, file] = [this.#words, this.#idleMs, this.#file];
    const path = pathOfPackage('better-sqlite3');
    const thread = new Worker(PROGRAM, {
      eval: true,
      workerData: { path, file, words, idle, LOG, STATE: CHECKPOINTER },
      // The program's own thread options do not apply to this thread.
      execArgv: [],
      env: {},
    });
    thread.unref();
    // Whatever is wrong with the database, the next commits meet it, too.
    thread.on('error', () => undefined);
    thread.on('exit', () => {
      const isOwn = this.#thread === thread;
      if (isOwn) this.#thread = undefined;
      // It was terminated in the middle of a checkpoint, or failed.
      const { none, running, ending } = CHECKPOINTER;
      Atomics.compareExchange(words, LOG.checkpointer, isOwn ? running : ending, none);
    });
    return thread;
  }

  /** Ends the thread, which closes its connection. This thread is blocked while a checkpoint runs. */
  stop(): void {
    const thread = this.#thread;
    if (!thread) return;
    this.#thread = undefined;
    const words = this.#words;
    const { running, ending } = CHECKPOINTER;
    if (Atomics.compareExchange(words, LOG.checkpointer, running, ending) === running) {
      Atomics.store(words, LOG.requested, 1);
      Atomics.notify(words, LOG.requested);
      Atomics.wait(words, LOG.checkpointer, ending, END_MS);
    }
    void thread.terminate();
  }
}
