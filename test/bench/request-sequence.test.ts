import test from 'ava';
import { SMALL } from '../../bench/data-set.ts';
import { drawRequests, type RequestSequence, sequenceLength, zipfian } from '../../bench/request-sequence.ts';
import { findWorkload, Kind, WORKLOADS } from '../../bench/workload.ts';

const { keys: KEYS, absent: ABSENT } = SMALL;
const LENGTH = 1 << 16;
const ALONE = { writer: 0, writers: 1 };

function share(draws: RequestSequence, isCounted: (kind: number, key: number) => boolean): number {
  let count = 0;
  for (let index = 0; index < LENGTH; index++) {
    if (isCounted(draws.kinds[index]!, draws.keys[index]!)) count++;
  }
  return count / LENGTH;
}

function isNear(found: number, wanted: number): boolean {
  return Math.abs(found - wanted) < 0.01;
}

test('the mix is 90 % get, 9 % set and 1 % delete', t => {
  const draws = drawRequests(findWorkload('mixed'), ALONE, 1, LENGTH);
  for (const [kind, wanted] of [
    [Kind.get, 0.9],
    [Kind.set, 0.09],
    [Kind.delete, 0.01],
  ] as const) {
    t.true(
      isNear(
        share(draws, found => found === kind),
        wanted,
      ),
      `kind ${kind}`,
    );
  }
});

test('about one read in a hundred of the mix is of a key that was never written', t => {
  const draws = drawRequests(findWorkload('mixed'), ALONE, 1, LENGTH);
  t.true(
    isNear(
      share(draws, (_, key) => key >= KEYS),
      0.009,
    ),
  );
  t.true(draws.keys.every(key => key < KEYS + ABSENT));
});

test('the get workload only reads existing keys, and all of them', t => {
  const draws = drawRequests(findWorkload('get'), ALONE, 1, LENGTH);
  t.true(draws.kinds.every(kind => kind === Kind.get));
  t.is(new Set(draws.keys).size, KEYS);
  t.is(Math.max(...draws.keys), KEYS - 1);
});

test('no two clients write the same key, and every key has a writer', t => {
  const writers = 7;
  const written = new Map<number, number>();
  for (let writer = 0; writer < writers; writer++) {
    for (const key of new Set(drawRequests(findWorkload('set'), { writer, writers }, writer, LENGTH).keys)) {
      t.false(written.has(key));
      written.set(key, writer);
    }
  }
  t.is(written.size, KEYS);
});

test('absent keys are never written', t => {
  for (const workload of WORKLOADS) {
    const draws = drawRequests(workload, { writer: 3, writers: 16 }, 5, LENGTH);
    t.is(
      share(draws, (kind, key) => kind !== Kind.get && key >= workload.data.keys),
      0,
      workload.name,
    );
  }
});

test('the same seed gives the same operations, another seed gives others', t => {
  const mixed = findWorkload('mixed');
  t.deepEqual(drawRequests(mixed, ALONE, 9, 64), drawRequests(mixed, ALONE, 9, 64));
  t.notDeepEqual(drawRequests(mixed, ALONE, 9, 64), drawRequests(mixed, ALONE, 10, 64));
});

test('zipfian keys: the most frequent one is as frequent as it should be, and a few make up half of all', t => {
  const entries = 10_000;
  const counts = new Map<number, number>();
  const draw = zipfian(entries);
  for (let index = 0; index < LENGTH; index++) {
    const key = draw((index + 0.5) / LENGTH);
    t.true(key >= 0 && key < entries && Number.isInteger(key));
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  const sorted = [...counts.values()].sort((a, b) => b - a);
  const zeta = Array.from({ length: entries }, (_, rank) => 1 / (rank + 1) ** 0.99).reduce((a, b) => a + b);
  t.true(isNear(sorted[0]! / LENGTH, 1 / zeta));
  t.true(isNear(sorted[1]! / LENGTH, 1 / 2 ** 0.99 / zeta));
  const half = sorted.slice(0, entries / 50).reduce((a, b) => a + b) / LENGTH;
  t.true(half > 0.5 && half < 0.7, String(half));
  // The frequent keys are spread out, not next to each other.
  const [first, second] = [...counts].sort((a, b) => b[1] - a[1]).map(([key]) => key);
  t.true(Math.abs(first! - second!) > 1);
});

test('a short run has a shorter request sequence, and every length is a power of two', t => {
  const most = 1 << 15;
  t.deepEqual(
    [0, 1, 20, 250, 1000].map(milliseconds => sequenceLength(milliseconds, most)),
    [128, 128, 2048, most, most],
  );
});
