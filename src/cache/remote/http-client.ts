// HTTP client of the remote tier: Node's `fetch` with limits on time and bytes, and a distinct failure for each cause.
import { connect } from 'node:net';
import { clearTimeout, setImmediate, setTimeout, wallClock } from '../../system/time.ts';
import { type RemoteRequest, remoteRequests } from '../tracing.ts';
import { RemoteFailure } from './failure.ts';

// Saved when this module is loaded, as the timers are: test runners and request recorders replace the global one.
const request = globalThis.fetch;

export interface HttpLimits {
  /** Limit for connecting, in milliseconds. Null: unlimited, as behind a proxy. Default: 500. */
  connectMs?: number | null | undefined;
  /** Limit from the beginning to the end of a small answer, in milliseconds. Default: 2,000. */
  smallMs?: number | undefined;
  /** Limit without any byte in either direction, for blobs and uploads, in milliseconds. Default: 10,000. */
  idleMs?: number | undefined;
}

export interface HttpClientOptions extends HttpLimits {
  /** Base address of `/ac/` and `/cas/`. No credentials, query or fragment. */
  url: URL;
  /** The value of the header `Authorization`. */
  authorization?: string | undefined;
}

export interface GetOptions {
  accept: string;
  /** Largest number of bytes that is read. */
  maxBytes: number;
  /** Receives the parts of the body; the next one is read when it resolves. */
  onBytes: (bytes: Uint8Array) => void | Promise<void>;
  /** `small`: all of it within `smallMs`. `blob`: `idleMs` without a byte. */
  size: 'small' | 'blob';
  signal: AbortSignal;
}

export interface PutOptions {
  contentType: string;
  /** Bytes of the body, which `Content-Length` announces. */
  length: number;
  body: () => AsyncIterable<Uint8Array>;
  signal: AbortSignal;
  /** Called with the number of bytes of each part that was handed to the connection. */
  onSent?: ((bytes: number) => void) | undefined;
}

const MAX_REDIRECTS = 3;
/** Bytes of an answer that are read only to free the connection. */
const MAX_DISCARDED = 64 * 1024;
/** Bytes of a part of an upload, each of which must be sent within `idleMs`. */
const PART = 64 * 1024;

export class HttpClient {
  readonly #base: string;
  readonly #origin: string;
  readonly #target: { host: string; port: number };
  readonly #headers: Record<string, string>;
  readonly #connectMs: number | null;
  readonly #smallMs: number;
  readonly #idleMs: number;
  // Until the first answer, and after a lost connection, it is unknown whether the server can be reached at all.
  #isReached = false;

