// `getOrSet` on a miss: requests the key's lease, and produces under it or waits for its holder.
import { CircularWaitError } from '../../errors.ts';
import { performance } from '../../system/time.ts';
import type { GetOrSetOptions } from '../cache.ts';
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
  produce: () => T | Promise<T>;
  /** Milliseconds to wait for another producer. */
  wait: number;
  onWait: GetOrSetOptions['onWait'];
  /** Milliseconds to wait for other processes that keep the database locked. */
  timeout: number;
  clock: () => number;
  /** Stores what was produced under the lease with this token. */
  store(value: T, encoded: Encoded, token: string): Promise<boolean>;
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
  const { cache, key, wait, onWait, timeout, clock } = call;
  const since = performance.now();
  let isNotifiedOfWait = false;
  for (let attempt = 0; ; attempt++) {
    const value = await path.read(key);
    if (value !== MISS) return value as T;
    assertNotProducing(cache, key);
    // Other threads find the entry and this one does not: it cannot be read here, and perhaps not be removed either.
    if (attempt >= MAX_ATTEMPTS) return produceWithoutLease(call);
    const left = Math.max(wait - (performance.now() - since), 1);
    const request = { key, now: clock(), wait: left, timeout, holding: heldTokens() };
    const grant = await path.client.lease(request, holder => {
      if (!isNotifiedOfWait) onWait?.(holder);
      isNotifiedOfWait = true;
    });
    switch (grant.state) {
      case 'held':
        return produceUnderLease(grant.token, path.client, call);
      case 'unshared':
        return produceWithoutLease(call);
      case 'circular':
        throw new CircularWaitError(grant.keys);
    }
  }
}

async function produceUnderLease<T>(token: string, client: StoreClient, call: GetOrSetCall<T>): Promise<T> {
  const { cache, key, produce, store } = call;
  let isStored = false;
  try {
    const value = await runProduction(cache, key, token, produce);
    const encoded = encode(value);
    // The same value as later readers get, taken before the caller can change its own.
    const answer = asRead(value, encoded) as T;
    isStored = await store(value, encoded, token);
    return answer;
  } finally {
    if (!isStored) client.abandon(key, token);
  }
}

// The value is not stored. It still has the form that a stored one would have.
async function produceWithoutLease<T>({ cache, key, produce }: GetOrSetCall<T>): Promise<T> {
  return asRead(await runProduction(cache, key, undefined, produce)) as T;
}
