import { join } from 'node:path';
import test from 'ava';
import { runNode } from '../../../bench/child.ts';
import { baseEnvironment } from '../../../bench/distribution.ts';
import {
  experiment,
  type GrowthTimes,
  growthOf,
  summarizeGrowth,
} from '../../../bench/experiments/growth.ts';
import type { GrowthReply, GrowthTask } from '../../../bench/programs/growth.ts';
import { QUICK } from '../../../bench/settings.ts';
import { BenchmarkFailure, COMPILED } from '../../../bench/worker-group.ts';
import { inFull } from '../../support/extent.ts';
import { temporaryDirectory } from '../../support/temporary.ts';

const PROGRAM = new URL('../../../bench/programs/growth.ts', import.meta.url).pathname;

/** Two rounds in which every operation takes `p50` or `p99` milliseconds. */
function times(entries: number, p50: number, p99: number): GrowthTimes {
  const both = () => ({ p50: [p50, p50], p99: [p99, p99] });
  return { entries, get: both(), set: both(), evict: both(), opening: [5, 5] };
}

async function grow(task: Omit<GrowthTask, 'valueSize'>): Promise<GrowthReply> {
  const args = [PROGRAM, JSON.stringify({ ...task, valueSize: 200 })];
  const { stdout } = await runNode(args, { ...baseEnvironment(), NODE_COMPILE_CACHE: COMPILED });
  return JSON.parse(stdout) as GrowthReply;
}

test('growth is the ratio of the same round, larger to smaller', t => {
  const small = times(1000, 1, 1);
  small.get.p50 = [10, 20];
  const large = times(1_000_000, 1, 1);
  large.get.p50 = [15, 20];
  t.deepEqual(growthOf(small, large, 'get', 'p50'), { median: 1.25, min: 1, max: 1.5 });
});

test('a million entries against a thousand decide, by the worse of gets and sets', t => {
  const verdicts = (...all: GrowthTimes[]) => summarizeGrowth(all).targets.map(({ isMet }) => isMet);
  t.deepEqual(verdicts(times(1000, 1, 1), times(1_000_000, 1.5, 3)), [true, true]);
  t.deepEqual(verdicts(times(1000, 1, 1), times(1_000_000, 1.6, 3)), [false, true]);
  t.deepEqual(verdicts(times(1000, 1, 1), times(1_000_000, 1.5, 3.1)), [true, false]);
  const slowSets = times(1_000_000, 1, 1);
  slowSets.set.p50 = [2, 2];
  t.deepEqual(verdicts(times(1000, 1, 1), slowSets), [false, true]);
  const [speed] = summarizeGrowth([times(1000, 1, 1), slowSets]).targets;
  t.deepEqual(speed, {
    id: 'growth-speed',
    measured: '2.0× (2.0–2.0), set',
    isMet: false,
  });
});

test('other sizes decide nothing, but are shown with the ratio of the last to the first', t => {
  const { targets, table } = summarizeGrowth([times(1000, 1, 2), times(10_000, 2, 8)]);
  t.deepEqual(targets, []);
  t.deepEqual(table[1], ['1,000', '1.0 ms', '2.0 ms', '1.0 ms', '2.0 ms', '1.0 ms', '2.0 ms', '5.0 ms']);
  t.deepEqual(table[3]!.slice(0, 3), ['last ÷ first', '2.0×', '4.0×']);
});

inFull('every operation is measured in stores of every size, and entries are evicted', async t => {
  const settings = {
    ...QUICK,
    entries: 1000,
    rounds: 1,
    milliseconds: 10,
    warmUp: 1,
    workloads: [],
    shapes: [],
  };
  const directory = await temporaryDirectory(t);
  const { data } = await experiment.run({ settings, directory, onProgress: () => undefined });
  const [only, ...others] = data as GrowthTimes[];
  t.deepEqual(others, []);
  t.is(only!.entries, 1000);
  for (const { p50, p99 } of [only!.get, only!.set, only!.evict]) {
    t.is(p50.length, 1);
    t.true(p50[0]! > 0 && p50[0]! <= p99[0]!);
  }
  t.true(only!.opening[0]! > 0);
});

inFull('entries that one process stored are read by the next, which fails if they are missing', async t => {
  const directory = join(await temporaryDirectory(t), 'store');
  const first = await grow({ directory, maxSize: undefined, milliseconds: 1, round: 0 });
  t.is(first.count, first.sets.count + 1);
  const second = await grow({ directory, maxSize: undefined, milliseconds: 0, round: 1 });
  t.is(second.count, first.count);
  const error = await t.throwsAsync(grow({ directory, maxSize: undefined, milliseconds: 0, round: 1 }), {
    instanceOf: BenchmarkFailure,
  });
  t.regex(error.message, /The mark is not the one left/);
});
