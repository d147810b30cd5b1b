// Real worker threads that run functions of the test.
import { once } from 'node:events';
import { Worker, type WorkerOptions } from 'node:worker_threads';
import type { ExecutionContext } from 'ava';
import type { Tools } from './glovebox.ts';

/** An error of the other thread; its class does not cross over. */
export class ThreadError extends Error {
  readonly code: string | undefined;

  constructor({ name, message, code }: { name: string; message: string; code?: string }) {
    super(message);
    this.name = name;
    this.code = code;
  }
}

interface Answer {
  id: number;
  value?: unknown;
  error?: { name: string; message: string; code?: string };
}

export class Thread {
  readonly worker: Worker;
  readonly #waiting = new Map<number, PromiseWithResolvers<unknown>>();
  #nextId = 1;

  constructor(options?: WorkerOptions) {
    this.worker = new Worker(new URL('./thread-worker.ts', import.meta.url), options);
    this.worker.on('message', ({ id, value, error }: Answer) => {
      const waiting = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (error) waiting?.reject(new ThreadError(error));
      else waiting?.resolve(value);
    });
    this.worker.on('error', error => this.#end(error as Error));
    this.worker.on('exit', () => this.#end(new Error('The thread has ended.')));
  }

  /** Runs `body` in the thread. It is sent as text: it sees `tools` and its arguments, and nothing of the test. */
  run<Args extends unknown[], Result>(
    body: (tools: Tools, ...args: Args) => Result,
    ...args: Args
  ): Promise<Awaited<Result>> {
    const id = this.#nextId++;
    const waiting = Promise.withResolvers<unknown>();
    this.#waiting.set(id, waiting);
    this.worker.postMessage({ id, source: body.toString(), args });
    return waiting.promise as Promise<Awaited<Result>>;
  }

  /** Ends the thread at once, whatever it is doing. */
  async terminate(): Promise<void> {
    await this.worker.terminate();
  }

  /** Resolves when the thread has ended by itself. */
  async ended(): Promise<void> {
    if (this.worker.threadId !== -1) await once(this.worker, 'exit').catch(() => undefined);
  }

  #end(error: Error): void {
    for (const waiting of this.#waiting.values()) {
      waiting.promise.catch(() => undefined);
      waiting.reject(error);
    }
    this.#waiting.clear();
  }
}

/** Threads that are terminated with the test. */
export function startThreads(t: ExecutionContext, count: number): Thread[] {
  const threads = Array.from({ length: count }, () => new Thread());
  t.teardown(async () => {
    await Promise.all(threads.map(thread => thread.terminate()));
  });
  return threads;
}
