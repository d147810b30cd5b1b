// Watch mode: a saved file rebuilds the targets that read it, and stops running builds that it makes obsolete.
import { rename, rm, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { BUILD_YAML, compileHalf, createProject } from '../project.ts';
import { isAlive } from '../rig/rig.ts';
import { settle, watchProject } from './watch-fixture.ts';

test.serial('only the half that reads a saved file is built again', async t => {
  const project = await createProject(t);
  const fixture = watchProject(t, project);
  await settle(fixture, Object.values(await project.rig.nextRuns(2)), compileHalf);

  await project.write('config/left.h', 'left again');
  const { changes, targets } = await fixture.next('watch-changed');
  t.deepEqual(changes, ['config/left.h changed']);
  t.deepEqual(targets, ['left']);
  const run = await project.rig.nextRun();
  t.is(run.target.name, 'left');
  await settle(fixture, [run], compileHalf);
  t.is(project.rig.runs, 3);
  t.deepEqual(await project.output(), {
    'left.uf2': 'left: keymap left again',
    'right.uf2': 'right: keymap right',
  });
});

test.serial('a file that an editor replaces counts as saved, every time', async t => {
  const project = await createProject(t, { onRun: run => compileHalf(run).catch(() => run.exit(1)) });
  const fixture = watchProject(t, project);
  await fixture.next('watch-waiting');
  const file = path.join(project.directory, 'config', 'corne.keymap');
  for (const content of ['second', 'third']) {
    await writeFile(`${file}~`, content);
    await rename(`${file}~`, file);
    t.deepEqual((await fixture.next('watch-changed')).targets, ['left', 'right']);
    await fixture.next('watch-waiting');
    t.like(await project.output(), { 'left.uf2': `left: ${content} left` });
  }
  // As some editors do it: move the file away, then write a new one.
  await rm(file);
  await writeFile(file, 'fourth');
  // A slow machine may notice that it was missing.
  while ((await fixture.next('watch-waiting')).failed > 0);
  t.like(await project.output(), { 'right.uf2': 'right: fourth right' });
});

test.serial(
  'builds that a saved file makes obsolete are stopped at once and restarted; the others go on',
  async t => {
    const project = await createProject(t);
    const fixture = watchProject(t, project);
    await settle(fixture, Object.values(await project.rig.nextRuns(2)), compileHalf);

    await project.write('config/corne.keymap', 'second');
    const { left, right } = await project.rig.nextRuns(2);
    await left!.ignoreTermination();
    const child = await left!.child({ stubborn: true });
    await project.write('config/left.h', 'new');
    t.like(await fixture.next('target-cancelled'), { target: 'left' });
    const again = await project.rig.nextRun();
    t.is(again.target.name, 'left');
    t.deepEqual(
      [left!.pid, child].filter(isAlive),
      [],
      'the obsolete compiler is gone before the next one starts',
    );
    t.true(right!.open, 'the other half did not have to begin anew');
    await settle(fixture, [again, right!], compileHalf);
    t.is(project.rig.runs, 5);
    t.deepEqual(await project.output(), {
      'left.uf2': 'left: second new',
      'right.uf2': 'right: second right',
    });
    t.deepEqual(
      fixture.of('target-cancelled').map(({ target }) => target),
      ['left'],
    );
  },
);

test.serial('a half that turns out to have read the saved file is built again when it is done', async t => {
  const project = await createProject(t);
  await project.write('config/extra.h', 'one');
  const fixture = watchProject(t, project);
  await settle(fixture, Object.values(await project.rig.nextRuns(2)), compileHalf);

  await project.write('config/left.h', '#include "extra.h"');
  const run = await project.rig.nextRun();
  // No build has read it so far, so it is unknown whether this one does.
  await project.write('config/extra.h', 'two');
  const config = `${run.target.config}/config`;
  const compile = async (now: typeof run) => {
    const files = [`${config}/corne.keymap`, `${config}/left.h`, `${config}/extra.h`];
    const parts = await Promise.all(files.map(file => now.read(file)));
    await now.observed(files);
    await now.succeed(parts.join(' '));
  };
  await run.read(`${config}/extra.h`);
  // By now the change of the file has been noticed: nothing noticed later comes before it.
  await project.write('config/right.h', 'seen');
  const seen = await project.rig.nextRun();
  t.is(seen.target.name, 'right');
  await compileHalf(seen);
  await compile(run);
  const again = await project.rig.nextRun();
  t.is(again.target.name, 'left');
  await settle(fixture, [again], compile);
  t.like(await project.output(), { 'left.uf2': 'keymap #include "extra.h" two' });
});

test.serial('a mistake fails its build, and the next save fixes it', async t => {
  const project = await createProject(t, {
    onRun: async run => {
      if (String(await run.read('config/corne.keymap')) === 'mistake') {
        await run.print('config/corne.keymap:1: error: unknown key code');
        await run.exit(1);
      } else await compileHalf(run);
    },
  });
  const fixture = watchProject(t, project);
  t.like(await fixture.next('watch-waiting'), { ready: 2, failed: 0 });
  await project.write('config/corne.keymap', 'mistake');
  t.like(await fixture.next('watch-waiting'), { ready: 0, failed: 2 });
  t.is(project.rig.runs, 4);
  await project.write('config/corne.keymap', 'mended');
  t.like(await fixture.next('watch-waiting'), { ready: 2, failed: 0 });
  t.like(await project.output(), { 'left.uf2': 'left: mended left' });
  // An undone edit compiles nothing.
  await project.write('config/corne.keymap', 'keymap');
  t.like(await fixture.next('watch-waiting'), { ready: 2, failed: 0 });
  t.is(project.rig.runs, 6);
  t.like(await project.output(), { 'left.uf2': 'left: keymap left' });
});

test.serial(
  'build.yaml takes effect at once: a new target is built, a removed one is stopped, a broken file waits for the next save',
  async t => {
    const project = await createProject(t);
    const fixture = watchProject(t, project);
    await settle(fixture, Object.values(await project.rig.nextRuns(2)), compileHalf);

    await project.write('build.yaml', 'include: [');
    t.regex((await fixture.next('watch-problem')).message, /build\.yaml:1/);
    const reset = '  - { board: nice_nano_v2, shield: settings_reset, artifact-name: reset }\n';
    await project.write('build.yaml', BUILD_YAML + reset);
    t.deepEqual((await fixture.next('watch-changed')).targets, ['reset']);
    t.is((await fixture.next('build-started')).targets.length, 3);
    const run = await project.rig.nextRun();
    t.is(run.target.name, 'reset');
    await project.write('build.yaml', BUILD_YAML);
    t.like(await fixture.next('target-cancelled'), { target: 'reset' });
    t.is((await fixture.next('build-started')).targets.length, 2);
    t.like(await fixture.next('watch-waiting'), { ready: 2, failed: 0 });
    t.false(isAlive(run.pid));
    t.is(project.rig.runs, 3);
  },
);

test.serial('a changed configuration builds everything accordingly', async t => {
  const project = await createProject(t, { onRun: compileHalf });
  const file = path.join(project.directory, 'glovebox.config.json');
  const configure = async (name: string) => {
    const command = { ...project.rig.toolchainOptions, environment: [name] };
    await writeFile(
      file,
      JSON.stringify({ cache: { directory: project.cacheRoot }, toolchains: { command } }),
    );
  };
  await configure('FIRST');
  const fixture = watchProject(t, project, { userConfig: undefined });
  await fixture.next('watch-waiting');
  await configure('SECOND');
  const { changes, targets } = await fixture.next('watch-changed');
  t.deepEqual(changes, ['the configuration changed']);
  t.deepEqual(targets, ['left', 'right']);
  t.like(await fixture.next('watch-waiting'), { ready: 2 });
  t.is(project.rig.runs, 4);
  await writeFile(file, '{');
  t.regex((await fixture.next('watch-problem')).message, /glovebox\.config\.json/);
  await configure('SECOND');
  await fixture.next('watch-waiting');
  t.is(project.rig.runs, 4);
});

test.serial('saving without changes, and files that no build reads, are not reported', async t => {
  const project = await createProject(t, { onRun: compileHalf });
  await project.write('zephyr/.git/HEAD', 'ref: refs/heads/main');
  const fixture = watchProject(t, project);
  await fixture.next('watch-waiting');
  const keymap = path.join(project.directory, 'config', 'corne.keymap');
  await utimes(keymap, new Date(), new Date());
  await writeFile(keymap, 'keymap');
  await project.write('README.md', 'read me');
  await project.write('zephyr/deep/file.c', 'int x;');
  await project.write('config/.corne.keymap.swp', 'editor');
  // A later change is reported, so all of these were noticed.
  await project.write('config/left.h', 'told');
  t.deepEqual((await fixture.next('watch-changed')).changes, ['config/left.h changed']);
  await fixture.next('watch-waiting');
  t.is(fixture.of('watch-changed').length, 1);
  t.is(project.rig.runs, 3);
});

test.serial('a new directory with files in it is noticed, and so are files that are added later', async t => {
  const project = await createProject(t, {
    onRun: run => run.succeed(),
    toolchain: { inputs: ['config/**', 'boards/**'], observed: undefined },
  });
  const fixture = watchProject(t, project);
  await fixture.next('watch-waiting');
  await project.write('boards/shields/corne/corne.overlay', 'one');
  t.deepEqual((await fixture.next('watch-changed')).changes, [
    'boards/shields/corne/corne.overlay was added',
  ]);
  await fixture.next('watch-waiting');
  await project.write('boards/shields/corne/corne.overlay', 'two');
  t.deepEqual((await fixture.next('watch-changed')).changes, ['boards/shields/corne/corne.overlay changed']);
  await fixture.next('watch-waiting');
  await rm(path.join(project.directory, 'boards'), { recursive: true });
  t.deepEqual((await fixture.next('watch-changed')).changes, [
    'boards/shields/corne/corne.overlay was removed',
  ]);
  await fixture.next('watch-waiting');
});

test.serial('stopping ends every compiler and the watch', async t => {
  const project = await createProject(t);
  const fixture = watchProject(t, project);
  const runs = Object.values(await project.rig.nextRuns(2));
  await fixture.stop();
  t.deepEqual(runs.map(run => run.pid).filter(isAlive), []);
  t.is(await project.output(), undefined);
});

test.serial('an unusable config at the beginning is an error, as for any build', async t => {
  const project = await createProject(t);
  await project.write('build.yaml', 'include: [');
  await t.throwsAsync(watchProject(t, project).done, { message: /build\.yaml/ });
});
