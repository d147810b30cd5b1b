// Answers of the remote tier's server: their bodies with a limit on bytes, and their statuses as failures.
import { wallClock } from '../../system/time.ts';
import { RemoteFailure } from './failure.ts';

/** Bytes of an answer that are read only to free the connection. */
const MAX_DISCARDED = 64 * 1024;

/** Reads the body, `maxBytes` at most. @throws RemoteFailure, and the errors of `onBytes` */
export async function readBody(
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
export async function discard(response: Response): Promise<void> {
  let received = 0;
  for await (const bytes of response.body ?? []) {
    received += bytes.length;
    if (received > MAX_DISCARDED) break;
  }
}

/** False for a missing path; throws for every other status. */
export async function refuse(response: Response, method: string, path: string): Promise<false> {
  await discard(response);
  if ((response.status === 404 || response.status === 410) && method !== 'PUT') return false;
  throw statusFailure(response, method, path);
}

/** The failure that a status means. */
export function statusFailure({ status, headers }: Response, method: string, path: string): RemoteFailure {
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
