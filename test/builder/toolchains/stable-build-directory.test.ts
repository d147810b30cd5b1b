import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { acquireStableDirectory } from '../../../src/builder/toolchains/zephyr/stable-build-directory.ts';
import { currentProcessId } from '../../../src/system/process-identity.ts';
import { eventually } from '../../support/eventually.ts';
import { temporaryDirectory } from '../../support/temporary.ts';
import { writeTool } from './observed/tools.ts';
import { benchFor, contents, target, toolchainOf } from './west-project.ts';

test.serial(
  'ccache is used when it is installed, in the cache directory, and without a base directory',
  async t => {
    const { machine, job } = await benchFor(t);
    const toolchain = toolchainOf(machine, { cacheRoot: machine.cacheRoot });
    const environmentOf = async () => {
      const outcome = toolchain.compile(job());
      const run = await machine.rig.nextRun();
      await run.exit(await run.build());
      contents(t, await outcome);
      return run.environment;
    };
    const without = await environmentOf();
    t.deepEqual([without.CCACHE_DISABLE, without.CCACHE_DIR], ['1', undefined]);
    machine.install('ccache', 'exec "$@"');
    // A link to it, or one of its configuration files, could set a base directory.
    const { CCACHE_DISABLE, CCACHE_BASEDIR, CCACHE_DIR = '', CCACHE_CONFIGPATH = '' } = await environmentOf();
    t.is(CCACHE_DISABLE, undefined);
    t.is(CCACHE_BASEDIR, undefined);
    t.true(CCACHE_DIR.startsWith(machine.cacheRoot));
    t.true(existsSync(CCACHE_DIR));
    t.true(CCACHE_CONFIGPATH.startsWith(CCACHE_DIR));
    t.false(existsSync(CCACHE_CONFIGPATH));
  },
);

test.serial(
  'without persistent caches there is no ccache, and compiler capabilities are detected anew',
  async t => {
    const { machine, toolchain, job } = await benchFor(t);
    machine.install('ccache', 'exec "$@"');
    const outcome = toolchain.compile(job());
    const run = await machine.rig.nextRun();
    t.is(run.environment.CCACHE_DISABLE, '1');
    t.true(run.target.userCache?.startsWith(`${machine.root}/job `));
    await run.exit(await run.build());
    contents(t, await outcome);
  },
);

test.serial('a target is always built in the same directory, and two targets never share one', async t => {
  const { machine, job } = await benchFor(t);
  const toolchain = toolchainOf(machine, { cacheRoot: machine.cacheRoot });
  const other = { ...target, shield: 'corne_right', artifactName: 'right' };
  const outcomes = [
    toolchain.compile(job()),
    toolchainOf(machine, { cacheRoot: machine.cacheRoot }).compile(job({ target: other })),
  ];
  const runs = await machine.rig.nextRuns(2);
  const left = runs.corne_left!;
  const right = runs.corne_right!;
  t.not(left.target.build, right.target.build);
  t.not(left.target.userCache, right.target.userCache);
  for (const run of [left, right]) await run.exit(await run.build());
  await Promise.all(outcomes);
  t.false(existsSync(left.target.build!));
  machine.write('config/corne.keymap', 'edited');
  const again = toolchainOf(machine, { cacheRoot: machine.cacheRoot }).compile(job());
  const run = await machine.rig.nextRun();
  t.is(run.target.build, left.target.build);
  t.is(run.target.userCache, left.target.userCache);
  await run.exit(await run.build());
  contents(t, await again);
});

test.serial('capabilities of one compiler are not used for another', async t => {
  const { machine, job } = await benchFor(t, { onRun: 'build' });
  const compile = async (cacheRoot: string | undefined) =>
    contents(t, await toolchainOf(machine, { cacheRoot }).compile(job()))['left.uf2'];
  const older = await compile(machine.cacheRoot);
  machine.setVersion('arm-none-eabi-gcc', 'arm-none-eabi-gcc 13.2');
  const newer = await compile(machine.cacheRoot);
  t.not(newer, older);
  t.is(newer, await compile(undefined));
  // With the same name and version.
  writeTool(machine.tools, 'libexec/cc1', '2');
  const updated = await compile(machine.cacheRoot);
  t.not(updated, newer);
  t.is(updated, await compile(undefined));
});

test.serial('targets that differ in their shield share findings about the compiler', async t => {
  const { machine, job } = await benchFor(t);
  machine.install('ccache', 'exec "$@"');
  /** What the target finds there when it begins, and its firmware. */
  const compile = async (more: Partial<typeof target>, cacheRoot: string | undefined = machine.cacheRoot) => {
    const own = { ...target, ...more };
    const outcome = toolchainOf(machine, { cacheRoot }).compile(job({ target: own }));
    const run = await machine.rig.nextRun();
    const isTaken = existsSync(path.join(run.target.userCache!, 'ToolchainCapabilityDatabase/a1b2c3'));
    await run.exit(await run.build());
    // The machine does not have every board.
    const result = await outcome;
    return { isTaken, firmware: result.ok ? contents(t, result)[`${own.artifactName}.uf2`] : undefined };
  };
  const right = { shield: 'corne_right', artifactName: 'right' };
  t.false((await compile({})).isTaken);
  t.true((await compile(right)).isTaken);
  t.false((await compile({ board: 'nice_nano', artifactName: 'other' })).isTaken);
  t.false((await compile({ cmakeArgs: '-DX=1', artifactName: 'x' })).isTaken);
  t.false((await compile({ snippet: 'y', artifactName: 'y' })).isTaken);
  const third = { shield: 'lily58_left', artifactName: 'third' };
  // With the same name and version.
  writeTool(machine.tools, 'libexec/cc1', '2');
  const updated = await compile(third);
  t.false(updated.isTaken);
  t.truthy(updated.firmware);
  t.is(updated.firmware, (await compile(third, await temporaryDirectory(t))).firmware);
  t.true((await compile({ ...third, artifactName: 'fourth' })).isTaken);
});

