// The whole build as its user sees it: all halves at once, then only what changed.
import { stat } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { publishedBuild, publishedLibrary } from '../support/published.ts';
import { compileHalf, createProject } from './project.ts';

const { build } = await publishedBuild();
const { GloveboxError } = await publishedLibrary();

const BOTH = { 'left.uf2': 'left: keymap left', 'right.uf2': 'right: keymap right' };

test.serial('both halves compile at the same time', async t => {
  const project = await createProject(t);
  const building = project.start();
  const { left, right } = await project.rig.nextRuns(2);
  t.true(left!.open && right!.open);
  await compileHalf(left!);
  t.like(await building.next('target-finished', 'left'), { source: 'compiled' });
  t.true(right!.open);
  await compileHalf(right!);
  const summary = await building.done;
  t.like(summary, { compiled: 2, cached: 0, failed: 0, cancelled: 0, saved: 0 });
  t.deepEqual(await project.output(), BOTH);
  const threads = new Set(building.of('target-compiling').map(event => event.thread));
  t.is(threads.size, 2, 'each in a thread of its own');
});

test.serial('the second run takes both from the cache and starts no compiler', async t => {
  const project = await createProject(t, { onRun: compileHalf });
  await project.start().done;
  const again = project.start();
  const summary = await again.done;
  t.is(project.rig.runs, 2);
  t.like(summary, { compiled: 0, cached: 2, failed: 0 });
  t.deepEqual(
    again.of('target-finished').map(event => [event.target, event.source]),
    [
      ['left', 'cache'],
      ['right', 'cache'],
    ],
  );
  t.deepEqual(again.of('target-compiling'), []);
  t.deepEqual(await project.output(), BOTH);
  const [left] = again.of('target-finished', 'left');
  const [right] = again.of('target-finished', 'right');
  t.deepEqual(left?.files, [path.join(project.directory, 'firmware/left.uf2')]);
  // Both run at once, so the longer one is the wait that was saved.
  const waited = Math.max(left!.compileDuration, right!.compileDuration);
  t.is(summary.saved, Math.max(0, waited - summary.duration));
});

test.serial('an edited keymap compiles both halves, and undoing the edit compiles none', async t => {
  const project = await createProject(t, { onRun: compileHalf });
  await project.start().done;
  await project.write('config/corne.keymap', 'edited');
  const edited = project.start();
  t.like(await edited.done, { compiled: 2, cached: 0 });
  t.deepEqual(edited.of('target-missed')[0]?.why, ['config/corne.keymap changed']);
  t.is((await project.output())?.['left.uf2'], 'left: edited left');
  await project.write('config/corne.keymap', 'keymap');
  t.like(await project.start().done, { compiled: 0, cached: 2 });
  t.deepEqual(await project.output(), BOTH);
  t.is(project.rig.runs, 4);
});

test.serial('a file that only the right half reads compiles only the right half', async t => {
  const project = await createProject(t, { onRun: compileHalf });
  await project.start().done;
  await project.write('config/right.h', 'new');
  const building = project.start();
  t.like(await building.done, { compiled: 1, cached: 1 });
  t.like(building.of('target-finished', 'left')[0], { source: 'cache' });
  t.like(building.of('target-finished', 'right')[0], { source: 'compiled' });
  t.is((await project.output())?.['right.uf2'], 'right: keymap new');
});

test.serial('events come in order and carry what renderers need', async t => {
  const project = await createProject(t);
  const building = project.start();
  const runs = await project.rig.nextRuns(2);
  await runs.left!.print('Compiling matrix.c');
  t.is((await building.next('target-output', 'left')).line, 'Compiling matrix.c');
  await compileHalf(runs.left!);
  await compileHalf(runs.right!);
  const summary = await building.done;
  const types = building.events.map(event => event.type);
  t.is(types[0], 'build-started');
  t.is(types.at(-1), 'build-finished');
  t.like(building.of('build-started')[0], {
    configDirectory: project.directory,
    outputDirectory: path.join(project.directory, 'firmware'),
    toolchain: 'command',
    jobs: 2,
    pid: process.pid,
  });
  t.deepEqual(
    building.of('build-started')[0]?.targets.map(target => target.artifactName),
    ['left', 'right'],
  );
  const ofLeft = building.events.filter(event => 'target' in event && event.target === 'left');
  t.deepEqual(
    ofLeft.map(event => event.type),
    ['target-checking', 'target-missed', 'target-compiling', 'target-output', 'target-finished'],
  );
  t.like(building.of('build-finished')[0], summary);
  t.true(building.events.every((event, index) => index === 0 || event.at >= building.events[0]!.at));
});

test.serial(
  'only as many targets as requested compile at once, and each gets its share of the cores',
  async t => {
    const project = await createProject(t);
    const building = project.start({ jobs: 1 });
    const first = await project.rig.nextRun();
    t.is(project.rig.runs, 1);
    await compileHalf(first);
    await building.next('target-finished', first.target.name);
    const second = await project.rig.nextRun();
    await compileHalf(second);
    t.like(await building.done, { compiled: 2 });
    const alone = Number(first.target.jobs);
    t.is(building.of('target-compiling')[0]?.jobs, alone);
    const both = project.start({ cache: false });
    const { left, right } = await project.rig.nextRuns(2);
    t.is(Number(left!.target.jobs), Math.max(1, Math.floor(alone / 2)));
    await Promise.all([compileHalf(left!), compileHalf(right!)]);
    await both.done;
  },
);

