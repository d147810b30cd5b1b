import test from 'ava';
import { median, ratio } from '../../bench/statistics.ts';

test('the median is the middle value, in any order', t => {
  t.is(median([9, 1, 100]), 9);
  t.is(median([7]), 7);
});

test('the median of an even number of values is the mean of the two in the middle', t => {
  t.is(median([4, 1, 100, 2]), 3);
});

test('numbers are sorted numerically', t => {
  t.is(median([10, 9, 100]), 10);
});

test('median() leaves its argument in order', t => {
  const values = [3, 1, 2];
  median(values);
  t.deepEqual(values, [3, 1, 2]);
});

test('an empty list has no median', t => {
  t.is(median([]), Number.NaN);
});

test('a ratio pairs the rounds, so that a slow round of both does not change it', t => {
  t.deepEqual(ratio([200, 20, 180], [100, 10, 90]), { median: 2, min: 2, max: 2 });
});

test('a ratio includes its spread', t => {
  t.deepEqual(ratio([100, 300, 250], [100, 100, 100]), { median: 2.5, min: 1, max: 3 });
});

test('an unequal number of rounds is an error', t => {
  t.throws(() => ratio([1, 2], [1]), { instanceOf: RangeError, message: /2 against 1/ });
});
