// What the last build directory is used for, and what it is not.
import { spawnSync } from 'node:child_process';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { build } from '../../src/builder/build.ts';
import type { BuildEvent } from '../../src/builder/events.ts';
import type { BuildPath } from '../../src/builder/toolchains/toolchain.ts';
import { createUserConfig } from '../../src/config/index.ts';
import { isFull } from '../support/extent.ts';
import { type ObjectBench, objectBench, whole, whyNot } from './precise-objects/bench.ts';
import { type Config, configFiles, firstConfig } from './precise-objects/editor.ts';
import { target } from './toolchains/west-project.ts';

const first = whyNot() === undefined ? test.serial : test.serial.skip;
// Each takes half a minute: `npm run test:all` has them all.
const serial = isFull ? first : test.serial.skip;

/** A bench with a first build that is recorded, and a way to edit and build. */
async function recorded(t: ExecutionContext) {
  t.timeout(300_000);
  const bench = await objectBench(t);
  const config = firstConfig();
  const edit = (change: (config: Config) => void) => {
    change(config);
    bench.write(configFiles(config));
  };
  edit(() => {});
  await bench.build();
  t.true(await bench.record());
  /** Builds, compares with a pristine build unless it is one, and says which way was taken. */
  const compare = async () => {
    const { outcome, path: way } = await bench.build();
    if (way?.kind === 'incremental') t.deepEqual(whole(outcome), whole(await bench.pristine()));
    else t.true(outcome.ok);
    return way?.kind === 'incremental' ? `${way.compiled} of ${way.objects}: ${way.causes}` : way?.why;
  };
  return { bench, edit, compare };
}

/** The directory of the one station. */
function station({ machine }: ObjectBench): string {
  const west = path.join(machine.cacheRoot, 'west');
  return path.join(west, readdirSync(west).find(name => /^[0-9a-f]{16}$/.test(name))!);
}

const firstKey = (key: string) => (config: Config) => {
  config.layers[0]!.keys[0] = key;
};

first(
  'an edited key recompiles the objects that use it, remakes what is generated from them, and nothing else',
  async t => {
    const { bench, edit, compare } = await recorded(t);
    edit(firstKey('&kp 77'));
    t.is(await compare(), '3 of 21: config/corne.keymap (base, key 0)');
    // Of what was made anew nothing is known, so it is made again.
    edit(firstKey('&kp 78'));
    t.is(await compare(), '3 of 21: config/corne.keymap (base, key 0)');
    t.true(await bench.record());
    // Arguments that come into being were asked about.
    edit(firstKey('&mt 1 4'));
    t.regex((await compare())!, /^4 of 21: config\/corne\.keymap \(base, key 0\)$/);
    t.false(existsSync(path.join(station(bench), 'build/build/regenerated')), 'CMake is not run twice');
  },
);

serial('a property that CMake reads recompiles the objects that use it', async t => {
  const { bench, edit, compare } = await recorded(t);
  const withProperties = (term: number, layers: [number, number], display: string) => (config: Config) => {
    config.tappingTerm = term;
    config.conditional = layers;
    config.layers[1]!.display = display;
  };
  edit(withProperties(200, [0, 1], 'Lower'));
  await compare();
  t.true(await bench.record());
  edit(withProperties(180, [0, 1], 'Lower'));
  t.is(await compare(), '3 of 21: config/corne.keymap (behaviors/mt)');
  t.true(await bench.record());
  edit(withProperties(180, [1, 2], 'Lower'));
  t.is(await compare(), '2 of 21: config/corne.keymap (conditional_layers/tri)');
  edit(withProperties(180, [1, 2], 'Symbols'));
  t.true(await bench.record());
  t.regex((await compare())!, /^3 of 21: config\/corne\.keymap \(keymap\/lower\)$/);
  t.false(existsSync(path.join(station(bench), 'build/build/regenerated')), 'CMake is not run twice');
});

