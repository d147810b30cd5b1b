import test from 'ava';
import { Oracle } from '../../bench/oracle.ts';
import { WrongValueError } from '../../bench/values.ts';

const KEY = 3;
const MISSING = 0;

/** An oracle in which `KEY` was set `count` times, each acknowledged. */
function oracleAfter(sets: number): Oracle {
  const oracle = new Oracle(8);
  for (let count = 0; count < sets; count++) oracle.acknowledge(KEY, oracle.issueSet(KEY));
  return oracle;
}

test('the last acknowledged version is right', t => {
  const oracle = oracleAfter(2);
  t.notThrows(() => oracle.check(KEY, oracle.before(KEY), 2));
});

test('a version older than the acknowledged one is wrong', t => {
  const oracle = oracleAfter(2);
  t.throws(() => oracle.check(KEY, oracle.before(KEY), 1), {
    instanceOf: WrongValueError,
    message: 'Key 3 has version 1 after version 2 was acknowledged.',
  });
});

test('while a write is in flight, both the old and the new version are right', t => {
  const oracle = oracleAfter(1);
  const before = oracle.before(KEY);
  oracle.issueSet(KEY);
  t.notThrows(() => oracle.check(KEY, before, 1));
  t.notThrows(() => oracle.check(KEY, before, 2));
});

test('a write acknowledged after a read began does not make its value wrong', t => {
  const oracle = oracleAfter(1);
  const before = oracle.before(KEY);
  oracle.acknowledge(KEY, oracle.issueSet(KEY));
  t.notThrows(() => oracle.check(KEY, before, 1));
});

test('a version that was never written is wrong', t => {
  const oracle = oracleAfter(1);
  t.throws(() => oracle.check(KEY, oracle.before(KEY), 2), {
    message: /only 1 were written/,
  });
});

test('a miss is right for a key that was never written', t => {
  const oracle = new Oracle(8);
  t.notThrows(() => oracle.check(KEY, oracle.before(KEY), MISSING));
});

test('a miss is wrong for a key that was stored', t => {
  const oracle = oracleAfter(1);
  t.throws(() => oracle.check(KEY, oracle.before(KEY), MISSING), {
    instanceOf: WrongValueError,
    message: /missing though version 1 was acknowledged/,
  });
});

test('after a delete a miss is right, and the old value is wrong', t => {
  const oracle = oracleAfter(1);
  oracle.acknowledge(KEY, oracle.issueDelete(KEY), true);
  t.notThrows(() => oracle.check(KEY, oracle.before(KEY), MISSING));
  t.throws(() => oracle.check(KEY, oracle.before(KEY), 1), { instanceOf: WrongValueError });
});

test('while a delete is in flight, both the value and a miss are right', t => {
  const oracle = oracleAfter(1);
  const before = oracle.before(KEY);
  oracle.issueDelete(KEY);
  t.notThrows(() => oracle.check(KEY, before, 1));
  t.notThrows(() => oracle.check(KEY, before, MISSING));
});

test('a miss is wrong for a key that was set again after a delete', t => {
  const oracle = oracleAfter(1);
  oracle.acknowledge(KEY, oracle.issueDelete(KEY), true);
  oracle.acknowledge(KEY, oracle.issueSet(KEY));
  t.throws(() => oracle.check(KEY, oracle.before(KEY), MISSING), { instanceOf: WrongValueError });
});

test('another thread sees the same oracle through the shared buffer', t => {
  const oracle = oracleAfter(2);
  const other = new Oracle(oracle.buffer);
  t.is(other.keys, 8);
  t.throws(() => other.check(KEY, other.before(KEY), 1), { instanceOf: WrongValueError });
});

test('entries from before a run are known from the given versions', t => {
  const oracle = new Oracle(8);
  oracle.adopt(oracleAfter(2).versions());
  t.notThrows(() => oracle.check(KEY, oracle.before(KEY), 2));
  t.throws(() => oracle.check(KEY, oracle.before(KEY), 1), { instanceOf: WrongValueError });
  t.throws(() => oracle.check(KEY, oracle.before(KEY), MISSING), { instanceOf: WrongValueError });
  t.notThrows(() => oracle.check(0, oracle.before(0), MISSING));
  t.is(oracle.issueSet(KEY), 3);
});

test('keys that another process writes may be newer or deleted, but not older than before the run', t => {
  const oracle = new Oracle(8);
  oracle.adopt(oracleAfter(2).versions(), key => key === KEY);
  t.notThrows(() => oracle.check(KEY, oracle.before(KEY), 17));
  t.notThrows(() => oracle.check(KEY, oracle.before(KEY), MISSING));
  t.throws(() => oracle.check(KEY, oracle.before(KEY), 1), { instanceOf: WrongValueError });
});

test('a key that was never stored does not appear through another process either', t => {
  const oracle = new Oracle(8);
  oracle.adopt(new Int32Array(8), () => true);
  t.throws(() => oracle.check(KEY, oracle.before(KEY), 1), { instanceOf: WrongValueError });
});
