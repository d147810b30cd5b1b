// Failing targets: other targets go on, and no partial output is cached or delivered.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmod,
  lstat,
  mkdir,
  readdir,
  readFile,
  rename,
  rm,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { OutputDirectory, OutputError } from '../../src/builder/output/output.ts';
import { temporaryName } from '../../src/system/stale-files.ts';
import { inFull } from '../support/extent.ts';
import { compileHalf, createProject } from './project.ts';

test.serial('a failing target leaves the other one running, and shows its log', async t => {
  const project = await createProject(t);
  const building = project.start();
  const { left, right } = await project.rig.nextRuns(2);
  await left!.print('compiling');
  await left!.print('corne.keymap:12: unknown key code', 'stderr');
  await left!.write('left.uf2', 'half');
  await left!.exit(3);
  const failed = await building.next('target-failed', 'left');
  t.like(failed, { reason: 'exit-status', exitCode: 3 });
  t.deepEqual(failed.lastLines, ['compiling', 'corne.keymap:12: unknown key code']);
  t.is(await readFile(failed.logFile!, 'utf8'), 'compiling\ncorne.keymap:12: unknown key code\n');
  t.true(failed.logFile?.startsWith(project.cacheRoot));
  t.true(right!.open);
  await compileHalf(right!);
  t.like(await building.done, { compiled: 1, failed: 1 });
  t.deepEqual(await project.output(), { 'right.uf2': 'right: keymap right' });

  const again = project.start();
  const run = await project.rig.nextRun();
  t.is(run.target.name, 'left', 'only what failed is compiled again');
  await compileHalf(run);
  t.like(await again.done, { compiled: 1, cached: 1 });
});

test.serial('a failure leaves the firmware of an earlier build in place', async t => {
  const project = await createProject(t, {
    onRun: async run => {
      if ((await run.read(`${run.target.config}/config/corne.keymap`)).toString() === 'bad')
        await run.exit(1);
      else await compileHalf(run);
    },
  });
  await project.start().done;
  const before = await project.output();
  await project.write('config/corne.keymap', 'bad');
  t.like(await project.start().done, { failed: 2 });
  t.deepEqual(await project.output(), before);
});

inFull('a compiler that makes nothing, or is killed, is a failure', async t => {
  const project = await createProject(t);
  const building = project.start();
  const { left, right } = await project.rig.nextRuns(2);
  await left!.exit(0);
  await right!.crash('SIGKILL');
  t.like(await building.next('target-failed', 'left'), { reason: 'no-artifacts' });
  t.like(await building.next('target-failed', 'right'), { reason: 'killed' });
  t.like(await building.done, { failed: 2 });
  t.is(await project.output(), undefined, 'a directory that was made for nothing is removed');
});

inFull('a missing program is reported for every target', async t => {
  const project = await createProject(t, { toolchain: { program: 'no-such-compiler' } });
  const building = project.start();
  t.like(await building.done, { failed: 2 });
  for (const failed of building.of('target-failed')) {
    t.is(failed.reason, 'cannot-start');
    t.regex(failed.message, /no-such-compiler/);
  }
});

test.serial('damaged firmware in the cache is compiled again, not delivered', async t => {
  const project = await createProject(t, { onRun: compileHalf });
  await project.start().done;
  const good = await project.output();
  for (const blob of await project.blobs()) {
    const bytes = await readFile(blob);
    bytes[bytes.length - 1]! ^= 4;
    await chmod(blob, 0o600);
    await writeFile(blob, bytes);
  }
  const building = project.start();
  t.like(await building.done, { compiled: 2, failed: 0 });
  t.regex(building.of('target-missed')[0]!.why.join(), /damaged/);
  t.deepEqual(await project.output(), good);
});

test.serial('firmware whose inputs changed during its compile is delivered and not cached', async t => {
  const project = await createProject(t);
  const building = project.start();
  const { left, right } = await project.rig.nextRuns(2);
  await compileHalf(left!);
  await building.next('target-finished', 'left');
  await project.write('config/corne.keymap', 'edited');
  await compileHalf(right!);
  t.like(await building.done, { compiled: 2 });
  t.regex(building.of('warning')[0]?.message ?? '', /right .*corne\.keymap changed while/);
  const planned = project.start({ dryRun: true });
  await planned.done;
  t.deepEqual(
    planned.of('target-planned').map(event => event.plan),
    ['compile', 'compile'],
  );
});

