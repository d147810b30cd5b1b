// One client of a thread: does operations one after the other, and judges what each read gives. A thread with 64
// operations in flight has 64 clients, which take turns at the draws of the thread.

import type { Histogram } from './histogram.ts';
import type { History } from './history.ts';
import type { Oracle } from './oracle.ts';
import type { RequestSequence } from './request-sequence.ts';
import { type Values, WrongValueError } from './values.ts';
import { Kind } from './workload.ts';

/** A store as clients use it, whatever the values are. */
export interface ClientStore {
  get(key: string): unknown;
  set(key: string, value: unknown): unknown;
  delete(key: string): unknown;
}

/** What the clients of one thread share. */
export interface ClientContext {
  store: ClientStore;
  values: Values;
  oracle: Oracle;
  requests: RequestSequence;
  /** By the place in the draws. */
  names: readonly string[];
  /** The name of any key. */
  nameOf(key: number): string;
  /** By {@link Kind}. */
  histograms: readonly Histogram[];
  /** When to begin no more operations, as `performance.now()` counts. */
  deadline: number;
  /** Where the next operation is in the draws. */
  next: number;
  /** The keys that another client of the thread is writing just now. */
  busy: Set<number>;
  /** Keys that were deleted and not set again yet. */
  deleted: number[];
  /** What to note for other processes' sake; undefined when there is one process only. */
  history: History | undefined;
}

export interface ClientResult {
  /** Gets that found nothing. */
  misses: number;
  /** When the last measured operation ended, as `performance.now()` counts. */
  ended: number;
}

/**
 * Works through the draws, again and again, until the deadline; at least one operation. The clock is read once per
 * operation: the end of one is the start of the next, so each time includes choosing the operation and judging its
 * result. Deleted keys are what this thread sets next, and sets again when time is up.
 */
export async function runClient(context: ClientContext): Promise<ClientResult> {
  const { store, values, oracle, names, histograms, deadline, history, busy, deleted } = context;
  const { kinds, keys } = context.requests;
  const mask = keys.length - 1;
  let misses = 0;
  let now = performance.now();
  do {
    const index = context.next++ & mask;
    const kind = kinds[index] as Kind;
    const key = keys[index]!;
    if (kind === Kind.get) {
      const before = oracle.before(key);
      const result = store.get(names[index]!);
      // Only what is a promise is awaited: a synchronous store's user would not wait either.
      const value = result instanceof Promise ? await result : result;
      const version = value === undefined ? 0 : values.versionOf(key, value, false);
      oracle.check(key, before, version);
      if (version === 0) misses++;
      history?.read(key, version, now);
    } else if (kind === Kind.set) {
      const target = deleted.pop() ?? key;
      // Two writes of one key may not be under way at once: nobody could say which is the newer one.
      if (busy.has(target)) continue;
      busy.add(target);
      const result = set(context, target);
      if (result instanceof Promise) await result;
      busy.delete(target);
    } else {
      const version = oracle.issueDelete(key);
      const result = store.delete(names[index]!);
      if (result instanceof Promise) await result;
      oracle.acknowledge(key, version, true);
      history?.wrote(key, version, true, performance.now());
      deleted.push(key);
    }
    const end = performance.now();
    histograms[kind]!.record(end - now);
    now = end;
  } while (now < deadline);
  while (deleted.length > 0) await set(context, deleted.pop()!);
  return { misses, ended: now };
}

/** Stores the next version of a key, and notes that it was acknowledged. */
export function set(
  {
    store,
    values,
    oracle,
    nameOf,
    history,
  }: Pick<ClientContext, 'store' | 'values' | 'oracle' | 'nameOf' | 'history'>,
  key: number,
): Promise<void> | undefined {
  const version = oracle.issueSet(key);
  const acknowledge = (stored: unknown): void => {
    if (stored === false) throw new WrongValueError(`Key ${key} was not stored.`);
    oracle.acknowledge(key, version);
    history?.wrote(key, version, false, performance.now());
  };
  const result = store.set(nameOf(key), values.make(key, version));
  if (result instanceof Promise) return result.then(acknowledge);
  acknowledge(result);
  return undefined;
}
