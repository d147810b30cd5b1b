// Benchmark client: does one operation after the other and checks the result of each read. A thread with 64 operations
// in flight has 64 clients, which share the thread's request sequence.

import type { Histogram } from './histogram.ts';
import type { History } from './history.ts';
import type { Oracle } from './oracle.ts';
import type { RequestSequence } from './request-sequence.ts';
import { type Values, WrongValueError } from './values.ts';
import { Kind } from './workload.ts';

/** A store as clients use it, for any kind of value. */
export interface ClientStore {
  get(key: string): unknown;
  set(key: string, value: unknown): unknown;
  delete(key: string): unknown;
}

/** State shared by the clients of one thread. */
export interface ClientContext {
  store: ClientStore;
  values: Values;
  oracle: Oracle;
  requests: RequestSequence;
  /** Key names, by index in the request sequence. */
  names: readonly string[];
  /** The name of a key number. */
  nameOf(key: number): string;
  /** By {@link Kind}. */
  histograms: readonly Histogram[];
  /** Time after which no further operation begins, by `performance.now()`. */
  deadline: number;
  /** Index of the next request in the sequence. */
  next: number;
  /** Keys that another client of the thread is writing. */
  busy: Set<number>;
  /** Deleted keys that have not been set again. */
  deleted: number[];
  /** The record for checks across processes; undefined with a single process. */
  history: History | undefined;
}

export interface ClientResult {
  /** Number of gets without a result. */
  misses: number;
  /** End of the last measured operation, by `performance.now()`. */
  ended: number;
}

/**
 * Works through the request sequence, repeatedly, until the deadline; at least one operation. The clock is read once
 * per operation: the end of one is the start of the next, so each time includes choosing the operation and checking its
 * result. Deleted keys are set next, and at the end all are set again.
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
      // Only promises are awaited, as the user of a synchronous store would do.
      const value = result instanceof Promise ? await result : result;
      const version = value === undefined ? 0 : values.versionOf(key, value, false);
      oracle.check(key, before, version);
      if (version === 0) misses++;
      history?.read(key, version, now);
    } else if (kind === Kind.set) {
      const target = deleted.pop() ?? key;
      // Two writes of one key must not overlap: their order would be unknown.
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

/** Stores the next version of a key and records its acknowledgment. */
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
