// `getOrSet` on a miss: requests the key's lease, and produces under it or waits for its holder.
import { CircularWaitError, LostLeaseError } from '../../errors.ts';
import { performance } from '../../system/time.ts';
import type { Duration, GetOrSetOptions, Producer, ProducerContext } from '../cache.ts';
import type { Grant } from '../protocol.ts';
import { parseDuration } from '../units.ts';
import { asRead, type Encoded, encode } from '../values/codec.ts';
import { assertNotProducing, heldTokens, runProduction } from './productions.ts';
import { MISS, type ReadPath } from './read-path.ts';
import type { StoreClient } from './store-client.ts';

/** One call of `getOrSet`, as its cache describes it. */
export interface GetOrSetCall<T> {
  /** The instance; identifies the cache in the list of what a chain of calls is producing. */
  cache: object;
  key: string;
  produce: Producer<T>;
  /** Milliseconds to wait for another producer. */
  wait: number;
  signal: AbortSignal | undefined;
  onWait: GetOrSetOptions['onWait'];
  /** Milliseconds to wait for other processes that keep the database locked. */
  timeout: number;
  clock: () => number;
  /** Stores what was produced under the lease with this token. `ttl`: instead of the one that the call was given. */
  store(value: T, encoded: Encoded, token: string, ttl: Duration | undefined): Promise<boolean>;
}

const DEFAULT_WAIT_MS = 10 * 60 * 1000;
// After so many answers to read again that each end in a miss, the call produces without a lease.
const MAX_ATTEMPTS = 100;

/** {@link GetOrSetOptions.wait} in milliseconds. */
export function waitOf(options: GetOrSetOptions | undefined): number {
  if (options?.wait === undefined) return DEFAULT_WAIT_MS;
  return parseDuration(options.wait, 'wait') ?? Number.POSITIVE_INFINITY;
}

/** The stored value, or the one that the call produces. */
export async function getOrProduce<T>(path: ReadPath, call: GetOrSetCall<T>): Promise<T> {
  const { cache, key, wait, signal, onWait, timeout, clock } = call;
  const since = performance.now();
  let isNotifiedOfWait = false;
  for (let attempt = 0; ; attempt++) {
    const value = await path.read(key);
    if (value !== MISS) return value as T;
    signal?.throwIfAborted();
    assertNotProducing(cache, key);
    // Other threads find the entry and this one does not: it cannot be read here, and perhaps not be removed either.
    if (attempt >= MAX_ATTEMPTS) return produceWithoutLease(call);
    const left = Math.max(wait - (performance.now() - since), 1);
    const request = { key, now: clock(), wait: left, timeout, holding: heldTokens() };
    const lost = new AbortController();
    const events = {
      onWait: (holder: { pid: number }) => {
        if (!isNotifiedOfWait) onWait?.(holder);
        isNotifiedOfWait = true;
      },
      onLost: () => lost.abort(new LostLeaseError(key)),
    };
    const requested = path.client.lease(request, events);
    const grant = await (signal ? unlessAborted(requested, signal, path.client, key) : requested);
    switch (grant.state) {
      case 'held':
        try {
          return await produceUnderLease(grant.token, lost.signal, path.client, call);
        } catch (error) {
          // Another caller is producing the value, or has done so.
          if (!lost.signal.aborted || signal?.aborted) throw error;
        }
        break;
      case 'unshared':
        return produceWithoutLease(call);
      case 'circular':
        throw new CircularWaitError(grant.keys);
    }
  }
}

async function produceUnderLease<T>(
  token: string,
  lost: AbortSignal,
  client: StoreClient,
  call: GetOrSetCall<T>,
): Promise<T> {
  const { cache, key, produce, signal, store } = call;
  let isStored = false;
  let isSkipped = false;
  let ttl: Duration | undefined;
  const context: ProducerContext = {
    signal: signal ? AbortSignal.any([signal, lost]) : lost,
    skip: () => {
      isSkipped = true;
    },
    setTtl: wanted => {
      // An undefined TTL would stand for the call's own.
      parseDuration(wanted, 'ttl');
      ttl = wanted;
    },
    isStillHeld: () => client.holds(key, token),
  };
  try {
    signal?.throwIfAborted();
    const value = await runProduction(cache, key, token, () => produce(context));
    const encoded = encode(value);
    // The same value as later readers get, taken before the caller can change its own.
    const answer = asRead(value, encoded) as T;
    if (!isSkipped) isStored = await store(value, encoded, token, ttl);
    return answer;
  } finally {
    if (!isStored) client.abandon(key, token);
  }
}

/** Produces for one caller only. The value is not stored. It still has the form that a stored one would have. */
export async function produceWithoutLease<T>({
  cache,
  key,
  produce,
  signal,
}: Pick<GetOrSetCall<T>, 'cache' | 'key' | 'produce' | 'signal'>): Promise<T> {
  const context: ProducerContext = {
    signal: signal ?? new AbortController().signal,
    skip: () => undefined,
    setTtl: ttl => {
      parseDuration(ttl, 'ttl');
    },
    isStillHeld: () => Promise.resolve(false),
  };
  return asRead(await runProduction(cache, key, undefined, () => produce(context))) as T;
}

// A lease that is granted after the caller has gone is given back.
async function unlessAborted(
  requested: Promise<Grant>,
  signal: AbortSignal,
  client: StoreClient,
  key: string,
): Promise<Grant> {
  const aborted = Promise.withResolvers<never>();
  const onAbort = () => {
    requested.then(
      grant => {
        if (grant.state === 'held') client.abandon(key, grant.token);
      },
      () => undefined,
    );
    aborted.reject(signal.reason);
  };
  signal.addEventListener('abort', onAbort, { once: true });
  // The caller may have aborted it as it learned that it waits.
  if (signal.aborted) onAbort();
  try {
    return await Promise.race([requested, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
