// Compile pool: the threads that compile, and the processes that they have started.
//
//   build ── run(task) ──► Piscina ──► workers/compile.ts ──► the compiler's processes
//         ◄── events ───── port ◄──────┘       ▲
//         ── cancel ────── port ───────────────┘   (then SIGKILL from here, if the worker does not answer)
import { MessageChannel, type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import { Piscina } from 'piscina';
import { GloveboxError } from '../../errors.ts';
import { endProcesses, signalProcesses } from '../../system/process-group.ts';
import { compileWorker } from '../compile-worker.ts';
import type { CompileEvent, CompileResult } from '../incremental/index.ts';
import type { CompileTask, FromWorker, ToWorker } from './protocol.ts';

// With the worker's own SIGKILL after one second, this keeps a cancelled build within its two seconds.
const KILL_AFTER_MS = 1_500;
const TERMINATE_AFTER_MS = 1_800;

export type PoolListener = (event: CompileEvent, thread: number) => void;

/** Failure of a compile whose thread died. */
export interface WorkerFailure {
  ok: false;
  reason: 'worker';
  message: string;
  lastLines: string[];
  exitCode?: undefined;
  excerpt?: undefined;
}

/** The compile threads cannot be started. */
export class NoThreadsError extends GloveboxError {
  constructor(threads: number, cause: unknown) {
    const why = whyNoThread(cause) ?? (cause as Error).message;
    super('GLOVEBOX_NO_THREADS', `Cannot start ${threads} threads to compile in: ${why}`, { cause });
  }
}

/** Why the system refused a thread, and the remedy; undefined for other errors. */
function whyNoThread(error: unknown): string | undefined {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code !== 'ERR_WORKER_INIT_FAILED') return undefined;
  if (/EMFILE|ENFILE/.test(message)) {
    return 'too many files are open. Raise the limit (ulimit -n), or run fewer jobs at once (--jobs).';
  }
  return `the system has no room for another thread (${message}). Run fewer jobs at once (--jobs), or raise the limit (ulimit -u).`;
}

/** Threads that compile one target each at a time. */
export class CompilePool {
  readonly #pool: Piscina<CompileTask, CompileResult>;
  readonly #running = new Map<MessagePort, Set<number>>();
  readonly #timers: NodeJS.Timeout[] = [];
  readonly #broken = Promise.withResolvers<never>();
  readonly #killAll = () => {
    for (const groups of this.#running.values()) killGroups(groups);
  };
  #cancelled = false;

  /**
   * @param threads number of targets compiled in parallel
   *
   * @param worker the file that the threads load. Default: `workers/compile`
   *
   * @throws NoThreadsError if the system cannot start that many
   */
  constructor(threads: number, worker: URL = compileWorker()) {
    try {
      this.#pool = new Piscina({
        filename: worker.href,
        minThreads: threads,
        maxThreads: threads,
        // An idle thread that blocks on a counter would not receive the coordinator's messages to its caches.
        atomics: 'disabled',
      });
    } catch (error) {
      throw new NoThreadsError(threads, error);
    }
    this.#broken.promise.catch(() => {});
    // A thread that fails while idle is replaced. If none is left, the new ones cannot even start, and a task would
    // wait for ever.
    this.#pool.on('error', error => {
      if (this.#pool.threads.length === 0) this.#broken.reject(error);
    });
    endWithProcess(this.#killAll);
  }

  /**
   * Compiles in a free thread; the caller guarantees one. Resolves when nothing of the compiler is left running. A dead
   * thread fails its task, and another thread takes its place.
   *
   * @param signal stops only this task, as {@link cancel} stops all
   *
   * @param onConfigured see `CompileJob.onConfigured`
   */
  async run(
    task: Omit<CompileTask, 'port'>,
    onEvent: PoolListener,
    signal?: AbortSignal,
    onConfigured: () => Promise<number> = async () => task.jobs,
  ): Promise<CompileResult | WorkerFailure> {
    const { port1, port2 } = new MessageChannel();
    const groups = new Set<number>();
    const receive = (message: FromWorker) => {
      if (message.type === 'event') onEvent(message.event, message.thread);
      else if (message.type === 'configured')
        onConfigured().then(jobs => port1.postMessage({ type: 'make', jobs } satisfies ToWorker));
      else if (message.event === 'started') groups.add(message.processGroup);
      else groups.delete(message.processGroup);
    };
    port1.on('message', receive);
    this.#running.set(port1, groups);
    const timers: NodeJS.Timeout[] = [];
    const terminate = new AbortController();
    const stop = () => {
      port1.postMessage({ type: 'cancel' } satisfies ToWorker);
      timers.push(
        setTimeout(() => killGroups(groups), KILL_AFTER_MS),
        setTimeout(() => terminate.abort(), TERMINATE_AFTER_MS),
      );
    };
    signal?.addEventListener('abort', stop, { once: true });
    if (signal?.aborted) stop();
    else if (this.#cancelled) port1.postMessage({ type: 'cancel' } satisfies ToWorker);
    try {
      const options = { transferList: [port2], signal: terminate.signal };
      const working = this.#pool.run({ ...task, port: port2 }, options);
      return await Promise.race([working, this.#broken.promise]);
    } catch (error) {
      const why = whyNoThread(error) ?? (error instanceof Error ? error.message : String(error));
      const message = `The thread that compiled it failed: ${why}`;
      return { ok: false, reason: 'worker', message, lastLines: [] };
    } finally {
      signal?.removeEventListener('abort', stop);
      for (const timer of timers) clearTimeout(timer);
      // The answer comes on another port and may overtake earlier events.
      for (let next = receiveMessageOnPort(port1); next; next = receiveMessageOnPort(port1))
        receive(next.message);
      port1.close();
      // A thread that died could not end its processes.
      await Promise.all([...groups].map(group => endProcesses(group, 0)));
      this.#running.delete(port1);
    }
  }

  /**
   * Stops every compile, and those that begin later. Threads are first asked to stop, because a terminated thread
   * cannot end its compiler or release its lease. If one does not answer, its processes are killed, then the thread.
   */
  cancel(): void {
    if (this.#cancelled) return;
    this.#cancelled = true;
    for (const port of this.#running.keys()) port.postMessage({ type: 'cancel' } satisfies ToWorker);
    this.#timers.push(
      setTimeout(this.#killAll, KILL_AFTER_MS),
      setTimeout(() => void this.#pool.destroy(), TERMINATE_AFTER_MS),
    );
  }

  /** Ends the threads. No compile may be running. */
  async close(): Promise<void> {
    for (const timer of this.#timers) clearTimeout(timer);
    atExit.delete(this.#killAll);
    await this.#pool.destroy();
  }
}

function killGroups(groups: Iterable<number>): void {
  for (const group of groups) signalProcesses(group, 'SIGKILL');
}

const atExit = new Set<() => void>();

/**
 * Kills the compilers if this process exits during a build: each has its own session, so the terminal's signals do not
 * reach it.
 */
function endWithProcess(kill: () => void): void {
  // One listener for all pools, since Node warns about many listeners on a process.
  if (atExit.size === 0) {
    process.removeListener('exit', killEverything);
    process.once('exit', killEverything);
  }
  atExit.add(kill);
}

function killEverything(): void {
  for (const kill of atExit) kill();
}
