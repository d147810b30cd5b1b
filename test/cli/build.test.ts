// `glovebox build`. The tests run serially: parallel builds take more CPU time in total, and end no earlier.
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import test from 'ava';
import type { BuildEvent } from '../../src/builder/events.ts';
import { mountFileSystem } from '../builder/file-system.ts';
import { isAlive } from '../builder/rig/rig.ts';
import { inFull } from '../support/extent.ts';
import { MAIN } from '../support/published.ts';
import { config, LEFT, RIGHT, succeeds } from './corne.ts';
import { gloveboxAlone, runProgram, startProgram } from './run.ts';
import { Screen } from './terminal/screen.ts';

function events(stdout: string): BuildEvent[] {
  return stdout
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line));
}

test.serial('both halves are built, and the second time they come from the cache', async t => {
  const { build, firmware, rig, directory, at } = await config(t, succeeds);
  const first = await build();
  t.is(first.status, 0, first.stderr);
  t.is(first.stderr, '');
  t.regex(first.stdout, /^Building 2 targets in corne \(command, \d+ at once\)\n/);
  t.regex(first.stdout, new RegExp(`^${LEFT}: compiled in `, 'm'));
  t.regex(first.stdout, /^✔ 2 targets in .*: 2 compiled\n {2}Firmware: corne\/firmware\n$/m);
  t.deepEqual(await firmware(), [`${LEFT}.uf2`, `${RIGHT}.uf2`]);
  t.is(rig.runs, 2);

  await rm(join(directory, 'firmware'), { recursive: true });
  const second = await gloveboxAlone(['build'], { ...at, cwd: directory });
  t.is(second.status, 0);
  t.regex(second.stdout, /^Building 2 targets in \. /, 'the config directory is the current one by default');
  t.regex(second.stdout, new RegExp(`^${RIGHT}: from the cache in `, 'm'));
  t.regex(second.stdout, /: 2 from the cache/);
  t.is(rig.runs, 2, 'no compiler was started');
  t.is((await firmware()).length, 2);
  t.is(await readFile(join(directory, 'firmware', `${LEFT}.uf2`), 'utf8'), `${LEFT} corne_left`);
});

