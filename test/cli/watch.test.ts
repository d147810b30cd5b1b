import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { isAlive } from '../builder/rig/rig.ts';
import { eventually } from '../support/eventually.ts';
import { MAIN } from '../support/published.ts';
import { config, LEFT, RIGHT, succeeds } from './corne.ts';
import { startGlovebox, startProgram } from './run.ts';
import { Screen } from './terminal/screen.ts';

test('--watch builds, waits, builds again after a save, and ends with Ctrl-C', async t => {
  const { start, keymap, rig, directory } = await config(t, {
    onRun: async run => {
      if (String(await run.read('config/corne.keymap')) === 'mistake') {
        await run.print('config/corne.keymap:1:1: error: unknown key code');
        await run.exit(1);
      } else await run.succeed();
    },
  });
  const running = start('--watch');
  await running.printed('✔ 2 of 2 targets ready. Waiting for changes (Ctrl-C ends)\n');
  await keymap('mistake');
  await running.printed(`config/corne.keymap changed: building ${LEFT}, ${RIGHT}\n`);
  await running.printed('0 of 2 targets ready, 2 failed. Waiting for changes (Ctrl-C ends)\n');
  await writeFile(join(directory, 'build.yaml'), 'include: [');
  await running.printed('✖ ');
  await running.printed('build.yaml:1');
  await writeFile(join(directory, 'build.yaml'), 'include: [{ board: nice_nano_v2, shield: corne_left }]');
  await keymap('two');
  await running.printed('✔ 1 of 1 target ready. Waiting for changes');
  running.child.kill('SIGINT');
  const { status, stderr, stdout } = await running.ended;
  t.is(status, 130);
  t.is(stderr, '');
  t.regex(stdout, new RegExp(`^✖ ${LEFT}: corne/config/corne\\.keymap:1:1: error: unknown key code$`, 'm'));
  t.regex(stdout, /^ {2}Full log: /m);
  t.true(rig.runs >= 5);
});

test('--watch stops its compilers on Ctrl-C', async t => {
  const { start, rig } = await config(t);
  const running = start('--watch');
  const runs = Object.values(await rig.nextRuns(2));
  running.child.kill('SIGINT');
  t.is((await running.ended).status, 130);
  t.deepEqual(runs.map(run => run.pid).filter(isAlive), []);
});

test('on a terminal a watched build is one screen that is redrawn', async t => {
  if (!existsSync('/usr/bin/script') || process.platform !== 'linux') {
    t.log('skipped: nothing here gives a program a terminal');
    t.pass();
    return;
  }
  const { at, keymap } = await config(t, succeeds);
  const command = `stty cols 100 rows 24; exec '${process.execPath}' '${MAIN}' build corne --watch`;
  const env = { ...at.env, TERM: 'xterm' };
  const running = startProgram('/usr/bin/script', ['-qec', command, '/dev/null'], { ...at, env });
  await running.printed('2 of 2 targets ready');
  await keymap('two');
  await running.printed('config/corne.keymap changed');
  running.child.stdin.write('\u0003');
  const { stdout } = await running.ended;
  const screen = new Screen(100, 24);
  screen.write(stdout);
  t.is(screen.scrolled, 0);
  const lines = screen.text.filter(line => /^[✔■✖⠋-⠿]/.test(line));
  t.is(lines.length, 2, screen.text.join('\n'));
  t.true(lines[0]?.includes(LEFT));
});

test.serial('--watch and --dry-run exclude each other', async t => {
  const { buildAlone } = await config(t, succeeds);
  const { status, stderr } = await buildAlone('--watch', '--dry-run');
  t.is(status, 2);
  t.regex(stderr, /--dry-run/);
});

test('watch --open prints the address of the page and opens it', async t => {
  const { home, at } = await config(t, succeeds);
  // The system's way to open an address is a program in this variable.
  const opened = join(home, 'opened');
  const browser = join(home, 'browser');
  await writeFile(browser, `#!/bin/sh\nprintf %s "$1" > ${opened}.new && mv ${opened}.new ${opened}\n`, {
    mode: 0o755,
  });
  const running = startGlovebox(['watch', 'corne', '--open', '--json'], {
    ...at,
    env: { ...at.env, BROWSER: browser },
  });
  t.teardown(() => running.child.kill('SIGKILL'));
  await running.printed('"watch-waiting"');
  if (process.platform === 'linux') await eventually(() => existsSync(opened));
  running.child.kill('SIGINT');
  const { status, stdout } = await running.ended;
  t.is(status, 130);
  const { type, url } = JSON.parse(stdout.split('\n')[0]!);
  t.is(type, 'page');
  if (process.platform === 'linux') t.is(await readFile(opened, 'utf8'), url);
  await t.throwsAsync(fetch(url), undefined, 'it ends with the command');
});

test.serial('a page requires a build that watches', async t => {
  const { buildAlone } = await config(t, succeeds);
  const { status, stderr } = await buildAlone('--page');
  t.is(status, 2);
  t.regex(stderr, /--watch/);
});
