import test from 'ava';
import { Backoff } from '../../../../src/cache/storage/sqlite/backoff.ts';

function firstOf(naps: Backoff, count: number): number[] {
  const taken = naps.delays();
  return Array.from({ length: count }, () => taken.next().value);
}

test('contention with another process waits as long as a transaction, then longer, but never long', t => {
  t.deepEqual(firstOf(new Backoff(true), 7), [0.05, 0.1, 0.2, 0.4, 0.8, 1, 1]);
});

test('a thread that meets contention again and again yields for a while', t => {
  const naps = new Backoff(true);
  const first = Array.from({ length: 5 }, () => firstOf(naps, 2)[0]);
  t.deepEqual(first, [0.05, 0.05, 25, 25, 25]);
  t.deepEqual(firstOf(naps, 3), [25, 0.05, 0.1]);
});

test('a thread with other things to do never waits for long', t => {
  const naps = new Backoff(false);
  for (let meeting = 0; meeting < 5; meeting++) t.is(firstOf(naps, 1)[0], 0.05);
});

test('contention from long ago does not count', async t => {
  const naps = new Backoff(true);
  for (let meeting = 0; meeting < 5; meeting++) firstOf(naps, 1);
  await new Promise(resolve => setTimeout(resolve, 80));
  t.is(firstOf(naps, 1)[0], 0.05);
});