test.serial('a concurrent build of the same target uses a private directory', async t => {
  const { machine, job } = await benchFor(t);
  const compile = () => toolchainOf(machine, { cacheRoot: machine.cacheRoot }).compile(job());
  const first = compile();
  const one = await machine.rig.nextRun();
  const second = compile();
  const two = await machine.rig.nextRun();
  t.not(two.target.build, one.target.build);
  t.not(two.target.userCache, one.target.userCache);
  for (const run of [two, one]) await run.exit(await run.build());
  t.is(contents(t, await second)['left.uf2'], contents(t, await first)['left.uf2']);
});

/** A program in its own session, as compilers have. */
async function sleeper(t: ExecutionContext): Promise<ChildProcess> {
  const child = spawn('sleep', ['120'], { detached: true, stdio: 'ignore' });
  await once(child, 'spawn');
  t.teardown(() => void child.kill('SIGKILL'));
  return child;
}

async function killed(child: ChildProcess): Promise<void> {
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}

function ownerFile(cacheRoot: string): string {
  const root = path.join(cacheRoot, 'west');
  const station = readdirSync(root).find(name => /^[0-9a-f]{16}$/.test(name));
  return path.join(root, station!, 'owner');
}

test('a directory whose owner was killed is free once all processes in it have ended', async t => {
  const cacheRoot = await temporaryDirectory(t);
  chmodSync(cacheRoot, 0o700);
  const take = () => acquireStableDirectory(cacheRoot, ['config', 'left'], 'gcc');
  const first = await take();
  t.truthy(first);
  t.is(await take(), undefined);
  const [owner, compiler] = await Promise.all([sleeper(t), sleeper(t)]);
  first?.onProcess('started', compiler.pid!);
  // As if another process had it.
  const file = ownerFile(cacheRoot);
  const claim = JSON.parse(readFileSync(file, 'utf8'));
  t.deepEqual(claim, { ...currentProcessId(), leaders: [compiler.pid] });
  writeFileSync(file, JSON.stringify({ ...claim, pid: owner.pid }));
  writeFileSync(path.join(first!.work, 'half-made.o'), '');
  t.is(await take(), undefined);
  await killed(owner);
  t.is(await take(), undefined);
  await killed(compiler);
  await eventually(() => !existsSync(`/proc/${compiler.pid}`));
  const next = await take();
  t.is(next?.work, first?.work);
  t.deepEqual(readdirSync(next!.work), []);
  await next?.close();
  t.truthy(await take());
});

test('a directory that is unreadable, or in use by another machine, is not acquired', async t => {
  const cacheRoot = await temporaryDirectory(t);
  chmodSync(cacheRoot, 0o700);
  const take = () => acquireStableDirectory(cacheRoot, ['config', 'left'], 'gcc');
  await (await take())?.close();
  const station = await take();
  const file = ownerFile(cacheRoot);
  for (const content of [
    '',
    '{',
    '7',
    '{"pid":1}',
    JSON.stringify({ pid: 2 ** 22, host: 'deadbeef', leaders: [] }),
  ]) {
    writeFileSync(file, content);
    t.is(await take(), undefined, content);
  }
  await station?.close();
  t.truthy(await take());
});

test('there are no stable directories in a cache directory that other users can write to', async t => {
  const cacheRoot = await temporaryDirectory(t);
  chmodSync(cacheRoot, 0o777);
  t.is(await acquireStableDirectory(cacheRoot, ['left'], 'gcc'), undefined);
  chmodSync(cacheRoot, 0o700);
  t.truthy(await acquireStableDirectory(cacheRoot, ['left'], 'gcc'));
});

test('capabilities of other compilers are removed, and so are directories that were unused for a month', async t => {
  const cacheRoot = await temporaryDirectory(t);
  chmodSync(cacheRoot, 0o700);
  const left = await acquireStableDirectory(cacheRoot, ['left'], 'gcc 12');
  await left?.close();
  t.true(existsSync(left!.capabilityCache));
  const newer = await acquireStableDirectory(cacheRoot, ['left'], 'gcc 13');
  t.false(existsSync(left!.capabilityCache));
  t.true(existsSync(newer!.capabilityCache));
  await newer?.close();
  const old = path.join(cacheRoot, 'west', '0123456789abcdef');
  mkdirSync(old);
  utimesSync(old, 0, 0);
  await (await acquireStableDirectory(cacheRoot, ['right'], 'gcc 13'))?.close();
  t.false(existsSync(old));
  t.true(existsSync(newer!.capabilityCache));
});