serial('in uncertain cases everything is compiled, and the reason is given', async t => {
  const { bench, edit, compare } = await recorded(t);
  edit(config => {
    config.conf = ['CONFIG_ZMK_SLEEP=n'];
  });
  t.is(await compare(), 'config/corne.conf changed, which does not only reach the devicetree');
  bench.write({ 'config/other.keymap': '' });
  t.is(await compare(), 'the list of files in the config changed');
  await bench.record();
  appendFileSync(path.join(station(bench), 'build/build/app/libapp.a'), ' ');
  edit(firstKey('&kp 50'));
  t.is(await compare(), 'others have changed its build directory');
  edit(firstKey('&kp 51'));
  t.is(await compare(), 'the macros that its objects use were not recorded');
  await bench.record();
  const file = path.join(station(bench), 'kept.json');
  const state = JSON.parse(readFileSync(file, 'utf8'));
  writeFileSync(file, JSON.stringify({ ...state, ended: Date.now() + 60_000 }));
  edit(firstKey('&kp 52'));
  t.is(await compare(), 'the clock went back');
  bench.machine.change('zmk/app/src/plain.c', 'int plain = 2;\n', true);
  t.regex((await compare())!, /the target, its command line, the workspace or the tools changed/);
  rmSync(path.join(station(bench), 'build/build'), { recursive: true });
  t.is(await compare(), 'no directory of an earlier build was kept');
});

serial('a build that fails or is cancelled leaves the directory for the next one', async t => {
  const { bench, edit, compare } = await recorded(t);
  edit(firstKey('&nothing'));
  t.deepEqual(whole((await bench.build()).outcome), { failed: 'exit-status' });
  edit(firstKey('&kp 60'));
  const stop = new AbortController();
  const { outcome } = await bench.build(true, { signal: stop.signal, onPath: () => stop.abort() });
  t.deepEqual(whole(outcome), { failed: 'cancelled' });
  edit(firstKey('&kp 61'));
  t.regex((await compare())!, /^3 of 21/);
  // What others have changed stays mistrusted.
  appendFileSync(path.join(station(bench), 'build/build/app/libapp.a'), ' ');
  edit(firstKey('&nothing'));
  t.deepEqual(whole((await bench.build()).outcome), { failed: 'exit-status' });
  edit(firstKey('&kp 59'));
  t.is(await compare(), 'others have changed its build directory');
  t.true(await bench.record());
  // A build that has nothing to do with it leaves it as well.
  t.true((await bench.build(false)).outcome.ok);
  edit(firstKey('&kp 62'));
  t.regex((await compare())!, /^3 of 21/);
});

serial(
  'a build that fails with objects of the last one is repeated from scratch, and its failure is that of the repeat',
  async t => {
    const { bench, edit, compare } = await recorded(t);
    const taken: BuildPath[] = [];
    // A word that is neither a number nor defined.
    edit(firstKey('&kp NOPE'));
    const { outcome } = await bench.build(true, { onPath: way => void taken.push(way) });
    t.deepEqual(
      taken.map(way => (way.kind === 'incremental' ? way.kind : way.why)),
      ['incremental', 'it failed with objects of the last build'],
    );
    const expected = await bench.pristine();
    t.like(outcome, { ok: false, reason: expected.ok ? undefined : expected.reason });
    edit(firstKey('&kp 63'));
    t.regex((await compare())!, /^3 of 21/);
  },
);

serial('a clock that is set back during a build makes it start from scratch', async t => {
  const { bench, edit } = await recorded(t);
  edit(firstKey('&kp 64'));
  const { now } = Date;
  t.teardown(() => {
    Date.now = now;
  });
  const { outcome, path: way } = await bench.build(true, {
    onPath: () => {
      Date.now = () => now() - 3_600_000;
    },
  });
  Date.now = now;
  t.deepEqual(way, { kind: 'pristine', why: 'the clock went back' });
  t.deepEqual(whole(outcome), whole(await bench.pristine()));
});