  constructor({ url, authorization, connectMs = 500, smallMs = 2000, idleMs = 10_000 }: HttpClientOptions) {
    this.#base = url.href.replace(/\/+$/, '');
    this.#origin = url.origin;
    this.#target = {
      host: url.hostname.replace(/^\[|\]$/g, ''),
      port: Number(url.port) || (url.protocol === 'https:' ? 443 : 80),
    };
    this.#headers = {
      // Only Glovebox itself compresses: the size of what a server or proxy compressed could not be bounded.
      'accept-encoding': 'identity',
      'user-agent': 'glovebox',
      ...(authorization !== undefined && { authorization }),
    };
    this.#connectMs = connectMs;
    this.#smallMs = smallMs;
    this.#idleMs = idleMs;
  }

  /** Reads `path` to its end; resolves to whether it exists. @throws RemoteFailure */
  async get(path: string, { accept, maxBytes, onBytes, size, signal }: GetOptions): Promise<boolean> {
    const watch = new Watch(size === 'small' ? this.#smallMs : this.#idleMs, signal);
    try {
      const response = await this.#getOnce(path, accept, watch);
      if (response.status !== 200) return await refuse(response, 'GET', path);
      await readBody(response, path, maxBytes, async bytes => {
        if (size === 'blob') watch.extend();
        await onBytes(bytes);
      });
      return true;
    } catch (error) {
      throw watch.explain(error, 'GET', path);
    } finally {
      watch.end();
    }
  }

  /** Whether `path` exists. @throws RemoteFailure */
  async has(path: string, signal: AbortSignal): Promise<boolean> {
    const watch = new Watch(this.#smallMs, signal);
    try {
      const response = await this.#send('HEAD', path, {}, watch);
      if (response.status !== 200) return await refuse(response, 'HEAD', path);
      return true;
    } catch (error) {
      throw watch.explain(error, 'HEAD', path);
    } finally {
      watch.end();
    }
  }

  /** Stores a body at `path`. @throws RemoteFailure, and the errors of `body` */
  async put(path: string, { contentType, length, body, signal, onSent }: PutOptions): Promise<void> {
    const watch = new Watch(this.#idleMs, signal);
    try {
      const parts = async function* () {
        for await (const bytes of body()) {
          for (let from = 0; from < bytes.length; from += PART) {
            const part = bytes.subarray(from, from + PART);
            yield part;
            watch.extend();
            onSent?.(part.length);
          }
        }
      };
      const headers = { 'content-type': contentType, 'content-length': String(length) };
      const init = { headers, ...(length > 0 && { body: parts(), duplex: 'half' as const }) };
      const response = await this.#send('PUT', path, init, watch);
      if (response.status < 200 || response.status > 299) {
        if (!(await refuse(response, 'PUT', path))) throw statusFailure(response, 'PUT', path);
      }
      await discard(response);
    } catch (error) {
      throw watch.explain(error, 'PUT', path);
    } finally {
      watch.end();
    }
  }

  /** Removes `path` where the server allows it; resolves to whether it did. @throws RemoteFailure */
  async remove(path: string, signal: AbortSignal): Promise<boolean> {
    const watch = new Watch(this.#smallMs, signal);
    try {
      const response = await this.#send('DELETE', path, {}, watch);
      await discard(response);
      return response.status >= 200 && response.status <= 299;
    } catch (error) {
      throw watch.explain(error, 'DELETE', path);
    } finally {
      watch.end();
    }
  }

  async #getOnce(path: string, accept: string, watch: Watch): Promise<Response> {
    const init = { headers: { accept } };
    try {
      return await this.#send('GET', path, init, watch);
    } catch (error) {
      // The server may close a kept-alive connection just when it is used again.
      if (watch.signal.aborted || !isConnectionLost(error)) throw error;
      return this.#send('GET', path, init, watch);
    }
  }

  async #send(method: string, path: string, init: RequestInit, watch: Watch): Promise<Response> {
    let url = `${this.#base}${path}`;
    for (let redirects = 0; ; redirects++) {
      const response = await this.#fetch(
        url,
        {
          ...init,
          method,
          headers: { ...this.#headers, ...(init.headers as Record<string, string>) },
          signal: watch.signal,
          redirect: 'manual',
          // The headers hold our credentials; fetch must not look for others, nor answer a 401 itself.
          credentials: 'omit',
          cache: 'no-store',
        },
        watch,
      );
      if (response.status < 300 || response.status > 399 || response.status === 304) return response;
      const location = response.headers.get('location') ?? '';
      await discard(response);
      const next = URL.parse(location, url);
      const isFollowed = (method === 'GET' || method === 'HEAD') && redirects < MAX_REDIRECTS;
      if (next?.origin !== this.#origin || !isFollowed) {
        const where =
          next === null ? 'nowhere' : next.origin === this.#origin ? 'once more' : `to ${next.origin}`;
        throw new RemoteFailure(
          'redirect',
          `${method} ${path} was redirected ${where} (status ${response.status})`,
        );
      }
      url = next.href;
    }
  }

  async #fetch(url: string, init: RequestInit, watch: Watch): Promise<Response> {
    const stop =
      this.#isReached || this.#connectMs === null ? undefined : this.#tryConnection(this.#connectMs, watch);
    try {
      const response = await tracedRequest(url, init);
      this.#isReached = true;
      return response;
    } catch (error) {
      this.#isReached = false;
      throw error;
    } finally {
      stop?.();
    }
  }

  // `fetch` has a fixed limit of its own for connecting, 10 s. So a bare connection is tried beside it.
  #tryConnection(limitMs: number, watch: Watch): () => void {
    const socket = connect(this.#target);
    const stop = () => {
      cancel();
      socket.destroy();
    };
    const cancel = after(limitMs, () => {
      stop();
      watch.fail(new RemoteFailure('unreachable', `no connection within ${limitMs} ms`));
    });
    socket.on('connect', stop);
    // `fetch` reports the error itself.
    socket.on('error', stop);
    return stop;
  }
}

