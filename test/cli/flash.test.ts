// `glovebox flash` as its user sees it; a directory stands in for the keyboard's drive.
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { firmware, NICE_NANO, plugIn, unplug, written } from '../builder/flash/boot-loader.ts';
import type { RigOptions } from '../builder/rig/rig.ts';
import { config, LEFT, RIGHT } from './corne.ts';
import { gloveboxAlone, startGlovebox } from './run.ts';

const fillOf = (target: string) => (target === LEFT ? 1 : 2);

/** A compiler that makes a UF2 file. */
const makes: RigOptions = {
  onRun: run => run.succeed(firmware(100, undefined, fillOf(run.target.name))),
};

test('flash builds, says which half is next, and copies one after the other; build --flash does the same', async t => {
  const { home, at } = await config(t, makes);
  const drive = path.join(home, 'NICENANO');
  for (const args of [
    ['flash', '--config', 'corne', '--drive', drive],
    ['build', 'corne', '--flash', '--drive', drive],
  ]) {
    const running = startGlovebox(args, at);
    t.teardown(() => running.child.kill('SIGKILL'));
    for (const [half, target] of [
      ['left', LEFT],
      ['right', RIGHT],
    ] as const) {
      await running.printed(`Put the ${half} half into its boot loader (${target})`);
      await plugIn(drive);
      await written(drive, `${target}.uf2`, 51_200);
      t.deepEqual(
        await readFile(path.join(drive, `${target}.uf2`)),
        firmware(100, undefined, fillOf(target)),
      );
      await unplug(drive);
      await running.printed(`${target} is on the ${half} half`);
    }
    const { status, stdout } = await running.ended;
    t.is(status, 0);
    t.true(stdout.includes(`Copying to ${drive} (nice!nano, Board-ID nRF52840-nicenano)`), stdout);
  }
});

test('Ctrl-C ends the wait for a drive', async t => {
  const { home, at } = await config(t, makes);
  const running = startGlovebox(
    ['flash', 'left', '--config', 'corne', '--json', '--drive', path.join(home, 'none')],
    at,
  );
  t.teardown(() => running.child.kill('SIGKILL'));
  await running.printed('"flash-waiting"');
  running.child.kill('SIGINT');
  const { status, stdout, stderr } = await running.ended;
  t.is(status, 130);
  t.is(stderr, '');
  const events = stdout
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line) as { type: string; target?: string });
  t.deepEqual(
    events.filter(({ type }) => type === 'target-finished').map(({ target }) => target),
    [LEFT],
    'the other half is not built',
  );
});

test.serial('a target that does not exist, and a build that fails, flash nothing', async t => {
  const { home, at } = await config(t, { onRun: run => run.exit(1) });
  const drive = path.join(home, 'NICENANO');
  await plugIn(drive, NICE_NANO);
  const flash = (...args: string[]) =>
    gloveboxAlone(['flash', ...args, '--config', 'corne', '--drive', drive], at);
  const unknown = await flash('middle');
  t.is(unknown.status, 2);
  t.regex(unknown.stderr, /^error: No target is called 'middle'\. There are: corne_left/);
  const failed = await flash();
  t.is(failed.status, 1);
  t.notRegex(failed.stdout, /boot loader/);
  t.false(existsSync(path.join(drive, `${LEFT}.uf2`)));
  const watch = await gloveboxAlone(['build', 'corne', '--flash', '--watch'], at);
  t.is(watch.status, 2);
});
