// biome-ignore-all lint/suspicious/noTemplateCurlyInString: what a shell replaces.
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import test from 'ava';
import type { Target } from '../../../src/builder/matrix/target.ts';
import { ToolchainError, type WestToolchainDescription } from '../../../src/builder/toolchains/index.ts';
import { digestScript, identifyProgram } from '../../../src/builder/toolchains/program-identity.ts';
import { PASSED_VARIABLES, passedEnvironment } from '../../../src/builder/toolchains/zephyr/environment.ts';
import { createDefaultCache } from '../../../src/index.ts';
import { inFull } from '../../support/extent.ts';
import { programFile } from '../../support/program-file.ts';
import { WEST_VERSIONS } from '../west-rig/west-rig.ts';
import { benchFor, contents, target, toolchainOf } from './west-project.ts';

/** A program that is not a script. By its absolute path, because tests have their own `PATH`. */
const BINARY = programFile('true');

/** Variables that are known to change a build, and must not reach it. */
const HARMFUL = {
  ...{
    CFLAGS: '-O0',
    CXXFLAGS: '-O0',
    LDFLAGS: '-s',
    ASFLAGS: '-x',
    CPPFLAGS: '-DX',
    BOARD: 'other',
    SHIELD: 'other',
  },
  ...{
    ZMK_CONFIG: '/elsewhere',
    ZEPHYR_BASE: '/elsewhere',
    Zephyr_DIR: '/elsewhere',
    ZEPHYR_MODULES: '/elsewhere',
  },
  ...{
    KCONFIG_CONFIG: 'x',
    KCONFIG_ALLCONFIG: 'x',
    CMAKE_GENERATOR: 'Unix Makefiles',
    CMAKE_PREFIX_PATH: '/x',
  },
  ...{
    CCACHE_BASEDIR: '/',
    CCACHE_DIR: '/elsewhere',
    USER_CACHE_DIR: '/elsewhere',
    XDG_CACHE_HOME: '/elsewhere',
    EXTRA_CONF_FILE: '/x.conf',
  },
  ...{ WEST_CONFIG_GLOBAL: '/elsewhere', LC_ALL: 'tr_TR.UTF-8', PYTHONDONTWRITEBYTECODE: '' },
  PYTHONHASHSEED: 'random',
};

test.serial('only listed environment variables reach the build', async t => {
  const { machine, job } = await benchFor(t, { environment: { ...HARMFUL, LISTED: 'yes' } });
  for (const listed of [undefined, 'yes']) {
    const options = { environment: listed === undefined ? [] : ['LISTED'] };
    const outcome = toolchainOf(machine, { options }).compile(job());
    const run = await machine.rig.nextRun();
    const { environment } = run;
    t.is(environment.LISTED, listed);
    // Set by the shell that starts the program.
    const names = Object.keys(environment).filter(
      name => !['PWD', 'OLDPWD', 'SHLVL', '_', 'LISTED'].includes(name),
    );
    const set = [
      ...[
        'ZEPHYR_BASE',
        'Zephyr_DIR',
        'TMPDIR',
        'WEST_CONFIG_GLOBAL',
        'WEST_CONFIG_LOCAL',
        'WEST_CONFIG_SYSTEM',
      ],
      ...[
        'CMAKE_BUILD_PARALLEL_LEVEL',
        'LC_ALL',
        'PYTHONDONTWRITEBYTECODE',
        'PYTHONHASHSEED',
        'GIT_OPTIONAL_LOCKS',
        'CCACHE_DISABLE',
      ],
    ];
    t.deepEqual(names.filter(name => !PASSED_VARIABLES.includes(name)).sort(), set.sort());
    for (const [name, value] of Object.entries(environment)) t.not(value, '/elsewhere', name);
    t.is(environment.ZEPHYR_BASE, `${machine.workspace}/zephyr`);
    t.is(environment.PYTHONDONTWRITEBYTECODE, '1');
    t.is(environment.PYTHONHASHSEED, '0');
    await run.exit(await run.build());
    t.true((await outcome).ok);
  }
});

test.serial("Python's hash seed is fixed and not part of the identity, unless it is listed", async t => {
  const { machine, job } = await benchFor(t, { environment: { PYTHONHASHSEED: '7' } });
  const listed = toolchainOf(machine, { options: { environment: ['PYTHONHASHSEED'] } });
  const outcome = listed.compile(job());
  const run = await machine.rig.nextRun();
  t.is(run.environment.PYTHONHASHSEED, '7');
  await run.exit(await run.build());
  t.true((await outcome).ok);
  t.like(await listed.identity(target), { environment: { PYTHONHASHSEED: '7' } });
  t.false(JSON.stringify(await toolchainOf(machine).identity(target)).includes('HASHSEED'));
});