/** One request, up to the head of its answer, published on the diagnostics channel while that has a subscriber. */
async function tracedRequest(url: string, init: RequestInit): Promise<Response> {
  if (!remoteRequests.hasSubscribers) return request(url, init);
  const method = init.method as RemoteRequest['method'];
  const call: RemoteRequest = { method, url, kind: url.includes('/cas/') ? 'cas' : 'ac' };
  let response: Response | undefined;
  // Subscribers do not get the answer itself: its body can be read only once.
  await remoteRequests.tracePromise(async () => {
    response = await request(url, init);
    call.status = response.status;
    const headers = method === 'PUT' ? new Headers(init.headers) : response.headers;
    const size = headers.get('content-length');
    if (size !== null) call.size = Number(size);
  }, call);
  return response!;
}

/** The time limit and the abort signal of one request. */
class Watch {
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
function after(limitMs: number, act: () => void): () => void {
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

async function readBody(
  response: Response,
  path: string,
  maxBytes: number,
  onBytes: (bytes: Uint8Array) => Promise<void>,
): Promise<void> {
  const announced = Number(response.headers.get('content-length') ?? Number.NaN);
  const encoding = response.headers.get('content-encoding') ?? 'identity';
  const tooLong = (bytes: string) =>
    new RemoteFailure('length', `GET ${path}: ${bytes} bytes, where at most ${maxBytes} are read`);
  let received = 0;
  try {
    if (encoding !== 'identity') {
      throw new RemoteFailure(
        'length',
        `GET ${path}: Content-Encoding is ${encoding}, which was not asked for`,
      );
    }
    if (announced > maxBytes) throw tooLong(String(announced));
    for await (const bytes of response.body ?? []) {
      received += bytes.length;
      if (received > maxBytes) throw tooLong(`more than ${maxBytes}`);
      await onBytes(bytes);
    }
  } catch (error) {
    await response.body?.cancel().catch(() => undefined);
    throw error;
  }
}

/** Reads the short rest of the answer, since a connection with a half-read answer cannot be used again. */
async function discard(response: Response): Promise<void> {
  let received = 0;
  for await (const bytes of response.body ?? []) {
    received += bytes.length;
    if (received > MAX_DISCARDED) break;
  }
}

/** False for a missing path; throws for every other status. */
async function refuse(response: Response, method: string, path: string): Promise<false> {
  await discard(response);
  if ((response.status === 404 || response.status === 410) && method !== 'PUT') return false;
  throw statusFailure(response, method, path);
}

function statusFailure({ status, headers }: Response, method: string, path: string): RemoteFailure {
  const message = `${method} ${path}: status ${status}`;
  if (status === 401 || status === 403) return new RemoteFailure('denied', message);
  const retryAfterMs = parseRetryAfter(headers.get('retry-after'));
  if (status === 429 || (status === 503 && retryAfterMs !== undefined)) {
    return new RemoteFailure('busy', message, retryAfterMs === undefined ? {} : { retryAfterMs });
  }
  return new RemoteFailure('status', message);
}

/** Seconds, or a date. */
function parseRetryAfter(value: string | null): number | undefined {
  if (value === null) return undefined;
  const milliseconds = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - wallClock.now();
  return Number.isNaN(milliseconds) ? undefined : Math.max(0, milliseconds);
}

// Codes of undici and of the system. An unresolved name and a refused connection are not among them.
const LOST = [
  'UND_ERR_SOCKET',
  'ECONNRESET',
  'EPIPE',
  'UND_ERR_RES_CONTENT_LENGTH_MISMATCH',
  'UND_ERR_ABORTED',
];

function isConnectionLost(error: unknown): boolean {
  const { cause, message } = error as Error;
  const code = (cause as NodeJS.ErrnoException | undefined)?.code;
  return message === 'terminated' || (code !== undefined && (LOST.includes(code) || code.startsWith('HPE_')));
}

function causeOf(error: Error): string {
  const { cause } = error;
  if (!(cause instanceof Error)) return error.message;
  return (cause as NodeJS.ErrnoException).code ?? cause.message;
}
