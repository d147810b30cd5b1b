// Layout of the shared memory: no region reaches into the next one.
import test from 'ava';
import {
  CONTROL,
  CONTROL_BYTES,
  COUNTER,
  COUNTERS,
  LIMITS,
  LOCK,
  LOCK_WORDS,
  LOG,
  SEEN,
  SPACE,
  TIER,
  TIER_BYTES,
  TIER_ENTRY,
  VERSIONS,
} from '../../../src/cache/shared/layout.ts';

test('each part of the control memory ends before the next one begins, and is aligned to its numbers', t => {
  const parts = [
    { name: 'lock', begin: CONTROL.lock, bytes: LOCK_WORDS * 4, width: 4 },
    { name: 'seen', begin: CONTROL.seen, bytes: SEEN.words * 8, width: 8 },
    { name: 'space', begin: CONTROL.space, bytes: SPACE.numbers * 8, width: 8 },
    { name: 'limits', begin: CONTROL.limits, bytes: LIMITS.numbers * 8, width: 8 },
    { name: 'log', begin: CONTROL.log, bytes: LOG.words * 4, width: 4 },
  ];
  t.deepEqual(
    parts.map(({ name }) => name),
    Object.keys(CONTROL),
  );
  for (const [index, { name, begin, bytes, width }] of parts.entries()) {
    t.is(begin % width, 0, name);
    t.true(begin + bytes <= (parts[index + 1]?.begin ?? CONTROL_BYTES), name);
  }
});

test('the numbers of a region have places of their own, below its size', t => {
  const { queue, places: _places, ...lock } = LOCK;
  const { firstSlot, slots: _slots, ...flags } = VERSIONS;
  const { headerBytes, ...header } = TIER_ENTRY;
  const { numbers, ...space } = SPACE;
  const { words, ...seen } = SEEN;
  const { words: logWords, ...log } = LOG;
  const { numbers: limitNumbers, ...limits } = LIMITS;
  const regions: [places: Record<string, number>, end: number][] = [
    [lock, queue],
    [flags, firstSlot],
    [header, headerBytes / 4],
    [space, numbers],
    [seen, words],
    [log, logWords],
    [limits, limitNumbers],
    [COUNTER, COUNTERS],
  ];
  for (const [places, end] of regions) {
    const all = Object.values(places);
    t.is(new Set(all).size, all.length);
    t.true(Math.max(...all) < end);
  }
  // The expiry time is a double.
  t.is(TIER_ENTRY.expires % 2, 0);
  t.true((TIER_ENTRY.expires + 2) * 4 <= headerBytes);
});

test('the index of the shared tier ends before its ring, which consists of whole units', t => {
  t.true(TIER.lock < TIER.head && TIER.head < TIER.read);
  t.is(TIER.read + TIER.readPlaces, TIER.index);
  t.is(TIER.index + TIER.buckets * TIER.ways * 2, TIER.indexEnd);
  t.true(TIER.indexEnd * 4 <= TIER.ring);
  t.is(TIER.ring % TIER.unit, 0);
  t.is(TIER_BYTES, TIER.ring + TIER.units * TIER.unit);
});