inFull('a hostile environment and home directory make the same firmware', async t => {
  const { machine, toolchain, job } = await benchFor(t, { onRun: 'build' });
  const clean = contents(t, await toolchain.compile(job()));
  Object.assign(process.env, HARMFUL);
  writeFileSync(path.join(machine.home, '.westconfig'), '[build]\ncmake-args = -DX=1\n');
  mkdirSync(path.join(machine.home, '.cache/zephyr/ToolchainCapabilityDatabase'), { recursive: true });
  writeFileSync(
    path.join(machine.home, '.cache/zephyr/ToolchainCapabilityDatabase/a1b2c3'),
    'another compiler',
  );
  const dirty = contents(t, await toolchainOf(machine).compile(job()));
  t.is(dirty['left.uf2'], clean['left.uf2']);
});

test.serial('everything that can change the firmware changes the identity', async t => {
  const { machine } = await benchFor(t);
  machine.installPrograms();
  const options = { environment: ['MORE'] };
  const identity = async (more: Partial<WestToolchainDescription> = {}, of: Target = target) =>
    JSON.stringify(await toolchainOf(machine, { options, ...more }).identity(of));
  const first = await identity();
  t.is(await identity(), first);
  const seen = new Set([first]);
  const changes: Record<string, () => unknown> = {
    'a listed variable': () => {
      process.env.MORE = '1';
    },
    'a passed variable': () => {
      process.env.CROSS_COMPILE = '/opt/arm-';
    },
    'the version of west': () => machine.setVersion('west', 'West version: v1.3.0'),
    'the version of cmake': () => machine.setVersion('cmake', 'cmake version 4.0'),
    'the version of the compiler': () => machine.setVersion('arm-none-eabi-gcc', '13.2'),
    'another SDK': () => {
      mkdirSync(path.join(machine.home, 'zephyr-sdk-0.17.0'));
      writeFileSync(path.join(machine.home, 'zephyr-sdk-0.17.0/sdk_version'), '0.17.0\n');
    },
    'a commit of Zephyr': () => machine.change('zephyr/include/kernel.h', '// new', true),
    'an edit of ZMK': () => machine.change('zmk/app/src/main.c', '// edited'),
    "west's own settings of the workspace": () =>
      machine.change('.west/config', '[manifest]\npath = config\n[build]\ncmake-args = -DX=1\n'),
    'that the repository is a module': () => machine.write('zephyr/module.yml', 'build: {}\n'),
  };
  for (const [what, change] of Object.entries(changes)) {
    change();
    const now = await identity();
    t.false(seen.has(now), what);
    seen.add(now);
  }
  mkdirSync(path.join(machine.config, 'other'));
  const others: [Partial<WestToolchainDescription>, Target][] = [
    [{ configPath: 'other' }, target],
    [{ fallbackBinary: 'hex' }, target],
    [{}, { ...target, snippet: 'x' }],
    [{}, { ...target, cmakeArgs: '-DX=1' }],
  ];
  for (const [more, of] of others) {
    const now = await identity(more, of);
    t.false(seen.has(now), JSON.stringify([more, of]));
    seen.add(now);
  }
});

test.serial("paths, edits of the config and npm's additions to PATH do not change the identity", async t => {
  const { machine, toolchain } = await benchFor(t);
  const before = await toolchain.identity(target);
  machine.write('config/corne.keymap', 'edited');
  process.env.PATH = `${machine.root}/node_modules/.bin:${process.env.PATH}:${process.env.PATH}:relative`;
  process.env.UNLISTED = '1';
  renameSync(machine.config, `${machine.root}/elsewhere`);
  renameSync(machine.workspace, `${machine.root}/moved`);
  const after = await toolchainOf(machine, {
    configDirectory: `${machine.root}/elsewhere`,
    workspace: `${machine.root}/moved`,
    cacheRoot: machine.cacheRoot,
  }).identity(target);
  t.deepEqual(after, before);
});

test.serial(
  "the config's repository is symbolic in the identity, and its own path for the build",
  async t => {
    const { machine, toolchain, job } = await benchFor(t);
    const cmakeArgs =
      '-DEXTRA_CONF_FILE="${GITHUB_WORKSPACE}/config/more.conf" -DX=/__w/corne/corne/x -DY=../../config/y';
    const named = { ...target, cmakeArgs };
    const before = await toolchain.identity(named);
    const compiling = toolchain.compile(job({ target: named }));
    const run = await machine.rig.nextRun();
    t.deepEqual(run.argv.slice(-3), [
      `-DEXTRA_CONF_FILE=${machine.config}/config/more.conf`,
      `-DX=${machine.config}/x`,
      `-DY=${machine.config}/config/y`,
    ]);
    await run.exit(1);
    await compiling;
    renameSync(machine.config, `${machine.root}/elsewhere`);
    const moved = toolchainOf(machine, { configDirectory: `${machine.root}/elsewhere` });
    t.deepEqual(await moved.identity(named), before);
    t.false(JSON.stringify(before.command).includes(machine.root));
  },
);

