import test from 'ava';
import { Oracle } from '../../bench/oracle.ts';
import { WrongValueError } from '../../bench/values.ts';

const KEY = 3;
const MISSING = 0;

/** A oracle in which `KEY` was set so many times, each acknowledged. */
function oracleAfter(sets: number): Oracle {
  const oracle = new Oracle(8);
  for (let count = 0; count < sets; count++) oracle.acknowledge(KEY, oracle.issueSet(KEY));
  return oracle;
}

test('the version acknowledged last is right', t => {
  const oracle = oracleAfter(2);
  t.notThrows(() => oracle.check(KEY, oracle.before(KEY), 2));
});

test('an older version than the one acknowledged is wrong', t => {
  const oracle = oracleAfter(2);
  t.throws(() => oracle.check(KEY, oracle.before(KEY), 1), {
    instanceOf: WrongValueError,
    message: 'Key 3 has version 1 after version 2 was acknowledged.',
  });
});

test('while a write is under way, both the old and the new version are right', t => {
  const oracle = oracleAfter(1);
  const before = oracle.before(KEY);
  oracle.issueSet(KEY);
  t.notThrows(() => oracle.check(KEY, before, 1));
  t.notThrows(() => oracle.check(KEY, before, 2));
});

test('what was acknowledged after a read began does not make its value wrong', t => {
  const oracle = oracleAfter(1);
  const before = oracle.before(KEY);
  oracle.acknowledge(KEY, oracle.issueSet(KEY));
  t.notThrows(() => oracle.check(KEY, before, 1));
});

test('a version that nobody wrote is wrong', t => {
  const oracle = oracleAfter(1);
  t.throws(() => oracle.check(KEY, oracle.before(KEY), 2), {
    message: /only 1 were written/,
  });
});

test('a key that was never written is rightly missing', t => {
  const oracle = new Oracle(8);
  t.notThrows(() => oracle.check(KEY, oracle.before(KEY), MISSING));
});

test('a key that was stored may not be missing', t => {
  const oracle = oracleAfter(1);
  t.throws(() => oracle.check(KEY, oracle.before(KEY), MISSING), {
    instanceOf: WrongValueError,
    message: /missing though version 1 was acknowledged/,
  });
});

test('a deleted key is rightly missing, and its old value is wrong', t => {
  const oracle = oracleAfter(1);
  oracle.acknowledge(KEY, oracle.issueDelete(KEY), true);
  t.notThrows(() => oracle.check(KEY, oracle.before(KEY), MISSING));
  t.throws(() => oracle.check(KEY, oracle.before(KEY), 1), { instanceOf: WrongValueError });
});

test('while a delete is under way, both the value and a miss are right', t => {
  const oracle = oracleAfter(1);
  const before = oracle.before(KEY);
  oracle.issueDelete(KEY);
  t.notThrows(() => oracle.check(KEY, before, 1));
  t.notThrows(() => oracle.check(KEY, before, MISSING));
});

test('a key that was set again after a delete may not be missing', t => {
  const oracle = oracleAfter(1);
  oracle.acknowledge(KEY, oracle.issueDelete(KEY), true);
  oracle.acknowledge(KEY, oracle.issueSet(KEY));
  t.throws(() => oracle.check(KEY, oracle.before(KEY), MISSING), { instanceOf: WrongValueError });
});

test('another thread sees the same oracle through its buffer', t => {
  const oracle = oracleAfter(2);
  const other = new Oracle(oracle.buffer);
  t.is(other.keys, 8);
  t.throws(() => other.check(KEY, other.before(KEY), 1), { instanceOf: WrongValueError });
});

test('what was there before a run is known from the versions that it is given', t => {
  const oracle = new Oracle(8);
  oracle.adopt(oracleAfter(2).versions());
  t.notThrows(() => oracle.check(KEY, oracle.before(KEY), 2));
  t.throws(() => oracle.check(KEY, oracle.before(KEY), 1), { instanceOf: WrongValueError });
  t.throws(() => oracle.check(KEY, oracle.before(KEY), MISSING), { instanceOf: WrongValueError });
  t.notThrows(() => oracle.check(0, oracle.before(0), MISSING));
  t.is(oracle.issueSet(KEY), 3);
});

test('what another process writes may be newer or deleted, but not older than before the run', t => {
  const oracle = new Oracle(8);
  oracle.adopt(oracleAfter(2).versions(), key => key === KEY);
  t.notThrows(() => oracle.check(KEY, oracle.before(KEY), 17));
  t.notThrows(() => oracle.check(KEY, oracle.before(KEY), MISSING));
  t.throws(() => oracle.check(KEY, oracle.before(KEY), 1), { instanceOf: WrongValueError });
});

test('a key that nobody stored is not made by another process either', t => {
  const oracle = new Oracle(8);
  oracle.adopt(new Int32Array(8), () => true);
  t.throws(() => oracle.check(KEY, oracle.before(KEY), 1), { instanceOf: WrongValueError });
});
