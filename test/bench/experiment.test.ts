import test from 'ava';
import { experimentChart } from '../../bench/chart.ts';
import { loadExperiments } from '../../bench/experiment.ts';
import type { ExperimentResult } from '../../bench/experiment-result.ts';
import { summarizeBuilds } from '../../bench/experiments/build.ts';
import { type GrowthTimes, summarizeGrowth } from '../../bench/experiments/growth.ts';
import { summarizeHotReads } from '../../bench/experiments/hot-reads.ts';
import { type IdleSteps, summarizeIdleMemory } from '../../bench/experiments/idle-memory.ts';
import { summarizeStartUp } from '../../bench/experiments/start-up.ts';
import { GOALS } from '../../bench/goals.ts';
import { markdown } from '../../bench/markdown.ts';
import type { HotReadsReply } from '../../bench/programs/hot-reads.ts';
import { report } from '../../bench/report.ts';
import { textWidth } from '../../src/cli/terminal/text.ts';
import { sampleResults } from './sample-results.ts';

const RESULT: ExperimentResult = {
  name: 'build',
  title: 'build: how long',
  table: [
    ['targets', 'cold'],
    ['2', '3.0 s'],
  ],
  notes: ['What is noted.'],
  targets: [],
  data: undefined,
  chart: {
    axis: 'time: shorter is better',
    groups: [
      {
        heading: '2 targets',
        lines: [
          { name: 'cold', value: 300, label: '300 ms', isOurs: true },
          { name: 'by hand', value: 150, label: '150 ms', isOurs: false },
        ],
      },
    ],
  },
};

test('experiments on builds, growth, hot reads, idle memory, start-up and telemetry cover every goal that no cell decides', async t => {
  const studies = await loadExperiments();
  t.deepEqual(
    studies.map(({ name }) => name),
    ['build', 'growth', 'hot-reads', 'idle-memory', 'many-entries', 'start-up', 'telemetry'],
  );
  t.deepEqual(
    GOALS.filter(({ judge }) => !judge).map(({ id }) => id),
    [
      ...[
        'borrow-bytes',
        'borrow-string',
        'borrow-record',
        'sync-string',
        'sync-bytes',
        'get-bytes',
        'get-record',
      ],
      ...['growth-speed', 'growth-p99', 'build', 'start-up-version', 'start-up-build', 'idle-memory'],
    ],
  );
});

test('the chart of an experiment has bars in proportion', t => {
  const svg = experimentChart(sampleResults(), RESULT)!;
  t.deepEqual(
    [...svg.matchAll(/<rect[^>]* width="([\d.]+)"/g)].map(([, width]) => Number(width)),
    [400, 200],
  );
  t.regex(svg, />time: shorter is better · 2001-02-03, 128 cores</);
  t.is(svg.match(/<rect class="ours"/g)!.length, 1);
  t.is(experimentChart(sampleResults(), { ...RESULT, chart: undefined }), undefined);
});

test('the page has the table of an experiment, its notes, and its chart if there is one', t => {
  const results = { ...sampleResults(), studies: [RESULT] };
  const page = markdown(results, new Set(['build']));
  t.true(
    page.includes(
      '## build: how long\n\n![build: how long](charts/build.svg)\n\n' +
        '| targets | cold |\n| --- | --: |\n| 2 | 3.0 s |\n\nWhat is noted.',
    ),
  );
  t.notRegex(markdown(results, new Set()), /charts\/build\.svg/);
});

test('the report fits in 120 columns with all experiments and the widest figures', t => {
  const long = [99_000, 999_000];
  const builds = [2, 128].map(targets => ({
    targets,
    cold: long,
    cached: long,
    oneChanged: long,
    byHand: [1, 999],
  }));
  const times = (factor: number) => ({ p50: [0.999 * factor], p99: [999 * factor] });
  const growth = (entries: number, factor: number): GrowthTimes => {
    const same = times(factor);
    return { entries, get: same, set: same, evict: same, opening: [999 * factor] };
  };
  const idle = [0, 399e6, 999e6].map(bytes => ({ rss: bytes, heap: bytes })) as IdleSteps;
  const reads: HotReadsReply = { lmdb: [234, 123], borrow: [999, 1], getSync: [999, 1], get: [999, 1] };
  const studies = [
    summarizeBuilds(builds),
    summarizeGrowth([growth(1000, 1), growth(1_000_000, 234)]),
    summarizeIdleMemory([idle, idle], 1),
    summarizeStartUp({
      node: [1],
      version: long,
      versionFromSource: long,
      build: long,
      buildFromSource: long,
      example: long,
    }),
    summarizeHotReads({ bytes: reads, string: reads, record: reads }),
  ];
  const results = { ...sampleResults(), studies };
  for (const line of report(results).split('\n')) t.true(textWidth(line) <= 120, line);
  t.notRegex(report(results, true), /not measured/);
});