test.serial("in the layout of ZMK's own clone, the application is found there", async t => {
  const { machine, toolchain, job } = await benchFor(t);
  // The usual place is empty.
  renameSync(path.join(machine.workspace, 'zmk/app'), path.join(machine.workspace, 'app'));
  writeFileSync(path.join(machine.workspace, 'app/west.yml'), 'manifest: { projects: [{ name: zephyr }] }\n');
  writeFileSync(path.join(machine.workspace, '.west/config'), '[manifest]\npath = app\nfile = west.yml\n');
  t.deepEqual((await toolchain.identity(target)).command, [
    ...['build', '-s', 'app', '-d', '{build}', '-b', 'nice_nano_v2', '--'],
    ...['-DZMK_CONFIG={config}', '-DSHIELD=corne_left', '-DUSER_CACHE_DIR={user-cache}'],
  ]);
  const compiling = toolchain.compile(job());
  const run = await machine.rig.nextRun();
  t.deepEqual(run.argv.slice(0, 3), ['build', '-s', 'app']);
  t.is(run.environment.ZEPHYR_BASE, `${machine.workspace}/zephyr`);
  await run.exit(1);
  await compiling;
});

test.serial('another terminal, home, venv or an empty directory in PATH changes nothing', async t => {
  const { machine, toolchain } = await benchFor(t);
  machine.installPrograms();
  const before = await toolchain.identity(target);
  const root = machine.root;
  mkdirSync(`${root}/empty`);
  mkdirSync(`${root}/other home`);
  Object.assign(process.env, {
    PATH: `${root}/empty:${process.env.PATH}:/nowhere`,
    HOME: `${root}/other home`,
    VIRTUAL_ENV: `${root}/empty`,
    PYENV_ROOT: `${root}/empty`,
    PYENV_VERSION: '3.12',
    USER: 'somebody',
  });
  t.deepEqual(await toolchainOf(machine).identity(target), before);
  // All programs but the compiler move, and become another name of the same file.
  renameSync(`${root}/bin`, `${root}/moved`);
  symlinkSync(`${root}/moved`, `${root}/link`);
  mkdirSync(`${root}/bin`);
  renameSync(`${root}/moved/arm-none-eabi-gcc`, `${root}/bin/arm-none-eabi-gcc`);
  process.env.PATH = `${root}/link:${root}/bin`;
  t.deepEqual(await toolchainOf(machine).identity(target), before);
});

inFull('another way of choosing a compiler changes the identity, and moving it does not', async t => {
  const { machine, toolchain } = await benchFor(t);
  machine.installPrograms();
  const before = await toolchain.identity(target);
  const { root } = machine;
  mkdirSync(`${root}/toolchain/bin`, { recursive: true });
  copyFileSync(`${root}/bin/arm-none-eabi-gcc`, `${root}/toolchain/bin/arm-none-eabi-gcc`);
  process.env.GNUARMEMB_TOOLCHAIN_PATH = `${root}/toolchain`;
  const chosen = await toolchainOf(machine).identity(target);
  t.notDeepEqual(chosen, before);
  // Another name of the same directory, and another directory.
  symlinkSync(`${root}/toolchain`, `${root}/current`);
  process.env.GNUARMEMB_TOOLCHAIN_PATH = `${root}/current`;
  t.deepEqual(await toolchainOf(machine).identity(target), chosen);
  renameSync(`${root}/toolchain`, `${root}/other`);
  process.env.GNUARMEMB_TOOLCHAIN_PATH = `${root}/other`;
  t.deepEqual(await toolchainOf(machine).identity(target), chosen);
});

inFull('two Python environments with the same west are the same', async t => {
  const { machine } = await benchFor(t, { programs: false });
  machine.installPrograms(['cmake', 'ninja', 'arm-none-eabi-gcc']);
  const identity = async (venv: string, script: string) => {
    const bin = path.join(machine.root, venv, 'bin');
    mkdirSync(bin, { recursive: true });
    // The interpreter does not matter here.
    symlinkSync('/bin/sh', path.join(bin, 'python'));
    machine.installAt(bin, { west: script.replace('PYTHON', path.join(bin, 'python')) });
    process.env.PATH = `${bin}:${machine.environment.PATH}`;
    return JSON.stringify(await toolchainOf(machine).identity(target));
  };
  const plain = `#!PYTHON\n\necho 'West version: v1.2.0'\n`;
  const one = await identity('one', plain);
  t.is(await identity('two', plain), one);
  t.not(await identity('three', plain.replace('v1.2.0', 'v1.3.0')), one);
});

