// Limit of one request to the remote tier: its time, and the signal that aborts it. Explains a failure by its cause.
import { clearTimeout, setImmediate, setTimeout } from '../../system/time.ts';
import { RemoteFailure } from './failure.ts';

export class RequestLimit {
  readonly #controller = new AbortController();
  readonly #limitMs: number;
  readonly #outer: AbortSignal;
  readonly #onAbort = () => this.fail(new RemoteFailure('aborted', 'given up'));
  #cancel: () => void;
  #failure: RemoteFailure | undefined;

  constructor(limitMs: number, outer: AbortSignal) {
    this.#limitMs = limitMs;
    this.#outer = outer;
    this.#cancel = this.#start();
    if (outer.aborted) this.#onAbort();
    else outer.addEventListener('abort', this.#onAbort, { once: true });
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Restarts the limit after bytes arrived or were sent. */
  extend(): void {
    this.#cancel();
    this.#cancel = this.#start();
  }

  fail(failure: RemoteFailure): void {
    this.#failure ??= failure;
    this.#controller.abort(failure);
  }

  end(): void {
    this.#cancel();
    this.#outer.removeEventListener('abort', this.#onAbort);
  }

  /** The reason of a failed request: `fetch` reports an abort in several forms. */
  explain(error: unknown, method: string, path: string): unknown {
    if (this.#failure !== undefined) {
      const { kind, message } = this.#failure;
      return new RemoteFailure(kind, `${method} ${path}: ${message}`, { cause: error });
    }
    if (error instanceof RemoteFailure || !(error instanceof TypeError)) return error;
    const kind = isConnectionLost(error) ? 'broken' : 'unreachable';
    return new RemoteFailure(kind, `${method} ${path}: ${causeOf(error)}`, { cause: error });
  }

  #start(): () => void {
    return after(this.#limitMs, () =>
      this.fail(new RemoteFailure('timeout', `no answer within ${this.#limitMs / 1000} s`)),
    );
  }
}

/**
 * Calls `act` after so many milliseconds, unless the result is called before. Data that has arrived by then is handled
 * first: a delayed thread must not take its own delay for the server's.
 */
export function after(limitMs: number, act: () => void): () => void {
  let isCancelled = false;
  const timer = setTimeout(() => {
    // Timers run before arrived data is handled; both immediates run after it.
    setImmediate(() => setImmediate(() => isCancelled || act()));
  }, limitMs);
  return () => {
    isCancelled = true;
    clearTimeout(timer);
  };
}

// Codes of undici and of the system. An unresolved name and a refused connection are not among them.
const LOST = [
  'UND_ERR_SOCKET',
  'ECONNRESET',
  'EPIPE',
  'UND_ERR_RES_CONTENT_LENGTH_MISMATCH',
  'UND_ERR_ABORTED',
];

/** Whether the connection was lost after it had been made. */
export function isConnectionLost(error: unknown): boolean {
  const { cause, message } = error as Error;
  const code = (cause as NodeJS.ErrnoException | undefined)?.code;
  return message === 'terminated' || (code !== undefined && (LOST.includes(code) || code.startsWith('HPE_')));
}

function causeOf(error: Error): string {
  const { cause } = error;
  if (!(cause instanceof Error)) return error.message;
  return (cause as NodeJS.ErrnoException).code ?? cause.message;
}
