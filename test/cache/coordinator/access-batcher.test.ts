import test from 'ava';
import { AccessBatcher, MAX_ENTRIES } from '../../../src/cache/coordinator/access-batcher.ts';
import type { WriteOperation } from '../../../src/cache/operations.ts';

type AccessOperation = WriteOperation & { type: 'access' };

function makeLog() {
  const written: AccessOperation[] = [];
  const log = new AccessBatcher(operation => {
    written.push(operation);
    return Promise.resolve({ value: true });
  });
  return { log, entries: () => written.flatMap(({ entries }) => entries) };
}

function readOf(keys: readonly string[], isUrgent = false): AccessOperation {
  return { type: 'access', entries: keys.map(key => [key, 1, 5]), isUrgent };
}

const MANY = Array.from({ length: MAX_ENTRIES + 10 }, (_, index) => `key-${index}`);

test('reads of one key are summed, and the latest time counts', async t => {
  const { log, entries } = makeLog();
  log.add({ type: 'access', entries: [['a', 2, 30]], isUrgent: false }, 30, false);
  log.add({ type: 'access', entries: [['a', 1, 20]], isUrgent: false }, 30, false);
  await log.flush();
  t.deepEqual(entries(), [['a', 3, 30]]);
});

test('beyond its capacity the first keys keep being counted', async t => {
  const { log, entries } = makeLog();
  log.add(readOf(MANY), 5, false);
  log.add(readOf([MANY[0]!, MANY.at(-1)!]), 5, false);
  t.deepEqual(entries(), []);
  await log.flush();
  t.is(entries().length, MAX_ENTRIES);
  t.deepEqual(entries()[0], [MANY[0], 2, 5]);
  log.add(readOf([MANY.at(-1)!]), 5, false);
  await log.flush();
  t.deepEqual(entries().at(-1), [MANY.at(-1), 1, 5]);
});

test('near the size limit all reads are counted, and written at once when there are many', async t => {
  const { log, entries } = makeLog();
  log.add(readOf(MANY), 5, true);
  t.is(entries().length, MANY.length);
  await log.flush();
  t.is(entries().length, MANY.length);
});

test('reads that a caller waits for are counted, however many there are', async t => {
  const { log, entries } = makeLog();
  log.add(readOf(MANY), 5, false);
  log.add(readOf([MANY.at(-1)!], true), 5, false);
  await log.flush();
  t.deepEqual(entries().at(-1), [MANY.at(-1), 1, 5]);
});
