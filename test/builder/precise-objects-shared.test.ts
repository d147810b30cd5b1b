// Objects that targets share, with the real ccache, Ninja and GCC.
import test, { type ExecutionContext } from 'ava';
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
const serial = whyNot() === undefined && hasCcache ? test.serial : test.serial.skip;

async function project(t: ExecutionContext) {
  t.timeout(300_000);
  const bench = await objectBench(t);
  bench.write(configFiles(firstConfig()));
  const build = async (more: Parameters<typeof bench.build>[1] = {}) => {
    const { outcome } = await bench.build(false, more);
    contents(t, outcome);
    return outcome.ok ? outcome.ccache : undefined;
  };
  return { bench, build };
}

serial('the second half takes its objects from the first, whose build directory is another one', async t => {
  const { bench, build } = await project(t);
  const first = await build();
  t.deepEqual(first, { direct: 0, preprocessed: 0, missed: 21 });
  const second = (await build({ target: right }))!;
  if (second.preprocessed === 0) {
    t.log('skipped: this system allows no mount namespaces');
    return;
  }
  t.deepEqual(second, { direct: 0, preprocessed: 21, missed: 0 });
  t.deepEqual(
    whole((await bench.build(false, { target: right })).outcome),
    whole(await bench.pristine(right)),
  );
});

serial('a build waits for its turn when it is configured, and then runs so many processes', async t => {
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