inFull('another build file can be used, and its ignored fields are reported once', async t => {
  const { buildAlone, directory, rig, firmware } = await config(t, succeeds);
  await mkdir(join(directory, 'ci'));
  const yaml = 'include:\n  - board: nice_nano_v2\n    shield: corne_left\n    format: uf2\n';
  await writeFile(join(directory, 'ci/left.yaml'), yaml);
  const named = await buildAlone('--build-file', 'ci/left.yaml');
  t.is(named.status, 0, named.stderr);
  t.regex(named.stdout, /corne\/ci\/left\.yaml:4: 'format' is ignored: ZMK's workflow reads board, /);
  t.deepEqual(await firmware(), [`${LEFT}.uf2`]);
  // As in the config file.
  const file = join(directory, 'glovebox.config.json');
  const configured = JSON.parse(await readFile(file, 'utf8'));
  await writeFile(file, JSON.stringify({ ...configured, build: { buildFile: 'ci/left.yaml' } }));
  t.regex((await buildAlone()).stdout, /^✔ 1 target in .*: 1 from the cache/m);
  t.is(rig.runs, 1);
  const absent = await buildAlone('--build-file', 'ci/right.yaml');
  t.is(absent.status, 1);
  t.regex(absent.stderr, /ci\/right\.yaml: does not exist/);
});

test.serial('on a terminal the build is redrawn in place, and its summary stays', async t => {
  if (!existsSync('/usr/bin/script') || process.platform !== 'linux') {
    t.log('skipped: nothing here gives a program a terminal');
    t.pass();
    return;
  }
  const { at, rig } = await config(t);
  const command = `stty cols 100 rows 24; '${process.execPath}' '${MAIN}' build corne`;
  const env = { ...at.env, TERM: 'xterm' };
  const running = startProgram('/usr/bin/script', ['-qec', command, '/dev/null'], { ...at, env });
  for (const run of Object.values(await rig.nextRuns(2))) {
    await run.print('[1/2] compiling matrix.c');
    await running.printed('[1/2] compiling matrix.c');
    await run.succeed();
  }
  const { status, stdout } = await running.ended;
  t.is(status, 0);
  const screen = new Screen(100, 24);
  screen.write(stdout);
  const [first, second, ...rest] = screen.text;
  t.regex(first ?? '', new RegExp(`^✔ ${LEFT} +compiled `));
  t.regex(second ?? '', new RegExp(`^✔ ${RIGHT} +compiled `));
  t.is(rest[0], '');
  t.regex(rest[1] ?? '', /^✔ 2 targets in .*: 2 compiled$/);
  t.is(rest[2], '  Firmware: corne/firmware');
  t.is(rest.length, 3);
});

test.serial(
  'one failing half leaves the other running: status 1, its last lines and its log on screen',
  async t => {
    const { buildAlone, firmware, home } = await config(t, {
      onRun: async run => {
        if (run.target.name === LEFT) {
          await run.print('keymap.c:3: error: unknown key');
          await run.exit(3);
        } else {
          await run.succeed();
        }
      },
    });
    const { status, stdout } = await buildAlone();
    t.is(status, 1);
    t.regex(
      stdout,
      new RegExp(`^✖ ${LEFT}: keymap\\.c:3: error: unknown key\\n  '.*' ended with exit status 3`, 'm'),
    );
    t.regex(stdout, /^ {2}│ keymap\.c:3: error: unknown key$/m);
    t.regex(stdout, /1 compiled, 1 failed/);
    t.deepEqual(await firmware(), [`${RIGHT}.uf2`]);
    const log = /^ {2}Full log: (.+)$/m.exec(stdout)?.[1] ?? '';
    t.regex(await readFile(resolve(home, log), 'utf8'), /unknown key/);
  },
);

test.serial('--dry-run compiles nothing and names the input that changed', async t => {
  const { buildAlone, keymap, rig, firmware } = await config(t, {
    onRun: async run => {
      await run.observed(['config/corne.keymap']);
      await run.succeed();
    },
  });
  const never = await buildAlone('--dry-run');
  t.is(never.status, 0, never.stderr);
  t.regex(never.stdout, new RegExp(`^${LEFT}: would be compiled$`, 'm'));
  t.regex(never.stdout, /2 targets would be compiled, 0 would come from the cache/);
  t.is(rig.runs, 0);
  t.deepEqual(await firmware(), []);

  await buildAlone();
  t.regex((await buildAlone('-n')).stdout, new RegExp(`^${RIGHT}: in the cache$`, 'm'));
  await keymap('two');
  t.regex((await buildAlone('-n')).stdout, new RegExp(`^${RIGHT}: {3}.*config/corne\\.keymap`, 'm'));
  t.is(rig.runs, 2);
});

test.serial('--jobs 1 compiles one target after another', async t => {
  const { buildAlone, rig } = await config(t);
  const building = buildAlone('--jobs', '1');
  const first = await rig.nextRun();
  t.is(rig.runs, 1);
  await first.succeed();
  await (await rig.nextRun()).succeed();
  const { status, stdout } = await building;
  t.is(status, 0);
  t.regex(stdout, /\(command, 1 at once\)/);
});

test.serial('--output and --cache-dir set the directories, and --json prints one event per line', async t => {
  const { buildAlone, home, firmware } = await config(t, succeeds);
  const { status, stdout, stderr } = await buildAlone('--json', '--output', 'uf2', '--cache-dir', 'mine');
  t.is(status, 0);
  t.is(stderr, '');
  t.deepEqual((await readdir(join(home, 'uf2'))).sort(), [`${LEFT}.uf2`, `${RIGHT}.uf2`]);
  t.deepEqual(await firmware(), []);
  t.true((await readdir(join(home, 'mine'))).includes('firmware'), 'from the current directory');
  const all = events(stdout);
  t.is(all[0]?.type, 'build-started');
  t.is(all.at(-1)?.type, 'build-finished');
  t.is(all.filter(({ type }) => type === 'target-finished').length, 2);
});

inFull('--no-cache compiles every time, and --verbose prints every line of the compilers', async t => {
  const { buildAlone, rig } = await config(t, {
    onRun: async run => {
      await run.print('[1/2] compiling');
      await run.succeed();
    },
  });
  const first = await buildAlone('--no-cache', '--verbose');
  t.is(first.status, 0);
  t.regex(first.stdout, new RegExp(`^${LEFT} │ \\[1/2\\] compiling$`, 'm'));
  t.is((await buildAlone('--no-cache')).status, 0);
  t.is(rig.runs, 4);
  t.is((await buildAlone()).status, 0);
  t.is(rig.runs, 6, 'and stored nothing');
});

test.serial('an unusable config is one clear message, status 1 and no stack', async t => {
  const { buildAlone, directory, at } = await config(t, succeeds);
  await writeFile(join(directory, 'build.yaml'), 'include:\n  - { bord: nice_nano_v2 }\n');
  const unknown = await buildAlone();
  t.is(unknown.status, 1);
  t.is(unknown.stdout, '');
  t.regex(unknown.stderr, /^error: .*build\.yaml:2.*board/);
  for (const { status, stderr } of [
    unknown,
    await gloveboxAlone(['build', 'nowhere'], at),
    await buildAlone('-t', 'west'),
  ]) {
    t.is(status, 1);
    t.regex(stderr, /^error: /);
    t.notRegex(stderr, /\n\s+at |bug/);
  }
});

test.serial('an unusable cache is one warning, and the build goes on', async t => {
  const { home, at, firmware } = await config(t, succeeds);
  await writeFile(join(home, 'file'), '');
  const env = { ...at.env, GLOVEBOX_CACHE_DIR: join(home, 'file', 'caches') };
  const { status, stdout, stderr } = await gloveboxAlone(['build', 'corne'], { ...at, env });
  t.is(status, 0);
  t.is(stderr, '');
  t.is(stdout.match(/Warning: /g)?.length, 1);
  t.regex(stdout, /^Warning: .*cannot be used/m);
  t.is((await firmware()).length, 2);
});

inFull('a damaged cache is one warning, which JSON has as an event', async t => {
  const { home, buildAlone } = await config(t, succeeds);
  await mkdir(join(home, 'caches', 'firmware'), { recursive: true });
  await writeFile(join(home, 'caches', 'firmware', 'cache.db'), 'this is no database'.repeat(100));
  const { status, stdout, stderr } = await buildAlone('--json');
  t.is(status, 0);
  t.is(stderr, '');
  const warnings = events(stdout).filter(({ type }) => type === 'warning');
  t.is(warnings.length, 1);
  t.regex((warnings[0] as { message: string }).message, /damaged/);
});

for (const { signal, status, again } of [
  { signal: 'SIGINT', status: 130 },
  { signal: 'SIGTERM', status: 143 },
  // The signals of a closed terminal and its shell.
  { signal: 'SIGHUP', status: 129, again: 'SIGHUP' },
] as const) {
  test.serial(
    `${signal}${again ? ', also twice,' : ''} ends the compilers and everything they started, leaves nothing, and status ${status}`,
    async t => {
      const { start, buildAlone, rig, firmware, temporary } = await config(t);
      const running = start();
      const runs = Object.values(await rig.nextRuns(2));
      const stubborn = await runs[0]!.child({ stubborn: true });
      await runs[0]!.ignoreTermination();
      await runs[0]!.write(`${LEFT}.uf2`, 'half a firmw');
      running.child.kill(signal);
      if (again) {
        await running.printed('Stopping the compilers');
        running.child.kill(again);
      }
      const result = await running.ended;
      t.is(result.status, status);
      t.is(result.stderr, '');
      t.regex(result.stdout, /^Stopping the compilers$/m);
      t.regex(result.stdout, /^■ 2 targets in .*: 2 cancelled$/m);
      t.deepEqual([...runs.map(run => run.pid), stubborn].filter(isAlive), []);
      t.deepEqual(await firmware(), []);
      t.deepEqual(await readdir(temporary), [], 'no build directory is left');

      const next = buildAlone();
      for (const run of Object.values(await rig.nextRuns(2))) {
        await run.succeed();
      }
      t.is((await next).status, 0, 'the next run works');
    },
  );
}

inFull('a second Ctrl-C does not wait, and still leaves no compiler', async t => {
  const { start, rig } = await config(t);
  const running = start();
  const runs = Object.values(await rig.nextRuns(2));
  for (const run of runs) {
    await run.ignoreTermination();
  }
  running.child.kill('SIGINT');
  await running.printed('Stopping the compilers');
  running.child.kill('SIGINT');
  t.is((await running.ended).status, 130);
  await Promise.all(runs.map(run => run.ended));
  t.pass();
});

test.serial('a full output device ends the build with the reason, and leaves no compiler', async t => {
  const { home, at, rig, temporary, firmware } = await config(t);
  const disk = mountFileSystem(t, join(home, 'output'));
  if (disk === undefined) return;
  const running = startProgram(
    '/bin/sh',
    ['-c', `exec "${process.execPath}" "${MAIN}" build corne --verbose > output/log`],
    at,
  );
  const runs = Object.values(await rig.nextRuns(2));
  disk.fill();
  // It may be ended before it can report what it printed.
  runs[0]!.print('more than the last page has room for\n'.repeat(1000)).catch(() => undefined);
  const { status, stderr } = await running.ended;
  t.is(status, 1);
  t.regex(stderr, /^error: Cannot write the output: ENOSPC: [^\n]*\n$/);
  t.deepEqual(runs.map(run => run.pid).filter(isAlive), []);
  t.deepEqual(await firmware(), []);
  t.deepEqual(await readdir(temporary), []);
});

test.serial('a closed output pipe ends the build quietly', async t => {
  const { at, temporary } = await config(t);
  // The compilers never end by themselves: the build ends because its output has no reader any more.
  const { stdout, stderr } = await runProgram(
    '/bin/sh',
    ['-c', `"${process.execPath}" "${MAIN}" build corne --verbose | head -n 1`],
    at,
  );
  t.regex(stdout, /^Building 2 targets in corne [^\n]*\n$/);
  t.is(stderr, '');
  t.deepEqual(await readdir(temporary), []);
});