test('a script is identified by its content, however it names its interpreter', t => {
  const body = '# -*- coding: utf-8 -*-\nfrom west.app.main import main\n';
  const one = digestScript(`#!/home/me/.venv/bin/python\n${body}`);
  t.is(digestScript(`#!/usr/bin/env python3\n${body}`), one);
  t.not(digestScript(`#!/home/me/.venv/bin/python\n${body}#`), one);
  // The first lines that pip writes for a path that is too long for one.
  const long = (place: string) =>
    digestScript(`#!/bin/sh\n'''exec' "${place}/python" "$0" "$@"\n' '''\n${body}`);
  t.is(long('/a b'), long('/c d'));
});

test.serial('another program with the same name and version is another one', async t => {
  const { machine } = await benchFor(t);
  machine.installPrograms();
  const seen = new Set<string>();
  const isNew = async () => {
    const identity = JSON.stringify(await toolchainOf(machine).identity(target));
    const { size } = seen;
    return seen.add(identity).size > size;
  };
  t.true(await isNew());
  for (const name of ['west', 'cmake', 'ninja', 'python3', 'dtc', 'arm-none-eabi-gcc']) {
    machine.setVersion(name, WEST_VERSIONS[name]!, '\n# patched');
    t.true(await isNew(), name);
  }
  // A program that now comes first in PATH.
  const first = path.join(machine.root, 'first');
  mkdirSync(first);
  process.env.PATH = `${first}:${process.env.PATH}`;
  t.false(await isNew());
  machine.installAt(first, { gperf: '#!/bin/sh\necho 3.1\n' });
  t.true(await isNew(), 'gperf');
});

test.serial('facts about a binary are remembered until its file changes', async t => {
  const { machine } = await benchFor(t);
  const cache = createDefaultCache({ tag: 'programs', cacheRoot: machine.cacheRoot });
  t.teardown(() => cache.close());
  const file = path.join(machine.root, 'bin/cmake');
  const binary = BINARY;
  copyFileSync(binary, file);
  const environment = { PATH: path.join(machine.root, 'bin') };
  const identify = () => identifyProgram('cmake', { ...environment, SALT: String(Math.random()) }, { cache });
  const first = await identify();
  const sha256 = createHash('sha256').update(readFileSync(binary)).digest('hex');
  t.is(first?.sha256, sha256);
  const [key] = (await Array.fromAsync(cache.keys())) as string[];
  await cache.set(key!, { sha256: '0'.repeat(64), version: 'remembered' });
  t.deepEqual(await identify(), { sha256: '0'.repeat(64), version: 'remembered' });
  // Written again with the same content and time.
  const { atime, mtime } = statSync(file);
  copyFileSync(binary, file);
  utimesSync(file, atime, mtime);
  t.deepEqual(await identify(), first);
  await cache.set(key!, 'damaged');
  t.deepEqual(await identify(), first);
});

test('PATH is passed on without the parts that make no difference', t => {
  const environment = {
    PATH: '/a/node_modules/.bin:/usr/bin::.:/opt/arm/bin:/usr/bin:/x/node_modules/npm/node_modules/@npmcli/run-script/lib/node-gyp-bin',
    HOME: '/home/me',
    CFLAGS: '-O0',
    MINE: '1',
  };
  t.deepEqual(passedEnvironment(['MINE', 'NOT_SET'], environment), {
    HOME: '/home/me',
    MINE: '1',
    PATH: '/usr/bin:/opt/arm/bin',
  });
});

test.serial('without a working west the error names the remedy', async t => {
  const { machine } = await benchFor(t, { programs: false });
  const none = await t.throwsAsync(toolchainOf(machine).identity(target), { instanceOf: ToolchainError });
  t.regex(none?.message ?? '', /no working 'west' in PATH.*pipx install west/);
});

test.serial(
  'cmake-args that cannot be split, and a missing directory of keymaps, are typed errors',
  async t => {
    const { machine, toolchain } = await benchFor(t);
    const unclosed = toolchain.identity({ ...target, cmakeArgs: "-DX='a" });
    t.regex(
      (await t.throwsAsync(unclosed, { instanceOf: ToolchainError }))?.message ?? '',
      /cmake-args of left cannot be split into words: a ' is not closed/,
    );
    const keymaps = path.join(machine.config, 'config');
    rmSync(keymaps, { recursive: true });
    for (const put of [() => {}, () => writeFileSync(keymaps, ''), () => symlinkSync('config', keymaps)]) {
      rmSync(keymaps, { force: true });
      put();
      t.regex(
        (await t.throwsAsync(toolchain.identity(target), { instanceOf: ToolchainError }))?.message ?? '',
        /no directory .*my config\/config.*build\.configPath/,
      );
    }
  },
);
