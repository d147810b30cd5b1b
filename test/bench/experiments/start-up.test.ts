import test from 'ava';
import { beyondNode, type StartUpTimes, summarizeStartUp } from '../../../bench/experiments/start-up.ts';

const TIMES: StartUpTimes = {
  node: [40, 50, 400],
  version: [100, 100, 460],
  versionFromSource: [140, 150, 500],
  build: [240, 250, 601],
  buildFromSource: [540, 550, 900],
  example: [230, 240, 650],
};

test('the start-up beyond bare Node is measured against the Node started beside it', t => {
  t.deepEqual(beyondNode(TIMES, TIMES.version), { median: 60, min: 50, max: 60 });
});

test('the package decides whether the goal is met, and the sources are only shown', t => {
  const { targets } = summarizeStartUp(TIMES);
  t.deepEqual(targets, [
    { id: 'start-up-version', measured: '+60 ms; from source +100 ms', isMet: true },
    { id: 'start-up-build', measured: '+200 ms; the example +190 ms', isMet: true },
  ]);
  const slower = summarizeStartUp({ ...TIMES, version: [101, 111, 461], build: [241, 251, 601] });
  t.deepEqual(
    slower.targets.map(({ isMet }) => isMet),
    [false, false],
  );
  const [, slowExample] = summarizeStartUp({ ...TIMES, example: [241, 251, 601] }).targets;
  t.false(slowExample!.isMet, 'the example counts as well');
  const [, quick] = summarizeStartUp({ ...TIMES, example: [] }).targets;
  t.like(quick, { measured: '+200 ms', isMet: true });
});

test('every program has a row with the median of its times', t => {
  const { table } = summarizeStartUp(TIMES);
  t.is(table.length, 7);
  t.deepEqual(table[1], ['node -e 0', '50 ms', '']);
  t.deepEqual(table[2], ['glovebox --version', '100 ms', '+60 ms (+50 ms to +60 ms)']);
});

test('a negative difference is shown as negative', t => {
  const { table } = summarizeStartUp({ ...TIMES, version: [30, 40, 390] });
  t.is(table[2]![2], '−10 ms (−10 ms to −10 ms)');
});
