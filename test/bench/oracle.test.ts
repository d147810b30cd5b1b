import test from 'ava';
import { Oracle } from '../../bench/oracle.ts';
import { WrongValueError } from '../../bench/values.ts';

const KEY = 3;
const MISSING = 0;

/** A ledger in which `KEY` was set so many times, each acknowledged. */
function ledgerAfter(sets: number): Oracle {
  const ledger = new Oracle(8);
  for (let count = 0; count < sets; count++) ledger.acknowledge(KEY, ledger.issueSet(KEY));
  return ledger;
}

test('the version acknowledged last is right', t => {
  const ledger = ledgerAfter(2);
  t.notThrows(() => ledger.check(KEY, ledger.before(KEY), 2));
});

test('an older version than the one acknowledged is wrong', t => {
  const ledger = ledgerAfter(2);
  t.throws(() => ledger.check(KEY, ledger.before(KEY), 1), {
    instanceOf: WrongValueError,
    message: 'Key 3 has version 1 after version 2 was acknowledged.',
  });
});

test('while a write is under way, both the old and the new version are right', t => {
  const ledger = ledgerAfter(1);
  const before = ledger.before(KEY);
  ledger.issueSet(KEY);
  t.notThrows(() => ledger.check(KEY, before, 1));
  t.notThrows(() => ledger.check(KEY, before, 2));
});

test('what was acknowledged after a read began does not make its value wrong', t => {
  const ledger = ledgerAfter(1);
  const before = ledger.before(KEY);
  ledger.acknowledge(KEY, ledger.issueSet(KEY));
  t.notThrows(() => ledger.check(KEY, before, 1));
});

test('a version that nobody wrote is wrong', t => {
  const ledger = ledgerAfter(1);
  t.throws(() => ledger.check(KEY, ledger.before(KEY), 2), {
    message: /only 1 were written/,
  });
});

test('a key that was never written is rightly missing', t => {
  const ledger = new Oracle(8);
  t.notThrows(() => ledger.check(KEY, ledger.before(KEY), MISSING));
});

test('a key that was stored may not be missing', t => {
  const ledger = ledgerAfter(1);
  t.throws(() => ledger.check(KEY, ledger.before(KEY), MISSING), {
    instanceOf: WrongValueError,
    message: /missing though version 1 was acknowledged/,
  });
});

test('a deleted key is rightly missing, and its old value is wrong', t => {
  const ledger = ledgerAfter(1);
  ledger.acknowledge(KEY, ledger.issueDelete(KEY), true);
  t.notThrows(() => ledger.check(KEY, ledger.before(KEY), MISSING));
  t.throws(() => ledger.check(KEY, ledger.before(KEY), 1), { instanceOf: WrongValueError });
});

test('while a delete is under way, both the value and a miss are right', t => {
  const ledger = ledgerAfter(1);
  const before = ledger.before(KEY);
  ledger.issueDelete(KEY);
  t.notThrows(() => ledger.check(KEY, before, 1));
  t.notThrows(() => ledger.check(KEY, before, MISSING));
});

test('a key that was set again after a delete may not be missing', t => {
  const ledger = ledgerAfter(1);
  ledger.acknowledge(KEY, ledger.issueDelete(KEY), true);
  ledger.acknowledge(KEY, ledger.issueSet(KEY));
  t.throws(() => ledger.check(KEY, ledger.before(KEY), MISSING), { instanceOf: WrongValueError });
});

test('another thread sees the same ledger through its buffer', t => {
  const ledger = ledgerAfter(2);
  const other = new Oracle(ledger.buffer);
  t.is(other.keys, 8);
  t.throws(() => other.check(KEY, other.before(KEY), 1), { instanceOf: WrongValueError });
});

test('what was there before a run is known from the versions that it is given', t => {
  const ledger = new Oracle(8);
  ledger.adopt(ledgerAfter(2).versions());
  t.notThrows(() => ledger.check(KEY, ledger.before(KEY), 2));
  t.throws(() => ledger.check(KEY, ledger.before(KEY), 1), { instanceOf: WrongValueError });
  t.throws(() => ledger.check(KEY, ledger.before(KEY), MISSING), { instanceOf: WrongValueError });
  t.notThrows(() => ledger.check(0, ledger.before(0), MISSING));
  t.is(ledger.issueSet(KEY), 3);
});

test('what another process writes may be newer or deleted, but not older than before the run', t => {
  const ledger = new Oracle(8);
  ledger.adopt(ledgerAfter(2).versions(), key => key === KEY);
  t.notThrows(() => ledger.check(KEY, ledger.before(KEY), 17));
  t.notThrows(() => ledger.check(KEY, ledger.before(KEY), MISSING));
  t.throws(() => ledger.check(KEY, ledger.before(KEY), 1), { instanceOf: WrongValueError });
});

test('a key that nobody stored is not made by another process either', t => {
  const ledger = new Oracle(8);
  ledger.adopt(new Int32Array(8), () => true);
  t.throws(() => ledger.check(KEY, ledger.before(KEY), 1), { instanceOf: WrongValueError });
});
