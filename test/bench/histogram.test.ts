import test from 'ava';
import fc from 'fast-check';
import { Histogram } from '../../bench/histogram.ts';

const milliseconds = fc.double({ min: 0, max: 2000, noNaN: true });

function histogramOf(times: readonly number[]): Histogram {
  const histogram = new Histogram();
  for (const time of times) histogram.record(time);
  return histogram;
}

test('a percentile is the time within which that share finished, rounded up by less than 0.8 %', t => {
  fc.assert(
    fc.property(
      fc.array(milliseconds, { minLength: 1, maxLength: 200 }),
      fc.double({ min: 0.1, max: 100, noNaN: true }),
      (times, percent) => {
        const sorted = times.toSorted((a, b) => a - b);
        const exact = sorted[Math.ceil((percent / 100) * times.length) - 1]!;
        const found = histogramOf(times).percentile(percent);
        // Times are counted in whole nanoseconds.
        return found >= exact - 1e-6 && found <= exact * 1.008 + 1e-6;
      },
    ),
  );
  t.pass();
});

test('percentiles of one to a hundred milliseconds are as expected', t => {
  const histogram = histogramOf(Array.from({ length: 100 }, (_, index) => index + 1));
  t.is(Math.floor(histogram.percentile(50)), 50);
  t.is(Math.floor(histogram.percentile(99)), 99);
  t.is(histogram.percentile(100), 100);
});

test('the longest time is exact', t => {
  t.is(histogramOf([0.000123, 12.3456789, 1]).max, 12.3456789);
});

test('times beyond the last bucket are counted, and the longest is kept', t => {
  const histogram = histogramOf([1, 5000, 9000]);
  t.is(histogram.count, 3);
  t.is(histogram.max, 9000);
  t.is(histogram.percentile(99), 9000);
  t.true(histogram.percentile(33) < 1.01);
});

test('a negative time, as from a clock that was set back, counts as zero', t => {
  t.is(histogramOf([-1]).percentile(50), 0);
});

test('adding another histogram is the same as recording its times', t => {
  const together = histogramOf([1, 2, 3, 40, 50]);
  const sum = histogramOf([1, 2, 3]);
  sum.add(histogramOf([40, 50]));
  t.deepEqual(sum.data(), together.data());
  t.is(sum.count, 5);
});

test('a histogram can be sent to another thread', t => {
  const arrived = new Histogram(structuredClone(histogramOf([1, 2, 30]).data()));
  t.is(arrived.count, 3);
  t.is(arrived.max, 30);
});

test('an empty histogram gives zeros', t => {
  const empty = new Histogram();
  t.deepEqual([empty.count, empty.max, empty.percentile(50), empty.percentile(99)], [0, 0, 0, 0]);
});
