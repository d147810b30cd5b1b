import test from 'ava';
import { checkHistories, History, type HistoryData } from '../../bench/history.ts';
import { WrongValueError } from '../../bench/values.ts';

const KEY = 2;
const BEFORE = Int32Array.of(1, 1, 5);
const NOBODY: HistoryData = { writes: [], reads: [] };

/** Writes of another process: version 6 acknowledged at 100, 7 deleted at 200, 8 at 300. */
const WRITER: HistoryData = { writes: [KEY, 6, 100, KEY, -7, 200, KEY, 8, 300], reads: [] };

function judge(version: number, began: number, { bound = 0, writer = WRITER } = {}): number {
  return checkHistories([writer, { writes: [], reads: [KEY, version, began] }], BEFORE, bound);
}

test('the version acknowledged when the read began, or a newer one, is right', t => {
  t.is(judge(5, 99), 1);
  t.is(judge(6, 99), 1);
  t.is(judge(6, 150), 1);
  t.is(judge(8, 150), 1);
  t.is(judge(8, 400), 1);
});

test('a version that another process had replaced when the read began is wrong', t => {
  t.throws(() => judge(5, 101), {
    instanceOf: WrongValueError,
    message: 'Key 2 has version 5 after another process was told that version 6 is stored.',
  });
  t.throws(() => judge(6, 301), { instanceOf: WrongValueError });
  t.throws(() => judge(4, 50, { writer: NOBODY }), { instanceOf: WrongValueError });
});

test("a value as old as the store's staleness bound is right, an older one is wrong", t => {
  t.notThrows(() => judge(5, 109, { bound: 10 }));
  t.throws(() => judge(5, 111, { bound: 10 }), { instanceOf: WrongValueError });
});

test('a key may be missing once its delete can have happened, until it is set again', t => {
  t.throws(() => judge(0, 301), { instanceOf: WrongValueError, message: /is missing/ });
  t.notThrows(() => judge(0, 250));
  t.notThrows(() => judge(0, 150));
  t.throws(() => judge(0, 150, { writer: { writes: [KEY, 6, 100], reads: [] } }), { message: /is missing/ });
});

test('a value that was deleted when the read began is wrong', t => {
  t.throws(() => judge(6, 250), { message: /version 7 is deleted/ });
});

test('a version that was never written is wrong', t => {
  t.throws(() => judge(9, 400), { message: /only 8 were written/ });
  t.throws(() => judge(6, 400, { writer: NOBODY }), { message: /only 5 were written/ });
});

test('a key that was never stored is rightly missing', t => {
  t.notThrows(() => checkHistories([{ writes: [], reads: [3, 0, 100] }], BEFORE, 0));
});

test('all writes are recorded, and some of the reads', t => {
  const history = new History();
  for (let index = 1; index <= 80; index++) {
    history.wrote(KEY, index, index === 2, index);
    history.read(KEY, index, index);
  }
  const { writes, reads } = history.data();
  t.is(writes.length, 3 * 80);
  t.deepEqual([writes[0], writes[1], writes[3], writes[4]], [KEY, 1, KEY, -2]);
  t.is(reads.length, 3 * 10);
});
