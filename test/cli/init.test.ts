// `glovebox init`, from an empty directory to a build that would compile.
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { createWestMachine } from '../builder/west-rig/west-rig.ts';
import { MAIN } from '../support/published.ts';
import { gloveboxAlone, startProgram } from './run.ts';
import { temporaryDirectory } from './temporary.ts';

const FILES = [
  '.github/workflows/build.yml',
  '.gitignore',
  'build.yaml',
  'config/corne.conf',
  'config/corne.keymap',
  'config/west.yml',
];

async function filesIn(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  return entries
    .filter(entry => entry.isFile())
    .map(entry => join(entry.parentPath, entry.name).slice(directory.length + 1))
    .sort();
}

test.serial('a config is made for both halves of a keyboard, and builds', async t => {
  const machine = await createWestMachine(t, { onRun: 'build' });
  const directory = await temporaryDirectory(t);
  const at = { cwd: directory, env: { ...machine.environment, GLOVEBOX_CACHE_DIR: machine.cacheRoot } };
  const made = await gloveboxAlone(['init', '--keyboard', 'corne'], at);
  t.is(made.status, 0, made.stderr);
  t.regex(made.stdout, /^Made a config for the Corne on a nice!nano v2 \(nice_nano_v2\) in this directory:/);
  t.regex(made.stdout, /Next: glovebox workspace create, which fetches ZMK v0\.3; then glovebox build$/m);
  t.deepEqual(await filesIn(directory), FILES);
  const keymap = await readFile(join(directory, 'config/corne.keymap'), 'utf8');

  const planned = await gloveboxAlone(
    ['build', '--dry-run', '--toolchain', 'west', '--workspace', machine.workspace],
    at,
  );
  t.is(planned.status, 0, planned.stderr);
  t.regex(planned.stdout, /^corne_left-nice_nano_v2-zmk: would be compiled$/m);
  t.regex(planned.stdout, /^corne_right-nice_nano_v2-zmk: would be compiled$/m);

  const again = await gloveboxAlone(['init', '--keyboard', 'lily58'], at);
  t.is(again.status, 1);
  t.regex(again.stderr, /^error: .* has build\.yaml, .* already, and nothing is overwritten/);
  t.is(await readFile(join(directory, 'config/corne.keymap'), 'utf8'), keymap);
});

test.serial('missing and wrong arguments are reported, and nothing is made', async t => {
  const directory = await temporaryDirectory(t);
  const at = { cwd: directory, env: { GLOVEBOX_CACHE_DIR: join(directory, 'cache') } };
  const init = (...args: string[]) => gloveboxAlone(['init', 'config', ...args], at);
  const unasked = await init();
  t.is(unasked.status, 2);
  t.regex(unasked.stderr, /^error: Cannot ask for the keyboard: .* Use --keyboard/);
  const unknown = await init('--keyboard', 'crone');
  t.is(unknown.status, 2);
  t.regex(unknown.stderr, /Did you mean corne\?/);
  t.is((await init('--keyboard', 'corne', '--controller', 'planck')).status, 2);
  t.false(existsSync(join(directory, 'config')));
  const listed = await init('--list');
  t.regex(listed.stdout, /^corne +Corne +pro_micro +2 parts$/m);
  const json = JSON.parse((await init('--list', '--json')).stdout) as { id: string }[];
  t.true(json.some(({ id }) => id === 'glove80'));
  const made = JSON.parse((await init('--keyboard', 'corne', '--json')).stdout);
  t.like(made, { keyboard: 'corne', controller: 'nice_nano_v2', targets: ['corne_left', 'corne_right'] });
});

test('on a terminal the keyboard and its controller are asked for', async t => {
  if (!existsSync('/usr/bin/script') || process.platform !== 'linux') {
    return t.pass('Skipped: needs script(1) of Linux.');
  }
  const directory = await temporaryDirectory(t);
  const env = { GLOVEBOX_CACHE_DIR: join(directory, 'cache'), TERM: 'xterm' };
  const command = `${process.execPath} ${MAIN} init config`;
  const running = startProgram('/usr/bin/script', ['-qec', command, '/dev/null'], { cwd: directory, env });
  t.teardown(() => running.child.kill('SIGKILL'));
  await running.printed('Which keyboard? (Tab completes, ? lists) ');
  running.child.stdin.write('?\r');
  await running.printed('splitkb.com Aurora Corne');
  running.child.stdin.write('lilly\r');
  await running.printed("ZMK has no keyboard 'lilly'.");
  running.child.stdin.write('lily58\r');
  await running.printed('Which controller? [nice_nano_v2]');
  running.child.stdin.write('\r');
  const { status, stdout } = await running.ended;
  t.is(status, 0, stdout);
  t.regex(
    await readFile(join(directory, 'config/build.yaml'), 'utf8'),
    /nice_nano_v2\n {4}shield: lily58_left/,
  );
});
