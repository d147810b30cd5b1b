// Cancelling a build ends everything that it started, and the next build works.
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import test from 'ava';
import { compileHalf, createProject } from './project.ts';
import { isAlive } from './rig/rig.ts';

test.serial('cancelling ends every process of every compiler, and leaves nothing behind', async t => {
  const project = await createProject(t);
  const cancellation = new AbortController();
  const building = project.start({ signal: cancellation.signal });
  const { left, right } = await project.rig.nextRuns(2);
  await left!.write('left.uf2', 'half');
  await right!.ignoreTermination();
  const children = [await left!.child(), await right!.child({ stubborn: true })];
  cancellation.abort();
  t.like(await building.done, { cancelled: 2, compiled: 0, failed: 0 });
  for (const pid of [left!.pid, right!.pid, ...children]) t.false(isAlive(pid), `process ${pid}`);
  t.is(building.of('target-cancelled').length, 2);
  t.is(building.events.at(-1)?.type, 'build-finished');
  t.is(await project.output(), undefined);
  for (const run of [left!, right!]) {
    t.deepEqual(await readdir(path.dirname(run.target.build)).catch(error => error.code), 'ENOENT');
  }

  const again = project.start();
  const runs = await project.rig.nextRuns(2);
  await compileHalf(runs.left!);
  await compileHalf(runs.right!);
  t.like(await again.done, { compiled: 2 });
});

test.serial('finished targets stay, and targets that wait for a thread are not started', async t => {
  const project = await createProject(t);
  const cancellation = new AbortController();
  const building = project.start({ signal: cancellation.signal, jobs: 1 });
  await compileHalf(await project.rig.nextRun());
  await building.next('target-finished', 'left');
  const right = await project.rig.nextRun();
  cancellation.abort();
  t.like(await building.done, { compiled: 1, cancelled: 1 });
  t.false(isAlive(right.pid));
  t.deepEqual(Object.keys((await project.output()) ?? {}), ['left.uf2']);
});

test.serial('a build that is cancelled before it begins compiles nothing', async t => {
  const project = await createProject(t);
  const building = project.start({ signal: AbortSignal.abort() });
  t.like(await building.done, { cancelled: 2 });
  t.is(project.rig.runs, 0);
});

test.serial(
  'caches open while the compiler is asked for its version, and cancelling ends that query',
  async t => {
    const project = await createProject(t);
    const { program, arguments: args } = project.rig.toolchainOptions;
    const command = { ...project.rig.toolchainOptions, version: [program, ...args.slice(0, 2)] };
    const cancellation = new AbortController();
    const building = project.start({
      signal: cancellation.signal,
      userConfig: { ...project.userConfig, toolchains: { command } },
    });
    const asked = await project.rig.nextRun();
    const opened = ['compilation', 'firmware'].map(tag => path.join(project.cacheRoot, tag, 'cache.db'));
    while (!opened.every(file => existsSync(file))) await new Promise(setImmediate);
    cancellation.abort();
    t.like(await building.done, { cancelled: 2 });
    t.false(isAlive(asked.pid));
  },
);

test.serial('a build leaves no temporary files, however its targets end', async t => {
  const project = await createProject(t);
  const building = project.start();
  const { left, right } = await project.rig.nextRuns(2);
  const scratch = path.dirname(left!.target.build);
  t.is(path.dirname(scratch), os.tmpdir());
  await compileHalf(left!);
  await right!.exit(1);
  await building.done;
  await t.throwsAsync(readdir(scratch), { code: 'ENOENT' });
  t.deepEqual(Object.keys((await project.output()) ?? {}), ['left.uf2'], 'no hidden files either');
});
