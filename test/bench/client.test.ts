import test from 'ava';
import { type ClientContext, type ClientStore, runClient } from '../../bench/client.ts';
import { Histogram } from '../../bench/histogram.ts';
import { History } from '../../bench/history.ts';
import { Oracle } from '../../bench/oracle.ts';
import { ByteValues, WrongValueError } from '../../bench/values.ts';
import { Kind } from '../../bench/workload.ts';

const KEYS = 4;

/** An in-memory store. A test can replace any of its methods. */
function contextOf(
  drawn: ClientContext['requests'],
  different: Partial<ClientStore> = {},
): ClientContext & { map: Map<string, unknown> } {
  const map = new Map<string, unknown>();
  const store: ClientStore = {
    get: key => map.get(key),
    set: (key, value) => map.set(key, value),
    delete: key => map.delete(key),
    ...different,
  };
  const nameOf = (key: number): string => `key ${key}`;
  return {
    map,
    store,
    values: new ByteValues(200),
    oracle: new Oracle(KEYS),
    requests: drawn,
    names: Array.from(drawn.keys, nameOf),
    nameOf,
    next: 0,
    busy: new Set(),
    deleted: [],
    history: undefined,
    histograms: [new Histogram(), new Histogram(), new Histogram()],
    deadline: performance.now() + 200,
  };
}

function draws(...operations: [kind: Kind, key: number][]) {
  return {
    kinds: Uint8Array.from(operations, ([kind]) => kind),
    keys: Uint32Array.from(operations, ([, key]) => key),
  };
}

test('operations run one after another, and each is counted in its histogram', async t => {
  const calls: string[] = [];
  const context = contextOf(draws([Kind.get, 2], [Kind.delete, 3], [Kind.get, 2], [Kind.get, 2]), {
    get: key => void calls.push(`get ${key}`),
    set: key => calls.push(`set ${key}`),
    delete: key => calls.push(`delete ${key}`),
  });
  context.deadline = performance.now() + 100;
  await runClient(context);
  t.deepEqual(calls.slice(0, 4), ['get key 2', 'delete key 3', 'get key 2', 'get key 2']);
  const counts = context.histograms.map(histogram => histogram.count);
  t.is(counts[Kind.get]! + counts[Kind.delete]!, calls.filter(call => !call.startsWith('set')).length);
  t.is(counts[Kind.get], calls.filter(call => call.startsWith('get')).length);
});

test('at least one operation runs, even after the deadline', async t => {
  const context = contextOf(draws([Kind.get, 2]));
  context.deadline = 0;
  await runClient(context);
  t.is(context.histograms[Kind.get]!.count, 1);
});

test('a key that was deleted is set next, and set again when the time is up', async t => {
  const context = contextOf(draws([Kind.delete, 1], [Kind.set, 0]));
  await runClient(context);
  t.true(context.map.has('key 1'));
  t.false(context.map.has('key 0'));
});

test('gets that found nothing are counted', async t => {
  const context = contextOf(draws([Kind.get, 0]));
  const { misses } = await runClient(context);
  t.is(misses, context.histograms[Kind.get]!.count);
  t.true(misses > 0);
});

test('a set is awaited before the next operation', async t => {
  let pending = 0;
  let most = 0;
  const context = contextOf(draws([Kind.set, 0]), {
    set: async () => {
      most = Math.max(most, ++pending);
      await new Promise(resolve => setImmediate(resolve));
      pending--;
    },
  });
  await runClient(context);
  t.is(most, 1);
  t.is(pending, 0);
});

test('concurrent clients share the request sequence, and never write the same key at once', async t => {
  const pending = new Set<string>();
  let most = 0;
  const keys = new Set<string>();
  // While one client writes key 0, the next one skips it.
  const context = contextOf(draws([Kind.set, 0], [Kind.set, 0], [Kind.set, 1], [Kind.set, 2]), {
    set: async key => {
      t.false(pending.has(key), key);
      keys.add(key);
      pending.add(key);
      most = Math.max(most, pending.size);
      await new Promise(resolve => setImmediate(resolve));
      pending.delete(key);
    },
  });
  await Promise.all([1, 2, 3].map(() => runClient(context)));
  t.is(most, 3);
  t.deepEqual([...keys], ['key 0', 'key 1', 'key 2']);
});

test('operations are recorded for other processes: writes with their versions, deletes negated', async t => {
  const context = contextOf(draws([Kind.set, 2], [Kind.delete, 2], [Kind.get, 2], [Kind.get, 0]));
  context.history = new History();
  await runClient(context);
  const { writes, reads } = context.history.data();
  t.deepEqual([writes[0], writes[1], writes[3], writes[4]], [2, 1, 2, -2]);
  t.true(writes[2]! <= writes[5]!);
  t.deepEqual(reads.slice(0, 2), [2, 0]);
});

test('a store that returns an old value fails', async t => {
  const first = new Map<string, unknown>();
  const context = contextOf(draws([Kind.set, 0], [Kind.get, 0]), {
    set: (key, value) => {
      if (!first.has(key)) first.set(key, value);
    },
    get: async key => first.get(key),
  });
  await t.throwsAsync(runClient(context), {
    instanceOf: WrongValueError,
    message: /Key 0 has version 1 after version 2/,
  });
});

test('a store that loses what it acknowledged fails', async t => {
  const context = contextOf(draws([Kind.set, 0], [Kind.get, 0]), { get: () => undefined });
  await t.throwsAsync(runClient(context), { instanceOf: WrongValueError });
});

test('a store that reports a rejected write fails', async t => {
  const refused = contextOf(draws([Kind.set, 0]), { set: async () => false });
  await t.throwsAsync(runClient(refused), { message: /Key 0 was not stored/ });
});
