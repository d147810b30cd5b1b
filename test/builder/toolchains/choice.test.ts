import { mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { NoToolchainError } from '../../../src/builder/index.ts';
import { chooseToolchain, examineToolchain } from '../../../src/builder/toolchains/choice.ts';
import type { ToolchainQuery } from '../../../src/builder/toolchains/toolchain-status.ts';
import { type ConfigValues, createUserConfig } from '../../../src/config/index.ts';
import { createWestMachine, type WestMachine } from '../west-rig/west-rig.ts';

const COMMAND = { program: 'make', arguments: [], inputs: ['**'], artifacts: ['*'] };

function question(machine: WestMachine, values: ConfigValues = {}, more: Partial<ToolchainQuery> = {}) {
  return {
    userConfig: createUserConfig(values, { directory: machine.config }),
    configDirectory: machine.config,
    outputDirectory: path.join(machine.config, 'firmware'),
    cacheRoot: machine.cacheRoot,
    cache: true,
    ...more,
  };
}

test.serial(
  'the first toolchain that works is chosen: command, then west in the configured workspace',
  async t => {
    const machine = await createWestMachine(t);
    machine.use(t);
    const { workspace } = machine;
    const build = { workspace };
    t.like(await chooseToolchain(question(machine, { build, toolchains: { command: COMMAND } })), {
      kind: 'command',
    });
    t.like(await chooseToolchain(question(machine, { build })), {
      kind: 'west',
      workspace,
      cacheRoot: machine.cacheRoot,
    });
    t.like(await chooseToolchain(question(machine, { build }, { cache: false })), {
      kind: 'west',
      cacheRoot: undefined,
    });
  },
);

test.serial(
  'an explicit request takes precedence over the configuration, and that over the default order',
  async t => {
    const machine = await createWestMachine(t);
    machine.use(t);
    const { workspace } = machine;
    const toolchains = { command: COMMAND };
    const configured = question(machine, { build: { toolchain: 'west', workspace }, toolchains });
    t.is((await chooseToolchain(configured)).kind, 'west');
    t.is((await chooseToolchain({ ...configured, toolchain: 'command' })).kind, 'command');
    // An explicitly named workspace is meant to be used.
    t.like(await chooseToolchain(question(machine, { toolchains }, { workspace })), {
      kind: 'west',
      workspace,
    });
    const other = path.join(machine.root, 'other');
    await t.throwsAsync(chooseToolchain({ ...configured, workspace: other }), {
      instanceOf: NoToolchainError,
      message:
        /the workspace that was given, .*other, has no \.west\/config\. Give the directory that 'west topdir' prints/,
    });
  },
);

test.serial('a workspace around the config is found', async t => {
  const machine = await createWestMachine(t);
  machine.use(t);
  const inside = path.join(machine.workspace, 'mine/deeper');
  mkdirSync(inside, { recursive: true });
  const found = await examineToolchain('west', { ...question(machine), configDirectory: inside });
  t.like(found, { works: true, detail: `West version: v1.2.0, workspace ${machine.workspace}` });
});

test.serial('when no toolchain works the message lists all candidates, and the remedy', async t => {
  const machine = await createWestMachine(t, { programs: false });
  machine.use(t, { PATH: path.join(machine.root, 'bin') });
  const error = await t.throwsAsync(chooseToolchain(question(machine)), {
    instanceOf: NoToolchainError,
    code: 'GLOVEBOX_NO_TOOLCHAIN',
  });
  const lines = error?.message.split('\n') ?? [];
  t.regex(lines[0]!, /no toolchain to compile with/);
  t.regex(lines[1]!, /^ {2}command: there is no toolchains\.command in .*glovebox\.config\.yaml/);
  t.regex(
    lines[2]!,
    /^ {2}west: there is no west workspace: .*and 'west' is not in PATH\..*glovebox workspace create\. And install west/,
  );
  t.regex(lines[3]!, /^ {2}container: /);
});

test.serial('west without CMake or Ninja is reported with how to install them, and not chosen', async t => {
  const machine = await createWestMachine(t);
  machine.use(t);
  rmSync(path.join(machine.root, 'bin/ninja'));
  const asked = question(machine, {}, { workspace: machine.workspace });
  await t.throwsAsync(chooseToolchain({ ...asked, toolchain: 'west' }), {
    message: /there is the workspace .*, but no 'ninja' in PATH\. Install it: .*ninja/,
  });
  await t.throwsAsync(chooseToolchain(asked), { message: /west: .*no 'ninja' in PATH.*container: /s });
});

test.serial('a workspace without west, and one without ZMK, are reported with what is missing', async t => {
  const machine = await createWestMachine(t, { programs: false });
  machine.use(t);
  const asked = question(machine, {}, { workspace: machine.workspace, toolchain: 'west' });
  await t.throwsAsync(chooseToolchain(asked), {
    message: /no working 'west' in PATH\. Install it: pipx install west/,
  });
  rmSync(path.join(machine.workspace, 'zmk'), { recursive: true });
  await t.throwsAsync(chooseToolchain(asked), {
    message: /has no ZMK; .*west update.*pipx install west/,
  });
});
