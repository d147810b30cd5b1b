import test from 'ava';
import { formatCount, formatFactor, formatShare, formatTime } from '../../bench/format.ts';

test('times have a suitable unit', t => {
  t.is(formatTime(0.00012), '0.12 µs');
  t.is(formatTime(0.0084), '8.4 µs');
  t.is(formatTime(0.19), '190 µs');
  t.is(formatTime(23.4), '23 ms');
  t.is(formatTime(2100), '2.1 s');
  t.is(formatTime(0), '0 µs');
});

test('a time that rounds up to a thousand takes the next unit', t => {
  t.is(formatTime(0.9996), '1.0 ms');
  t.is(formatTime(0.999), '999 µs');
  t.is(formatTime(999.7), '1.0 s');
});

test('ratios keep two figures', t => {
  t.is(formatFactor(0.834), '0.83');
  t.is(formatFactor(0.996), '1.0');
  t.is(formatFactor(4.24), '4.2');
  t.is(formatFactor(9.96), '10');
  t.is(formatFactor(17.2), '17');
  t.is(formatFactor(1234.4), '1,234');
  t.is(formatFactor(Number.NaN), '–');
});

test('counts have no more decimals than they need, and shares are percentages', t => {
  t.is(formatCount(1234567.8), '1,234,568');
  t.is(formatCount(0.52), '0.5');
  t.is(formatShare(0.0097), '0.97 %');
});
