// HTTP client of the remote tier: Node's `fetch` with limits on time and bytes, and a distinct failure for each cause.
import { connect } from 'node:net';
import { type RemoteRequest, remoteRequests } from '../tracing.ts';
import { RemoteFailure } from './failure.ts';
import { discard, readBody, refuse, statusFailure } from './http-answer.ts';
import { after, isConnectionLost, RequestLimit } from './request-limit.ts';

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
  get(path: string, { accept, maxBytes, onBytes, size, signal }: GetOptions): Promise<boolean> {
    const limitMs = size === 'small' ? this.#smallMs : this.#idleMs;
    return this.#within(limitMs, signal, 'GET', path, async limit => {
      const response = await this.#getOnce(path, accept, limit);
      if (response.status !== 200) return refuse(response, 'GET', path);
      await readBody(response, path, maxBytes, async bytes => {
        if (size === 'blob') limit.extend();
        await onBytes(bytes);
      });
      return true;
    });
  }

  /** Whether `path` exists. @throws RemoteFailure */
  has(path: string, signal: AbortSignal): Promise<boolean> {
    return this.#within(this.#smallMs, signal, 'HEAD', path, async limit => {
      const response = await this.#send('HEAD', path, {}, limit);
      return response.status === 200 || refuse(response, 'HEAD', path);
    });
  }

  /** Stores a body at `path`. @throws RemoteFailure, and the errors of `body` */
  put(path: string, { contentType, length, body, signal, onSent }: PutOptions): Promise<void> {
    return this.#within(this.#idleMs, signal, 'PUT', path, async limit => {
      const parts = async function* () {
        for await (const bytes of body()) {
          for (let from = 0; from < bytes.length; from += PART) {
            const part = bytes.subarray(from, from + PART);
            yield part;
            limit.extend();
            onSent?.(part.length);
          }
        }
      };
      const headers = { 'content-type': contentType, 'content-length': String(length) };
      const init = { headers, ...(length > 0 && { body: parts(), duplex: 'half' as const }) };
      const response = await this.#send('PUT', path, init, limit);
      if (response.status < 200 || response.status > 299) {
        if (!(await refuse(response, 'PUT', path))) throw statusFailure(response, 'PUT', path);
      }
      await discard(response);
    });
  }

  /** Removes `path` where the server allows it; resolves to whether it did. @throws RemoteFailure */
  remove(path: string, signal: AbortSignal): Promise<boolean> {
    return this.#within(this.#smallMs, signal, 'DELETE', path, async limit => {
      const response = await this.#send('DELETE', path, {}, limit);
      await discard(response);
      return response.status >= 200 && response.status <= 299;
    });
  }

  async #within<T>(
    limitMs: number,
    signal: AbortSignal,
    method: string,
    path: string,
    exchange: (limit: RequestLimit) => Promise<T>,
  ): Promise<T> {
    const limit = new RequestLimit(limitMs, signal);
    try {
      return await exchange(limit);
    } catch (error) {
      throw limit.explain(error, method, path);
    } finally {
      limit.end();
    }
  }

  async #getOnce(path: string, accept: string, limit: RequestLimit): Promise<Response> {
    const init = { headers: { accept } };
    try {
      return await this.#send('GET', path, init, limit);
    } catch (error) {
      // The server may close a kept-alive connection just when it is used again.
      if (limit.signal.aborted || !isConnectionLost(error)) throw error;
      return this.#send('GET', path, init, limit);
    }
  }

  async #send(method: string, path: string, init: RequestInit, limit: RequestLimit): Promise<Response> {
    let url = `${this.#base}${path}`;
    for (let redirects = 0; ; redirects++) {
      const response = await this.#fetch(
        url,
        {
          ...init,
          method,
          headers: { ...this.#headers, ...(init.headers as Record<string, string>) },
          signal: limit.signal,
          redirect: 'manual',
          // The headers hold our credentials; fetch must not look for others, nor answer a 401 itself.
          credentials: 'omit',
          cache: 'no-store',
        },
        limit,
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

  async #fetch(url: string, init: RequestInit, limit: RequestLimit): Promise<Response> {
    const stop =
      this.#isReached || this.#connectMs === null ? undefined : this.#tryConnection(this.#connectMs, limit);
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
  #tryConnection(connectMs: number, limit: RequestLimit): () => void {
    const socket = connect(this.#target);
    const stop = () => {
      cancel();
      socket.destroy();
    };
    const cancel = after(connectMs, () => {
      stop();
      limit.fail(new RemoteFailure('unreachable', `no connection within ${connectMs} ms`));
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
