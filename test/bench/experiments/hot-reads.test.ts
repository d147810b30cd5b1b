import test from 'ava';
import { fasterThanLmdb, type HotReads, summarizeHotReads } from '../../../bench/experiments/hot-reads.ts';
import type { HotReadsReply } from '../../../bench/programs/hot-reads.ts';

const REPLY: HotReadsReply = { lmdb: [3, 3, 6], borrow: [1, 1, 1], getSync: [3, 4, 5], get: [6, 6, 6] };
const TIMES: HotReads = { bytes: REPLY, string: REPLY, record: REPLY };

test('each way of reading is compared with the lmdb read measured beside it', t => {
  t.deepEqual(fasterThanLmdb(TIMES, 'bytes', 'borrow'), { median: 3, min: 3, max: 6 });
  t.deepEqual(fasterThanLmdb(TIMES, 'bytes', 'get'), { median: 0.5, min: 0.5, max: 1 });
});

test('each kind of value has its own goals', t => {
  const verdicts = Object.fromEntries(summarizeHotReads(TIMES).targets.map(({ id, isMet }) => [id, isMet]));
  t.deepEqual(verdicts, {
    'borrow-bytes': true,
    'borrow-string': false,
    'borrow-record': false,
    'sync-string': false,
    'sync-bytes': true,
    'get-bytes': false,
    'get-record': false,
  });
});

test('every kind has a row and a group of bars, in microseconds', t => {
  const { table, chart } = summarizeHotReads(TIMES);
  t.deepEqual(table[1], [
    '200 bytes',
    '3.0 µs',
    '1.0 µs, 3.0× (3.0–6.0)',
    '4.0 µs, 1.0× (0.75–1.2)',
    '6.0 µs, 0.50× (0.50–1.0)',
  ]);
  t.deepEqual(
    chart!.groups.map(({ lines }) => lines.length),
    [4, 4, 4],
  );
});