test.serial('a dry run lists what would be compiled and why, and does nothing', async t => {
  const project = await createProject(t, { onRun: compileHalf });
  const first = project.start({ dryRun: true });
  t.like(await first.done, { compiled: 0, cached: 0 });
  t.deepEqual(
    first.of('target-planned').map(event => [event.target, event.plan, event.why]),
    [
      ['left', 'compile', ['never built here']],
      ['right', 'compile', ['never built here']],
    ],
  );
  t.is(project.rig.runs, 0);
  t.is(await project.output(), undefined);

  await project.start().done;
  await project.write('config/right.h', 'new');
  const second = project.start({ dryRun: true });
  await second.done;
  t.deepEqual(
    second.of('target-planned').map(event => [event.target, event.plan, event.why]),
    [
      ['left', 'cache', []],
      ['right', 'compile', ['config/right.h changed']],
    ],
  );
  t.is(project.rig.runs, 2);
  t.deepEqual(await project.output(), BOTH);
});

test.serial('a dry run names the environment variables and arguments that changed', async t => {
  const project = await createProject(t, { onRun: compileHalf });
  await project.start().done;
  const { command } = project.userConfig.toolchains;
  const toolchains = { command: { ...command!, arguments: [...command!.arguments, '--release'] } };
  const building = project.start({ dryRun: true, userConfig: { ...project.userConfig, toolchains } });
  await building.done;
  t.deepEqual(building.of('target-planned')[0]?.why, ['toolchain arguments changed']);
});

test.serial('without the cache everything compiles and nothing is stored', async t => {
  const project = await createProject(t, { onRun: compileHalf });
  t.like(await project.start({ cache: false }).done, { compiled: 2 });
  t.like(await project.start({ cache: false }).done, { compiled: 2 });
  t.deepEqual(await project.output(), BOTH);
  t.deepEqual(await stat(project.cacheRoot).catch(error => error.code), 'ENOENT');
});

test.serial('the output option decides where the firmware goes', async t => {
  const project = await createProject(t, { onRun: compileHalf });
  const outputDirectory = path.join(project.root, 'elsewhere/deep');
  const summary = await project.start({ outputDirectory }).done;
  t.is(summary.outputDirectory, outputDirectory);
  t.true((await stat(path.join(outputDirectory, 'left.uf2'))).isFile());
  t.is(await project.output(), undefined);
  const configured = { ...project.userConfig, build: { output: 'out' } };
  t.is(
    (await project.start({ userConfig: configured }).done).outputDirectory,
    path.join(project.directory, 'out'),
  );
});

test.serial('a build that cannot start is one clear error', async t => {
  const project = await createProject(t);
  const refuse = async (options: Parameters<typeof project.start>[0], code: string, message: RegExp) => {
    const building = project.start(options);
    const error = await t.throwsAsync(building.done, { instanceOf: GloveboxError });
    t.is(error?.code, code);
    t.regex(error!.message, message);
    t.deepEqual(building.events, []);
  };
  const none = { ...project.userConfig, toolchains: {} };
  await refuse(
    { userConfig: none },
    'GLOVEBOX_NO_TOOLCHAIN',
    /Looked for:\n {2}command: .*toolchains\.command in .*glovebox\.config.*\n {2}west: there is no west workspace/,
  );
  await refuse(
    { toolchain: 'west' },
    'GLOVEBOX_NO_TOOLCHAIN',
    /'west' cannot be used here: there is no west workspace.*--workspace/,
  );
  await refuse({ jobs: 0 }, 'GLOVEBOX_INVALID_ARGUMENT', /jobs .* got 0/);
  await project.write('file', '');
  const file = path.join(project.directory, 'file');
  await refuse(
    { outputDirectory: file },
    'GLOVEBOX_OUTPUT',
    /Cannot write to the output directory.*Move the file that is in the way, or choose another one\.$/,
  );
  const sources = path.join(project.directory, 'config');
  for (const named of [path.join(project.directory, 'build.yaml'), path.join(sources, 'corne.keymap')]) {
    const message = `${named} is a file. Name the directory ${project.directory}.`;
    await refuse({ configDirectory: named }, 'GLOVEBOX_MATRIX', new RegExp(message));
  }
  await refuse({ outputDirectory: sources }, 'GLOVEBOX_OUTPUT', /holds sources \(corne\.keymap\)/);
  await project.write('build.yaml', 'include: 7');
  await refuse({}, 'GLOVEBOX_MATRIX', /build\.yaml/);
});

test.serial('a listener that throws stops the build, which rejects with the same error', async t => {
  const project = await createProject(t);
  const building = build({
    configDirectory: project.directory,
    userConfig: project.userConfig,
    onEvent: event => {
      if (event.type === 'target-compiling') throw new TypeError('a bug');
    },
  });
  await t.throwsAsync(building, { instanceOf: TypeError, message: 'a bug' });
  t.is(await project.output(), undefined);
});
