import { readdir, readFile, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { createToolchain } from '../../../src/builder/toolchains/index.ts';
import { createRig, isAlive, type RigRun } from '../rig/rig.ts';
import { compiling, describe, jobIn, projectFor, scripted } from './project.ts';

test('a success has the artifacts under the name of the target, sorted', async t => {
  const project = await projectFor(t);
  const job = jobIn(project);
  const { rig, outcome } = await compiling(t, {
    ...{ project, job },
    toolchain: { artifacts: ['**/*.{uf2,elf}', '.config'] },
  });
  const run = await rig.nextRun();
  for (const file of ['zmk.uf2', 'out/left.elf', '.config', 'notes.txt']) await run.write(file, file);
  await run.exit(0);
  const made = { 'left.config': '.config', 'left.elf': 'out/left.elf', 'left.uf2': 'zmk.uf2' };
  t.deepEqual(await outcome, {
    ok: true,
    artifacts: Object.keys(made).map(name => ({ name, path: path.join(job.artifactDirectory, name) })),
  });
  for (const [name, file] of Object.entries(made)) {
    t.is(await readFile(path.join(job.artifactDirectory, name), 'utf8'), file);
  }
});

test('artifacts that would share a name keep their own name as a suffix', async t => {
  const { rig, outcome } = await compiling(t, { toolchain: { artifacts: ['*'] } });
  const run = await rig.nextRun();
  for (const file of ['app.elf', 'boot.elf', 'left.uf2', 'zmk.uf2', 'README']) await run.write(file, '');
  await run.exit(0);
  const result = await outcome;
  t.deepEqual(result.ok && result.artifacts.map(artifact => artifact.name), [
    'left-README',
    'left-app.elf',
    'left-boot.elf',
    'left-zmk.uf2',
    'left.uf2',
  ]);
});

test('two artifacts with the same name are refused', async t => {
  const { rig, outcome } = await compiling(t, { toolchain: { artifacts: ['**/*.uf2'] } });
  const run = await rig.nextRun();
  for (const file of ['a/left.uf2', 'b/left.uf2']) await run.write(file, '');
  await run.exit(0);
  t.like(await outcome, { ok: false, reason: 'no-artifacts', exitCode: 0 });
});

/** Compiles with a rig that does this and exits with status 0, and must fail; resolves to the message. */
async function refusedArtifacts(
  t: Parameters<typeof compiling>[0],
  options: NonNullable<Parameters<typeof compiling>[1]>,
  act: (run: RigRun) => Promise<void>,
): Promise<string> {
  const { rig, outcome } = await compiling(t, options);
  const run = await rig.nextRun();
  await act(run);
  await run.exit(0);
  const result = await outcome;
  t.like(result, { ok: false, reason: 'no-artifacts', exitCode: 0 });
  return result.ok ? '' : result.message;
}

test('a program that makes nothing that matches has failed', async t => {
  const message = await refusedArtifacts(t, {}, async run => {
    await run.write('firmware.bin', 'x');
    await run.write('below/zmk.uf2', 'x');
  });
  t.regex(
    message,
    /matches \*\.uf2, \*\.elf, \*\.hex\. Name the build.s files in toolchains\.command\.artifacts/,
  );
});

test('a symbolic link is not an artifact, wherever it leads', async t => {
  for (const to of ['/etc/passwd', 'real.bin']) {
    const message = await refusedArtifacts(t, {}, async run => {
      await run.write('real.bin', 'x');
      await run.write('good.uf2', 'x');
      await run.link('zmk.uf2', to);
    });
    t.regex(message, /The artifact zmk\.uf2 is a symbolic link/);
  }
});

test('files behind a link to an outside directory are not artifacts', async t => {
  const elsewhere = await projectFor(t);
  await elsewhere.put('secret.uf2', 'x');
  const outside = await refusedArtifacts(t, { toolchain: { artifacts: ['out/*.uf2'] } }, run =>
    run.link('out', elsewhere.directory),
  );
  t.regex(outside, /out\/secret\.uf2 is outside the build directory/);
  const hidden = await refusedArtifacts(t, { toolchain: { artifacts: ['**/*.uf2'] } }, run =>
    run.link('out', elsewhere.directory),
  );
  t.regex(hidden, /Nothing in the build directory matches/);
});

test('a file from before the run is not an artifact', async t => {
  const project = await projectFor(t);
  await writeFile(path.join(project.build, 'left.uf2'), 'stale');
  const message = await refusedArtifacts(t, { project }, run => run.write('left.elf', 'new'));
  t.regex(message, /left\.uf2 existed before the build/);
});

test('a file from before the run that is written again is an artifact', async t => {
  const project = await projectFor(t);
  await writeFile(path.join(project.build, 'left.uf2'), 'stale');
  const { rig, outcome } = await compiling(t, { project });
  await (await rig.nextRun()).succeed('new');
  t.true((await outcome).ok);
});

test('an artifact with an older timestamp, as from cp -p, is an artifact', async t => {
  const { rig, project, outcome } = await compiling(t);
  const run = await rig.nextRun();
  await run.write('left.uf2', 'x');
  await utimes(path.join(project.build, 'left.uf2'), new Date(0), new Date(0));
  await run.exit(0);
  t.true((await outcome).ok);
});

test('a failing program gives its status, its last lines and the log', async t => {
  const told: string[] = [];
  const { rig, project, outcome } = await compiling(t, { job: { onOutput: line => told.push(line) } });
  const run = await rig.nextRun();
  await run.write('left.uf2', 'half');
  for (let line = 0; line < 30; line++) await run.print(`line ${line}`);
  await run.print('corne.keymap:3: error', 'stderr');
  await run.exit(2);
  const result = await outcome;
  t.like(result, { ok: false, reason: 'exit-status', exitCode: 2 });
  if (result.ok) return;
  const log = path.join(project.directory, '..', 'log');
  const { program } = rig.toolchainOptions;
  t.is(result.message, `'${program}' ended with exit status 2. Its full output is in ${log}.`);
  t.is(result.lastLines.length, 20);
  t.is(result.lastLines.at(-1), 'corne.keymap:3: error');
  t.is(told.length, 31);
  t.deepEqual((await readFile(log, 'utf8')).trimEnd().split('\n'), told);
});

test('a killed program gives the name of the signal', async t => {
  const { rig, outcome } = await compiling(t);
  const run = await rig.nextRun();
  await run.write('left.uf2', 'half');
  await run.crash('SIGKILL');
  const result = await outcome;
  t.like(result, { ok: false, reason: 'killed' });
  t.regex(result.ok ? '' : result.message, /SIGKILL.*memory/);
});

test('cancelling ends the whole process tree, however the program reacts', async t => {
  const controller = new AbortController();
  const groups: [string, number][] = [];
  const { rig, outcome } = await compiling(t, {
    job: { signal: controller.signal, onProcess: (...event) => groups.push(event) },
  });
  const run = await rig.nextRun();
  const child = await run.child();
  await run.print('working');
  controller.abort();
  t.deepEqual(await outcome, {
    ok: false,
    reason: 'cancelled',
    message: 'The build was cancelled.',
    lastLines: ['working'],
  });
  t.false(isAlive(run.pid));
  t.false(isAlive(child));
  t.deepEqual(groups, [
    ['started', run.pid],
    ['ended', run.pid],
  ]);
});

test('a program that exits cleanly on cancel still counts as cancelled', async t => {
  const project = await projectFor(t);
  const controller = new AbortController();
  const script = `process.on('SIGTERM', () => process.exit(0)); setInterval(() => {}, 60_000);
    require('fs').writeFileSync(process.argv[1] + '/x.uf2', ''); console.log('ready')`;
  const outcome = await createToolchain(describe(project, scripted(script))).compile(
    jobIn(project, { signal: controller.signal, onOutput: () => controller.abort() }),
  );
  t.like(outcome, { ok: false, reason: 'cancelled' });
});

test('a job that is cancelled before it begins starts nothing', async t => {
  const rig = await createRig(t);
  const project = await projectFor(t);
  const outcome = await createToolchain(describe(project, rig.toolchainOptions)).compile(
    jobIn(project, { signal: AbortSignal.abort() }),
  );
  t.like(outcome, { ok: false, reason: 'cancelled' });
  t.is(rig.runs, 0);
  t.deepEqual(await readdir(project.build), []);
});
