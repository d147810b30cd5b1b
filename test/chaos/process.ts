// One process of the chaos run: it takes part itself, in its main thread, and terminates its worker threads at random.
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { type ClientConfig, openLog, runClient } from './client.ts';
import { now } from './log-lines.ts';
import { Random } from './random.ts';

/** The process's one argument, as JSON. */
export interface ProcessConfig extends Omit<ClientConfig, 'writer'> {
  /** Slot and incarnation, such as `2.7`. */
  name: string;
  threads: number;
}

const config = JSON.parse(process.argv[2]!) as ProcessConfig;
const over = new AbortController();
// The closing of its input tells it to stop; that also happens when the nemesis dies.
process.stdin.on('end', () => over.abort()).resume();

const main: ClientConfig = { ...config, writer: `${config.name}/main` };
const log = openLog(main);

/** Keeps one worker thread running, and terminates it now and then. */
async function keepThread(slot: number): Promise<void> {
  const random = new Random(config.seed, config.name, 'thread', slot);
  for (let incarnation = 0; !over.signal.aborted; incarnation++) {
    const writer = `${config.name}/${slot}.${incarnation}`;
    const worker = new Worker(new URL('./worker.ts', import.meta.url), { workerData: { ...config, writer } });
    const exited = once(worker, 'exit');
    // SQLite's binding aborts the whole process when its thread is terminated at the moment that loads it. A cache
    // cannot repair that, so a thread is spared until the binding is loaded.
    await Promise.race([once(worker, 'message'), exited]);
    const lives = random.between(200, 6000);
    const timer = new AbortController();
    await Promise.race([
      exited,
      pause(lives, undefined, { signal: timer.signal }).catch(() => undefined),
      ...(over.signal.aborted ? [] : [once(over.signal, 'abort')]),
    ]);
    timer.abort();
    if (over.signal.aborted) {
      worker.postMessage('over');
      await exited;
    } else {
      log({ t: now(), ending: writer });
      await worker.terminate();
      log({ t: now(), ended: writer });
    }
  }
}

await Promise.all([
  runClient(main, () => over.signal.aborted, log),
  ...Array.from({ length: config.threads }, (_, slot) => keepThread(slot)),
]);
process.exit(0);
