// Full disks, and directories that disappear or cannot be written: a build warns once, delivers what it can, and works
// again afterwards.

import { existsSync } from 'node:fs';
import { chmod, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { mountFileSystem } from '../builder/file-system.ts';
import type { RigRun } from '../builder/rig/rig.ts';
import { inFull } from '../support/extent.ts';
import { MAIN } from '../support/published.ts';
import { removeInUse } from '../support/temporary.ts';
import { AS_NOBODY, copyingProject } from './copying-project.ts';
import { config, LEFT, RIGHT, succeeds } from './corne.ts';
import { type RunResult, runProgram } from './run.ts';

const BOTH = [`${LEFT}.uf2`, `${RIGHT}.uf2`];

function warnings({ stdout, stderr }: RunResult): string[] {
  return `${stdout}${stderr}`.match(/^Warning: .*/gm) ?? [];
}

test.serial('a cache on a full disk costs one warning, and works again when there is space', async t => {
  const { home, buildAlone, firmware, rig } = await config(t, succeeds);
  const disk = mountFileSystem(t, join(home, 'caches'));
  if (disk === undefined) return;
  disk.fill();
  const full = await buildAlone();
  t.is(full.status, 0, full.stdout + full.stderr);
  t.is(warnings(full).length, 1, full.stdout + full.stderr);
  t.deepEqual(await firmware(), BOTH);

  disk.empty();
  const again = await buildAlone();
  t.is(again.status, 0);
  t.deepEqual(warnings(again), []);
  t.is(rig.runs, 4, 'nothing was kept, and nothing half-kept was used');
  t.regex((await buildAlone()).stdout, /: 2 from the cache/);
});

inFull('a disk that fills up while the compilers run costs one warning', async t => {
  const { home, start, buildAlone, firmware, rig } = await config(t);
  const disk = mountFileSystem(t, join(home, 'caches'));
  if (disk === undefined) return;
  const running = start();
  const runs = Object.values(await rig.nextRuns(2));
  disk.fill();
  for (const run of runs) await run.succeed();
  const result = await running.ended;
  t.is(result.status, 0, result.stdout + result.stderr);
  t.is(warnings(result).length, 1, result.stdout + result.stderr);
  t.deepEqual(await firmware(), BOTH);

  disk.empty();
  const next = buildAlone();
  for (const run of Object.values(await rig.nextRuns(2))) await run.succeed();
  const { status, stdout, stderr } = await next;
  t.is(status, 0);
  t.deepEqual(warnings({ status, stdout, stderr }), []);
});

inFull(
  'firmware that does not fit into the output directory fails with the reason, and leaves no partial file',
  async t => {
    const { directory, buildAlone, firmware } = await config(t, {
      onRun: run => run.succeed(Buffer.alloc(200_000, run.target.name)),
    });
    const disk = mountFileSystem(t, join(directory, 'firmware'), { kibibytes: 300 });
    if (disk === undefined) return;
    const compiled = await buildAlone();
    t.is(compiled.status, 1);
    t.regex(compiled.stdout, /✖ .*: No space is left for .*\. Free some and build again\./);
    t.is((await firmware()).length, 1, 'the one that fits');
    await rm(join(directory, 'firmware', (await firmware())[0]!));

    disk.fill();
    const cached = await buildAlone();
    t.is(cached.status, 1);
    t.regex(cached.stdout, /No space is left for/);
    t.deepEqual(await firmware(), ['ballast']);

    disk.empty();
    await rename(join(directory, 'build.yaml'), join(directory, 'both.yaml'));
    await writeFile(join(directory, 'build.yaml'), 'include: [{ board: nice_nano_v2, shield: corne_left }]');
    t.is((await buildAlone()).status, 0);
    t.deepEqual(await firmware(), [`${LEFT}.uf2`]);
    t.is((await readFile(join(directory, 'firmware', `${LEFT}.uf2`))).length, 200_000);
  },
);

inFull('a compiler without disk space fails with that as the reason', async t => {
  const { temporary, buildAlone, rig, firmware } = await config(t);
  const disk = mountFileSystem(t, temporary);
  if (disk === undefined) return;
  const building = buildAlone();
  const runs = Object.values(await rig.nextRuns(2));
  // Until the build has ended: it checks the disk itself, some time after its compiler has exited.
  disk.fill();
  for (const run of runs) {
    await t.throwsAsync(run.write('half.uf2', 'x'.repeat(10_000)), { message: /No space left/ });
    await run.exit(1);
  }
  const { status, stdout } = await building;
  t.is(status, 1);
  const reasons = stdout.match(new RegExp(`✖ .*There is no space left in ${temporary}.*TMPDIR`, 'g'));
  t.is(reasons?.length, 2, stdout);
  t.deepEqual(await firmware(), []);
  t.deepEqual(await readdir(temporary), ['ballast']);

  disk.empty();
  const next = buildAlone();
  for (const run of Object.values(await rig.nextRuns(2))) await run.succeed();
  t.is((await next).status, 0);
});

test.serial('without room for a build directory there is one message', async t => {
  const { home, buildAlone, firmware } = await config(t, succeeds);
  const disk = mountFileSystem(t, join(home, 'tmp'), { isReadOnly: true });
  if (disk === undefined) return;
  const { status, stderr } = await buildAlone();
  t.is(status, 1);
  t.regex(
    stderr,
    /^error: Cannot make a directory to compile in: .*Mount the file system of .* writable, or set TMPDIR\.\n$/,
  );
  t.deepEqual(await firmware(), []);
});

inFull('a cache directory that is removed while the compilers run costs at most one warning', async t => {
  const held: RigRun[] = [];
  const both = Promise.withResolvers<void>();
  let isHolding = true;
  const { home, start, buildAlone, firmware } = await config(t, {
    onRun: run => {
      if (!isHolding) return run.succeed();
      if (held.push(run) === 2) both.resolve();
    },
  });
  const running = start();
  await both.promise;
  isHolding = false;
  removeInUse(join(home, 'caches'));
  for (const run of held) await run.succeed();
  const result = await running.ended;
  t.is(result.status, 0, result.stdout + result.stderr);
  t.true(warnings(result).length <= 1, result.stdout + result.stderr);
  t.deepEqual(await firmware(), BOTH);

  // The last result may have been cached in the new directory, or not.
  const next = await buildAlone();
  t.is(next.status, 0);
  t.deepEqual(warnings(next), []);
  t.regex((await buildAlone()).stdout, /: 2 from the cache/);
});

inFull('a cache directory that suddenly becomes read-only costs one warning', async t => {
  const { home, start, buildAlone, firmware, rig } = await config(t);
  const running = start();
  const runs = Object.values(await rig.nextRuns(2));
  // Mounted over the old one, because a mount cannot become read-only while a file is open for writing.
  const disk = mountFileSystem(t, join(home, 'caches'), { isReadOnly: true });
  if (disk === undefined) return;
  for (const run of runs) await run.succeed();
  const result = await running.ended;
  t.is(result.status, 0, result.stdout + result.stderr);
  t.true(warnings(result).length <= 2, result.stdout + result.stderr);
  t.deepEqual(await firmware(), BOTH);

  const readOnly = buildAlone();
  for (const run of Object.values(await rig.nextRuns(2))) await run.succeed();
  const ended = await readOnly;
  t.is(ended.status, 0, 'and so does one that is read-only from the start');
  t.is(warnings(ended).length, 1, ended.stdout + ended.stderr);

  disk.writable();
  const next = buildAlone();
  for (const run of Object.values(await rig.nextRuns(2))) await run.succeed();
  t.deepEqual(warnings(await next), []);
});

test.serial('a cache directory without read or write permission costs one warning', async t => {
  if (process.getuid?.() !== 0 || !existsSync('/usr/bin/setpriv')) {
    t.log('skipped: only root can become an unprivileged user');
    t.pass();
    return;
  }
  const { home, directory, caches, env } = await copyingProject(
    t,
    'include: [{ board: nice_nano_v2, shield: corne_left }]',
  );
  for (const mode of [0o000, 0o500]) {
    await chmod(caches, mode);
    const result = await runProgram('setpriv', [...AS_NOBODY, process.execPath, MAIN, 'build', 'corne'], {
      cwd: home,
      env,
    });
    t.is(result.status, 0, result.stdout + result.stderr);
    t.is(warnings(result).length, 1, `mode ${mode.toString(8)}: ${result.stdout}${result.stderr}`);
    t.deepEqual(await readdir(join(directory, 'firmware')), [`${LEFT}.uf2`]);
  }
});
