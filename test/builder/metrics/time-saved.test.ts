// Time saved by the cache: the time for which the user would have waited.
import test from 'ava';
import { type TargetTime, timeSaved } from '../../../src/builder/metrics.ts';

const cached = (compileDuration: number): TargetTime => ({ compileDuration, cached: true });
const compiled = (compileDuration: number): TargetTime => ({ compileDuration, cached: false });

test('targets that compile at the same time count as one wait', t => {
  t.is(timeSaved([cached(30_000), cached(28_000)], 2, 500), 29_500);
  t.is(timeSaved([cached(30_000), cached(28_000)], 1, 500), 57_500);
  t.is(timeSaved([cached(10_000), cached(10_000), cached(10_000)], 2, 0), 20_000);
  t.is(timeSaved([cached(30_000), cached(10_000), cached(10_000), cached(10_000)], 2, 0), 30_000);
});

test('targets that were compiled now would have been compiled as well', t => {
  t.is(timeSaved([cached(30_000), compiled(28_000)], 2, 28_100), 1_900);
  t.is(timeSaved([cached(30_000), compiled(28_000)], 1, 28_100), 29_900);
});

test('nothing is saved where nothing was cached, or the build took longer', t => {
  t.is(timeSaved([compiled(30_000), compiled(28_000)], 2, 20_000), 0);
  t.is(timeSaved([cached(100)], 2, 300), 0);
  t.is(timeSaved([], 2, 0), 0);
});