serial('the build after a killed one takes nothing from it', async t => {
  const { bench, edit, compare } = await recorded(t);
  edit(firstKey('&kp 65'));
  t.is(killedBuild(bench), 'incremental');
  edit(firstKey('&kp 66'));
  t.is(await compare(), 'no directory of an earlier build was kept');
  t.true(await bench.record());
  edit(firstKey('&kp 67'));
  t.regex((await compare())!, /^3 of 21/);
});

/** A build in a process that dies as soon as it has taken objects over; returns how it builds. */
function killedBuild({ machine, configDirectory }: ObjectBench): string {
  const toolchains = path.resolve(import.meta.dirname, '../../src/builder/toolchains/index.ts');
  const { workspace, cacheRoot } = machine;
  const job = { target, buildDirectory: path.join(machine.root, 'killed'), jobs: 2, incremental: true };
  const script = `
    import { createToolchain } from ${JSON.stringify(toolchains)};
    const toolchain = createToolchain(${JSON.stringify({ kind: 'west', options: {}, configDirectory, workspace, cacheRoot })});
    await toolchain.compile({
      ...${JSON.stringify({ ...job, artifactDirectory: job.buildDirectory, logFile: path.join(machine.root, 'log') })},
      signal: new AbortController().signal,
      onOutput() {},
      onPath({ kind }) {
        console.log(kind);
        process.kill(process.pid, 'SIGKILL');
      },
    });`;
  mkdirSync(job.buildDirectory);
  const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
  return stdout.trim();
}

serial('recording stops when a build is waiting, and continues later', async t => {
  const { bench, edit, compare } = await recorded(t);
  rmSync(path.join(station(bench), 'macros.json'));
  const stop = new AbortController();
  stop.abort();
  t.false(await bench.record(stop.signal));
  edit(firstKey('&kp 70'));
  t.is(await compare(), 'the macros that its objects use were not recorded');
  t.true(await bench.record());
  edit(firstKey('&kp 71'));
  t.regex((await compare())!, /^3 of 21/);
});

serial(
  'firmware that differs from a pristine build is found and replaced, and turns incremental builds off',
  async t => {
    const bench = await objectBench(t);
    const { machine } = bench;
    const config = firstConfig();
    const events: BuildEvent[] = [];
    const run = async (key: string, verify: boolean) => {
      firstKey(key)(config);
      bench.write({ ...configFiles(config), 'build.yaml': 'board: [nice_nano_v2]\nshield: [corne_left]\n' });
      events.length = 0;
      return build({
        ...{ configDirectory: bench.configDirectory, workspace: machine.workspace, toolchain: 'west' },
        ...{ cacheRoot: machine.cacheRoot, verify, onEvent: event => void events.push(event) },
        userConfig: createUserConfig({ build: { incremental: 'always' } }),
      });
    };
    t.is((await run('&kp 1', true)).different, 0);
    // As if the compiler had not told that the keymap uses this key.
    const file = path.join(station(bench), 'macros.json');
    const records = JSON.parse(readFileSync(file, 'utf8'));
    for (const record of records.objects) if (/keymap/.test(record[0])) record[2] = [];
    writeFileSync(file, JSON.stringify(records));
    const summary = await run('&kp 2', true);
    t.is(summary.different, 1, JSON.stringify(events.filter(event => event.type === 'target-path')));
    const verified = events.find(event => event.type === 'target-verified');
    t.true(verified?.different.includes('corne_left-nice_nano_v2-zmk.uf2'));
    t.true(
      events.some(event => event.type === 'warning' && /Incremental builds are off/.test(event.message)),
    );
    const output = path.join(bench.configDirectory, 'firmware/corne_left-nice_nano_v2-zmk.uf2');
    const pristine = await bench.pristine();
    t.true(pristine.ok);
    t.is(readFileSync(output, 'latin1'), whole(pristine)['left.uf2']!);
    // Neither is the wrong one in the cache.
    t.is((await run('&kp 2', false)).compiled, 1);
    const way = events.find(event => event.type === 'target-path');
    t.deepEqual(way?.path, { kind: 'pristine', why: undefined });
  },
);