test.serial('planted links in the output directory are replaced, not followed', async t => {
  const project = await createProject(t, { onRun: compileHalf });
  const victim = path.join(project.root, 'victim');
  await writeFile(victim, 'untouched');
  const planted = path.join(project.directory, 'firmware/left.uf2');
  await mkdir(path.dirname(planted));
  for (const round of ['compiled', 'cache']) {
    await symlink(victim, `${planted}.new`);
    await rename(`${planted}.new`, planted);
    const building = project.start();
    await building.done;
    t.like(building.of('target-finished', 'left')[0], { source: round });
    t.true((await lstat(planted)).isFile());
    t.is(await readFile(victim, 'utf8'), 'untouched');
  }
});

test.serial('a directory in place of firmware fails only that target', async t => {
  const project = await createProject(t, { onRun: compileHalf });
  await mkdir(path.join(project.directory, 'firmware/left.uf2'), { recursive: true });
  const building = project.start();
  t.like(await building.done, { compiled: 1, failed: 1 });
  t.like(building.of('target-failed')[0], { target: 'left', reason: 'output' });
});

test.serial('two targets cannot make the same file', async t => {
  const project = await createProject(t, { onRun: compileHalf });
  const output = await OutputDirectory.open(path.join(project.directory, 'firmware'));
  const make = async (content: string) => {
    const file = path.join(output.stage(), 'firmware.uf2');
    await writeFile(file, content);
    return file;
  };
  output.publish('left', [await make('left')]);
  const error = t.throws(() => output.publish('right', [path.join(output.path, 'x'), '/x/firmware.uf2']), {
    instanceOf: OutputError,
  });
  t.regex(error.message, /Both left and right make firmware\.uf2/);
  output.publish('left', [await make('left again')]);
  await output.close();
  t.deepEqual(await project.output(), { 'firmware.uf2': 'left again' });
});

test.serial(
  'stale files of a killed build in the output directory are removed, those of a running build are kept',
  async t => {
    const project = await createProject(t, { onRun: compileHalf });
    const ended = spawn(process.execPath, ['--version'], { stdio: 'ignore' });
    await once(ended, 'exit');
    const output = path.join(project.directory, 'firmware');
    const alive = `.glovebox-${temporaryName()}`;
    const dead = alive.replace(`-${process.pid}-`, `-${ended.pid}-`);
    // A pid that does not exist here, and may exist on the other machine.
    const elsewhere = dead.replace(/-[0-9a-f]{8}-/, '-00000000-');
    // As they were once called: without a host.
    const unknown = `.glovebox-${ended.pid}-aaaaaa`;
    const kept = [alive, elsewhere, unknown];
    const old = [elsewhere, unknown].map(name => `${name}-of-yesterday`);
    for (const name of [...kept, dead, ...old])
      await mkdir(path.join(output, name, '0'), { recursive: true });
    const hoursAgo = (hours: number) => new Date(Date.now() - hours * 60 * 60 * 1000);
    for (const name of kept) await utimes(path.join(output, name), hoursAgo(23), hoursAgo(23));
    for (const name of old) await utimes(path.join(output, name), hoursAgo(25), hoursAgo(25));
    await project.start().done;
    const left = (await readdir(output)).filter(name => name.startsWith('.'));
    t.deepEqual(left.sort(), kept.sort());
  },
);

test.serial('an unusable cache directory costs a warning and nothing else', async t => {
  const project = await createProject(t, { onRun: compileHalf });
  await writeFile(project.cacheRoot, 'a file is not a directory');
  const building = project.start();
  t.like(await building.done, { compiled: 2, failed: 0 });
  t.is(building.of('warning').length, 1);
  t.regex(building.of('warning')[0]!.message, /cannot be used/);
  t.deepEqual(await project.output(), {
    'left.uf2': 'left: keymap left',
    'right.uf2': 'right: keymap right',
  });
});

inFull('a failure without a cache directory still has its log', async t => {
  const project = await createProject(t);
  const building = project.start({ cache: false });
  const { left, right } = await project.rig.nextRuns(2);
  await left!.print('why it failed');
  await left!.exit(1);
  await compileHalf(right!);
  await building.done;
  const { logFile } = await building.next('target-failed');
  t.is(await readFile(logFile!, 'utf8'), 'why it failed\n');
  await rm(path.dirname(logFile!), { recursive: true });
});
