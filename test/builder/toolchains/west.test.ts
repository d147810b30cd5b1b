import { chmodSync, existsSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { ToolchainError } from '../../../src/builder/toolchains/index.ts';
import { inFull } from '../../support/extent.ts';
import { writeFiles } from './observed/workspace.ts';
import { benchFor, contents, picture, target, toolchainOf } from './west-project.ts';

test.serial("west gets the arguments of ZMK's workflow, in the workspace", async t => {
  const { machine, toolchain, job } = await benchFor(t);
  const outcome = toolchain.compile(
    job({ target: { ...target, snippet: 'studio-rpc-usb-uart', cmakeArgs: `-DA="b c" -DD='e f'` } }),
  );
  const run = await machine.rig.nextRun();
  const build = run.target.build;
  t.deepEqual(run.argv, [
    ...['build', '-s', 'zmk/app', '-d', build, '-b', 'nice_nano_v2', '-S', 'studio-rpc-usb-uart', '--'],
    ...[`-DZMK_CONFIG=${machine.config}/config`, '-DSHIELD=corne_left'],
    ...[`-DUSER_CACHE_DIR=${run.target.userCache}`, '-DA=b c', '-DD=e f'],
  ]);
  t.is(run.cwd, machine.workspace);
  t.is(run.environment.CMAKE_BUILD_PARALLEL_LEVEL, '3');
  await run.exit(await run.build());
  t.true((await outcome).ok);
});

test.serial('a target without shield and snippet passes no argument for them', async t => {
  const { machine, toolchain, job } = await benchFor(t);
  const outcome = toolchain.compile(job({ target: { board: 'planck//zmk', artifactName: 'planck' } }));
  const run = await machine.rig.nextRun();
  t.deepEqual(run.argv.slice(5), [
    ...['-b', 'planck//zmk', '--', `-DZMK_CONFIG=${machine.config}/config`],
    `-DUSER_CACHE_DIR=${run.target.userCache}`,
  ]);
  await run.exit(1);
  await outcome;
});

test.serial(
  'a repository that is a module is passed to the build, with an isolated copy of its keymaps',
  async t => {
    const { machine, toolchain, job } = await benchFor(t);
    machine.write('zephyr/module.yml', 'build:\n  settings:\n    board_root: .\n');
    machine.write('config/.hidden', 'not copied, as the workflow does not');
    machine.write('config/includes/keys.dtsi', '#define KEYS 1\n');
    machine.write('config/corne.keymap', '#include "includes/keys.dtsi"\n/ { keymap { a; }; };\n');
    symlinkSync('corne.conf', path.join(machine.config, 'config/corne_left.conf'));
    const outcome = toolchain.compile(job());
    const run = await machine.rig.nextRun();
    const config = run.target.config!;
    t.true(run.argv.includes(`-DZMK_EXTRA_MODULES=${machine.config}`));
    t.not(config, `${machine.config}/config`);
    t.deepEqual(readdirSync(config).sort(), [
      'corne.conf',
      'corne.keymap',
      'corne_left.conf',
      'includes',
      'west.yml',
    ]);
    await run.exit(await run.build());
    const compiled = await outcome;
    contents(t, compiled);
    // Files read in the copy count as files of the repository.
    const files = compiled.ok ? (compiled.observed?.files ?? []) : [];
    t.true(files.includes(`${machine.config}/config/includes/keys.dtsi`));
    t.false(files.some(file => file.startsWith(config)));
    t.false(existsSync(config) && run.target.build!.startsWith(machine.config));
  },
);

inFull(
  'links in the config are followed as in the command toolchain, and refused by name as there',
  async t => {
    const { machine, toolchain } = await benchFor(t);
    writeFiles(path.join(machine.root, 'dots'), { 'shared/keys.dtsi': '' });
    symlinkSync('../../dots/shared', path.join(machine.config, 'config/shared'));
    // Files of a workspace project are identified by its revision, whatever leads there.
    symlinkSync(machine.workspace, path.join(machine.config, 'workspace'));
    const declared = await toolchain.declaredInputs();
    const files = declared.map(file => path.relative(machine.config, file));
    t.true(files.includes('config/shared/keys.dtsi'));
    t.deepEqual(
      files.filter(file => /^workspace\/(?:zmk|zephyr)\//.test(file)),
      [],
    );
    symlinkSync('/', path.join(machine.config, 'config/root'));
    const error = await t.throwsAsync(toolchain.declaredInputs(), { instanceOf: ToolchainError });
    t.regex(error?.message ?? '', /^The link .*config\/root leads to \/, with more than/);
  },
);

test.serial('all outputs of ZMK are artifacts, under the names that the workflow gives them', async t => {
  const { toolchain, job } = await benchFor(t, { onRun: 'build' });
  const files = contents(t, await toolchain.compile(job()));
  t.deepEqual(Object.keys(files), [
    'left.bin',
    'left.config',
    'left.dts',
    'left.elf',
    'left.hex',
    'left.uf2',
  ]);
  t.regex(files['left.uf2']!, /^UF2 /);
  t.regex(files['left.config']!, /CONFIG_BOARD="nice_nano_v2"/);
  t.regex(files['left.dts']!, /dts-v1/);
});

inFull('binaries may have Zephyr’s own name', async t => {
  const { machine, toolchain, job } = await benchFor(t, { onRun: 'build' });
  machine.write('config/corne.conf', 'CONFIG_KERNEL_BIN_NAME="zephyr"\n');
  t.regex(contents(t, await toolchain.compile(job()))['left.uf2']!, /^UF2 /);
});

test.serial('without a UF2 the fallback binary must exist', async t => {
  const { machine, toolchain, job } = await benchFor(t, { onRun: 'build' });
  machine.write('config/corne.conf', 'CONFIG_BUILD_OUTPUT_UF2=n\n');
  t.true('left.bin' in contents(t, await toolchain.compile(job())));
  const outcome = await toolchainOf(machine, { fallbackBinary: 's19' }).compile(job());
  t.like(outcome, { ok: false, reason: 'no-artifacts' });
  t.regex(
    outcome.ok ? '' : outcome.message,
    /neither zephyr\/zmk\.uf2 nor zephyr\/zmk\.s19.*build\.fallbackBinary/,
  );
});

test.serial('a build that exits with status 0 and makes nothing has failed', async t => {
  const { machine, toolchain, job } = await benchFor(t);
  const outcome = toolchain.compile(job());
  await (await machine.rig.nextRun()).exit(0);
  t.like(await outcome, { ok: false, reason: 'no-artifacts' });
});

test.serial('a link in place of an artifact is refused', async t => {
  const { machine, toolchain, job } = await benchFor(t);
  const outcome = toolchain.compile(job());
  const run = await machine.rig.nextRun();
  await run.write('zephyr/other', 'x');
  await run.link('zephyr/zmk.uf2', 'other');
  await run.exit(0);
  const { ok, message } = (await outcome) as { ok: boolean; message: string };
  t.false(ok);
  t.regex(message, /zephyr\/zmk\.uf2 is a symbolic link/);
});

test.serial(
  'the build directory is pristine every time, because a build system finds nothing to do in a used one',
  async t => {
    const { machine, toolchain, job } = await benchFor(t, {
      onRun: 'build',
    });
    const toolchains = [toolchain, toolchainOf(machine, { cacheRoot: machine.cacheRoot })];
    for (const one of toolchains) {
      const first = contents(t, await one.compile(job()));
      const again = contents(t, await one.compile(job()));
      t.is(again['left.uf2'], first['left.uf2']);
      machine.write('config/corne.keymap', `#include <behaviors.dtsi>\n/ { ${first['left.uf2']}; };\n`);
      t.not(contents(t, await one.compile(job()))['left.uf2'], first['left.uf2']);
    }
  },
);

test.serial('a failing build gives its status and its last lines', async t => {
  const { machine, toolchain, job } = await benchFor(t, { onRun: 'build' });
  machine.write('config/corne.keymap', '#include "missing.dtsi"\n');
  const lines: string[] = [];
  const outcome = await toolchain.compile(job({ onOutput: line => lines.push(line) }));
  t.like(outcome, { ok: false, reason: 'exit-status', exitCode: 1 });
  t.regex(lines.join('\n'), /corne\.keymap: fatal error: missing\.dtsi: No such file/);
});

inFull('cancelling ends the build and leaves nothing behind', async t => {
  const { machine, job } = await benchFor(t);
  const toolchain = toolchainOf(machine, { cacheRoot: machine.cacheRoot });
  const stop = new AbortController();
  const groups: string[] = [];
  const outcome = toolchain.compile(job({ signal: stop.signal, onProcess: event => groups.push(event) }));
  const run = await machine.rig.nextRun();
  stop.abort();
  t.like(await outcome, { ok: false, reason: 'cancelled' });
  await run.ended;
  t.deepEqual(groups, ['started', 'ended']);
  t.false(existsSync(run.target.build!));
});

inFull('nothing is written to the workspace or the config, and links in the build do no harm', async t => {
  const { machine, toolchain, job } = await benchFor(t, { onRun: 'build' });
  chmodSync(machine.home, 0o500);
  await toolchain.identity(target);
  const before = [picture(machine.workspace), picture(machine.config), picture(machine.home)];
  for (const one of [toolchain, toolchainOf(machine, { cacheRoot: machine.cacheRoot })]) {
    contents(t, await one.compile(job()));
  }
  t.deepEqual([picture(machine.workspace), picture(machine.config), picture(machine.home)], before);
});

test.serial('read files are observed, except those that the build made itself', async t => {
  const { machine, toolchain, job } = await benchFor(t, { onRun: 'build' });
  const outcome = await toolchain.compile(job());
  const observed = outcome.ok ? outcome.observed : undefined;
  t.truthy(observed);
  const { files, directories, absent } = observed!;
  t.true(files.includes(`${machine.config}/config/corne.keymap`));
  t.true(absent.includes(`${machine.config}/config/corne_left.conf`));
  for (const file of [...files, ...directories, ...absent]) {
    t.false(file.startsWith(machine.workspace), file);
    t.false(file.includes('/job '), file);
    t.false(file.startsWith(machine.cacheRoot), file);
  }
});

test.serial('declared inputs are the whole repository, except what no build reads', async t => {
  const { machine, toolchain } = await benchFor(t);
  const inside = [
    ...[
      'boards/shields/mine/mine.overlay',
      'config/deep/keys.dtsi',
      'dts/bindings/x.yaml',
      'zephyr/module.yml',
    ],
    ...['shared/combos.dtsi', 'config/.hidden.dtsi', 'build-helpers/x.h'],
  ];
  const outside = [
    ...['firmware/left.uf2', '.git/HEAD', '.github/workflows/build.yml', 'build.yml', 'glovebox.config.yaml'],
    ...['build/left/CMakeCache.txt', 'build/left/zephyr/x.dts', '.venv/pyvenv.cfg', '.venv/lib/x.py'],
    ...['scripts/__pycache__/x.pyc', 'node_modules/x/index.js'],
  ];
  for (const file of [...inside, ...outside]) machine.write(file, 'x');
  const declared = await toolchain.declaredInputs();
  const known = ['config/west.yml', 'config/corne.keymap', 'config/corne.conf'];
  t.deepEqual(declared, [...inside, ...known].map(file => `${machine.config}/${file}`).sort());
});

test.serial("of a workspace inside the repository only the repository's own files are inputs", async t => {
  const { machine } = await benchFor(t);
  const { workspace } = machine;
  writeFileSync(path.join(workspace, 'build.yaml'), '');
  writeFileSync(path.join(workspace, 'config/corne.keymap'), '');
  const declared = await toolchainOf(machine, { configDirectory: workspace }).declaredInputs();
  t.deepEqual(
    declared,
    ['corne.keymap', 'west.yml'].map(name => `${workspace}/config/${name}`),
  );
});

test.serial('a workspace that changes during the compile makes the result uncacheable', async t => {
  const { machine, toolchain, job } = await benchFor(t);
  const steady = toolchain.compile(job());
  let run = await machine.rig.nextRun();
  await run.exit(await run.build());
  t.is(((await steady) as { changedDuringBuild?: string[] }).changedDuringBuild, undefined);
  const outcome = toolchain.compile(job());
  run = await machine.rig.nextRun();
  machine.change('zmk/app/src/main.c', 'int main(void) { return 1; }');
  await run.exit(await run.build());
  t.like(await outcome, { ok: true, changedDuringBuild: ['the workspace'] });
});

test.serial('a workspace that changed since it was fingerprinted makes the result uncacheable', async t => {
  const { machine, toolchain, job } = await benchFor(t, { onRun: 'build' });
  await toolchain.identity(target);
  machine.change('zephyr/include/kernel.h', '// other', true);
  t.like(await toolchain.compile(job()), { ok: true, changedDuringBuild: ['the workspace'] });
});

test.serial(
  'a workspace that changed since another thread fingerprinted it makes the result uncacheable',
  async t => {
    const { machine, toolchain, job } = await benchFor(t, { onRun: 'build' });
    const described = {
      identity: JSON.parse(JSON.stringify(await toolchain.identity(target))),
      surroundings: await toolchain.surroundings!(),
    };
    t.deepEqual(
      ((await toolchainOf(machine).compile(job({ described }))) as { changedDuringBuild?: string[] })
        .changedDuringBuild,
      undefined,
    );
    machine.change('zephyr/include/kernel.h', '// other', true);
    t.like(await toolchainOf(machine).compile(job({ described })), {
      ok: true,
      changedDuringBuild: ['the workspace'],
    });
  },
);
