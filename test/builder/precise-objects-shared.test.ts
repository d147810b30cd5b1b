// Objects that targets share, with the real ccache, Ninja and GCC.
import test, { type ExecutionContext } from 'ava';
import { build } from '../../src/builder/build.ts';
import type { BuildEvent } from '../../src/builder/events.ts';
import { isFull } from '../support/extent.ts';
import { hasMountNamespaces } from '../support/mount-namespaces.ts';
import { programFile } from '../support/program-file.ts';
import { objectBench, whole, whyNot } from './precise-objects/bench.ts';
import { configFiles, firstConfig } from './precise-objects/editor.ts';
import { contents } from './toolchains/west-project.ts';

const right = { board: 'nice_nano_v2', shield: 'corne_right', artifactName: 'right' };

const hasCcache = (() => {
  try {
    return programFile('ccache') !== '';
  } catch {
    return false;
  }
})();
const isShared = hasMountNamespaces();
const serial = whyNot() === undefined && hasCcache && isFull ? test.serial : test.serial.skip;

async function project(t: ExecutionContext) {
  t.timeout(300_000);
  const bench = await objectBench(t);
  bench.write(configFiles(firstConfig()));
  const buildOne = async (more: Parameters<typeof bench.build>[1] = {}) => {
    const { outcome } = await bench.build(false, more);
    contents(t, outcome);
    return outcome.ok ? outcome.ccache : undefined;
  };
  return { bench, build: buildOne };
}

serial('the second half takes its objects from the first, whose build directory is another one', async t => {
  const { bench, build } = await project(t);
  const first = await build();
  t.deepEqual(first, { direct: 0, preprocessed: 0, missed: 21 });
  const second = (await build({ target: right }))!;
  const found = isShared ? 21 : 0;
  t.deepEqual(second, { direct: 0, preprocessed: found, missed: 21 - found });
  t.deepEqual(
    whole((await bench.build(false, { target: right })).outcome),
    whole(await bench.pristine(right)),
  );
});

serial('a configured build waits for its turn, and then runs as many processes as it was given', async t => {
  const { build } = await project(t);
  const output: string[] = [];
  let asked = 0;
  const turn = async () => {
    asked++;
    output.push('its turn');
    return 2;
  };
  await build({ onConfigured: turn, onOutput: line => void output.push(line) });
  t.is(asked, 1);
  t.true(output.includes('2 processes'));
  t.true(output.indexOf('its turn') < output.indexOf('2 processes'));
});

serial('a target that was built before does not wait for another one', async t => {
  const { bench, build } = await project(t);
  let asked = 0;
  const onConfigured = async () => {
    asked++;
    return 2;
  };
  await build({ onConfigured });
  const config = firstConfig();
  config.layers[0]!.keys[0] = '&kp 77';
  bench.write(configFiles(config));
  t.true((await build({ onConfigured }))!.preprocessed > 0);
  t.is(asked, 1);
  await build({ onConfigured, target: right });
  t.is(asked, 2);
});

serial('of two halves that are built together, one goes ahead, and the other takes its objects', async t => {
  const { bench } = await project(t);
  bench.write({ 'build.yaml': 'board: [nice_nano_v2]\nshield: [corne_left, corne_right]\n' });
  const events: BuildEvent[] = [];
  const { machine, configDirectory } = bench;
  const summary = await build({
    ...{
      configDirectory,
      workspace: machine.workspace,
      cacheRoot: machine.cacheRoot,
      toolchain: 'west',
      jobs: 2,
    },
    onEvent: event => void events.push(event),
  });
  t.is(summary.compiled, 2);
  const finished = events.filter(event => event.type === 'target-finished');
  const [first, second] = finished;
  t.like(first?.ccache, { preprocessed: 0, missed: 21 });
  // The second may have been so late that the first had ended.
  for (const held of events.filter(event => event.type === 'target-held')) {
    t.is(held.target, second!.target);
    t.is(held.behind, first!.target);
    const resumed = events.find(event => event.type === 'target-resumed');
    t.is(resumed?.target, second!.target);
    t.true(events.indexOf(resumed!) > events.indexOf(first!));
  }
  t.is(second?.ccache?.preprocessed, isShared ? 21 : 0);
});
