import { appendFile, mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { BuildProject } from '../../../bench/build-project.ts';
import { runNode } from '../../../bench/child.ts';
import { baseEnvironment, SOURCES } from '../../../bench/distribution.ts';
import {
  type BuildTimes,
  cachedRatio,
  perTarget,
  startUpOf,
  summarizeBuilds,
} from '../../../bench/experiments/build.ts';
import { BenchmarkFailure, COMPILED } from '../../../bench/worker-group.ts';
import { inFull } from '../../support/extent.ts';
import { temporaryDirectory } from '../../support/temporary.ts';

const BY_HAND = new URL('../../../bench/programs/by-hand.mjs', import.meta.url).pathname;

function times(targets: number, cached: number[], byHand: number[]): BuildTimes {
  return { targets, cached, byHand, cold: cached.map(() => 5000), oneChanged: cached.map(() => 500) };
}

test('start-up is the median of what the fewest targets take beyond the hand-written script', t => {
  t.is(startUpOf(times(2, [150, 400, 160], [50, 50, 50])), 110);
  t.is(startUpOf(times(2, [50, 50], [60, 60])), 0);
});

test('the ratio excludes start-up, and compares builds and scripts of the same round', t => {
  const fewest = times(2, [150, 150, 150], [50, 50, 50]);
  t.deepEqual(cachedRatio(fewest, times(128, [250, 400, 220], [100, 100, 200])), {
    median: 1.5,
    min: 0.6,
    max: 3,
  });
});

test('the cost of one more target is the difference of the medians per additional target', t => {
  const fewest = times(2, [150, 9000, 140], [50, 50, 50]);
  const most = times(128, [276, 276, 9000], [113, 113, 113]);
  t.is(perTarget(fewest, most, 'cached'), 1);
  t.is(perTarget(fewest, most, 'byHand'), 0.5);
});

test('a single number of targets has neither a ratio nor a cost of one more target', t => {
  const { table, notes } = summarizeBuilds([times(2, [150], [50])]);
  t.deepEqual(table[1], ['2', '5.0 s', '500 ms', '150 ms', '50 ms', '']);
  t.false(notes.some(note => note.startsWith('One target more')));
});

test('128 targets decide whether the goal is met: at most 1.8 times the script', t => {
  const fewest = times(2, [150], [50]);
  t.deepEqual(summarizeBuilds([fewest, times(8, [999], [50])]).targets, []);
  const [met] = summarizeBuilds([fewest, times(128, [280], [100])]).targets;
  t.deepEqual(met, { id: 'build', measured: '1.8× (1.8–1.8)', isMet: true });
  const [missed] = summarizeBuilds([fewest, times(128, [282], [100])]).targets;
  t.is(missed!.isMet, false);
});

test('every number of targets has a row and a group of bars', t => {
  const { table, chart } = summarizeBuilds([times(2, [150], [50]), times(128, [1250], [100])]);
  t.deepEqual(
    table.map(row => row[0]),
    ['targets', '2', '128'],
  );
  t.deepEqual(table[2], ['128', '5.0 s', '500 ms', '1.3 s', '100 ms', '12× (12–12)']);
  t.deepEqual(
    chart!.groups.map(({ heading, lines }) => [heading, lines.length]),
    [
      ['2 targets', 4],
      ['128 targets', 4],
    ],
  );
});

inFull('a build makes what its inputs define, and a build that did something else fails', async t => {
  const project = await BuildProject.create(await temporaryDirectory(t), 2, { NODE_COMPILE_CACHE: COMPILED });
  t.true((await project.build(SOURCES, { compiled: 2, cached: 0 })) > 0);
  await project.edit(1, 7);
  await t.throwsAsync(project.build(SOURCES, { compiled: 0, cached: 2 }), {
    instanceOf: BenchmarkFailure,
    message: /compiled 1 and took 1 from the cache instead of 0 and 2/,
  });
  await project.check(project.output);

  const firmware = join(project.output, 'keyboard_1-nice_nano_v2-zmk.uf2');
  t.true((await readFile(firmware, 'utf8')).startsWith('// keyboard_1, 7\n'));
  await appendFile(firmware, '!');
  await t.throwsAsync(project.check(project.output), { message: /keyboard_1.* does not match its inputs/ });
  await rm(firmware);
  await t.throwsAsync(project.check(project.output), { message: /1 firmware files instead of 2/ });
});

inFull('the hand-written script counts every input and copies every output', async t => {
  const directory = await temporaryDirectory(t);
  const project = await BuildProject.create(directory, 2);
  const [kept, copies] = [join(directory, 'kept'), join(directory, 'copies')];
  await mkdir(kept);
  for (const name of ['compile.sh', 'base.bin']) {
    await appendFile(join(kept, name), await readFile(join(project.directory, name)));
  }
  const run = async () =>
    (await runNode([BY_HAND, project.directory, kept, copies], baseEnvironment())).stdout;
  const before = await run();
  t.deepEqual(await readFile(join(copies, 'base.bin')), await readFile(join(kept, 'base.bin')));
  t.deepEqual(await readFile(join(copies, 'compile.sh')), await readFile(join(kept, 'compile.sh')));
  t.is(await run(), before);
  await project.edit(0, 1);
  t.not(await run(), before);
});

inFull('a program that fails makes the benchmark fail with its output', async t => {
  await t.throwsAsync(runNode(['-e', 'console.error("broken"); process.exitCode = 3'], {}), {
    instanceOf: BenchmarkFailure,
    message: /ended with 3: broken/,
  });
});
