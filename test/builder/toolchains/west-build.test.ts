import { existsSync, readFileSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { BuildOptions } from '../../../src/builder/index.ts';
import { glovebox } from '../../cli/run.ts';
import { closeForAll } from '../../support/close-for-all.ts';
import { inFull } from '../../support/extent.ts';
import { publishedBuild, publishedLibrary } from '../../support/published.ts';
import { Building } from '../project.ts';
import { createWestMachine, type WestMachine, type WestMachineOptions } from '../west-rig/west-rig.ts';
import { writeFiles } from './observed/workspace.ts';

const { createUserConfig } = await publishedBuild();
const { createDefaultCache } = await publishedLibrary();

async function machineFor(t: ExecutionContext, options: WestMachineOptions = {}): Promise<WestMachine> {
  const machine = await createWestMachine(t, options);
  machine.use(t);
  t.teardown(async () => {
    for (const tag of ['compilation', 'firmware']) {
      await closeForAll(createDefaultCache({ tag, cacheRoot: machine.cacheRoot }));
    }
  });
  return machine;
}

function start(machine: WestMachine, options: Partial<BuildOptions> = {}): Building {
  return new Building({
    configDirectory: machine.config,
    workspace: machine.workspace,
    userConfig: createUserConfig(),
    cacheRoot: machine.cacheRoot,
    jobs: 1,
    ...options,
  });
}

const firmware = (machine: WestMachine, half: string) => {
  const file = path.join(machine.config, 'firmware', `${half}-nice_nano_v2-zmk.uf2`);
  return existsSync(file) ? readFileSync(file, 'utf8') : undefined;
};

test.serial('all targets compile at the same time, each once', async t => {
  const machine = await machineFor(t);
  const building = start(machine, { jobs: 2 });
  const runs = await machine.rig.nextRuns(2);
  t.deepEqual(Object.keys(runs).sort(), ['corne_left', 'corne_right']);
  for (const run of Object.values(runs)) await run.exit(await run.build());
  t.like(await building.done, { compiled: 2, cached: 0, failed: 0 });
  t.is(building.of('build-started')[0]?.toolchain, 'west');
  const left = firmware(machine, 'corne_left');
  t.regex(left ?? '', /^UF2 /);
  rmSync(path.join(machine.config, 'firmware'), { recursive: true });
  t.like(await start(machine).done, { compiled: 0, cached: 2, failed: 0 });
  t.is(firmware(machine, 'corne_left'), left);
  t.is(machine.rig.runs, 2);
});

inFull(
  'keymaps and build file in other places are found, and an edit of the build file rebuilds nothing',
  async t => {
    const machine = await machineFor(t, { onRun: 'build' });
    renameSync(path.join(machine.config, 'config'), path.join(machine.config, 'keymaps'));
    const yaml = 'board: [nice_nano_v2]\nshield: [corne_left]\n';
    machine.write('ci/left.yaml', yaml);
    const places = { buildFile: 'ci/left.yaml', configPath: 'keymaps' };
    t.like(await start(machine, places).done, { compiled: 1, failed: 0 });
    t.is(machine.rig.runs, 1);
    machine.write('ci/left.yaml', `# Edited\n${yaml}`);
    // Also where every file that a build may read counts.
    machine.write('ci/left.yaml', `${yaml}# Edited\n`);
    const again = start(machine, places);
    t.like(await again.done, { compiled: 0, cached: 1 });
  },
);

test.serial(
  'a board that is not made for ZMK fails at its place in the build file, and its variant does not',
  async t => {
    const machine = await machineFor(t, { onRun: 'build' });
    const boards = 'zmk/app/boards';
    machine.change('zmk/app/Kconfig', 'config ZMK_BOARD_COMPAT\n');
    machine.change(
      `${boards}/arm/nice_nano/board.yml`,
      'board: { name: nice_nano_v2, socs: [{ name: x }] }\n',
    );
    machine.write('build.yaml', 'include:\n  - board: nice_nano_v2\n    shield: corne_left\n');
    const warned = start(machine);
    t.like(await warned.done, { compiled: 1, failed: 0 });
    const name = 'corne_left-nice_nano_v2-zmk';
    const about = (building: Building) => building.of('warning').filter(({ target }) => target === name);
    t.regex(about(warned)[0]!.message, /'nice_nano_v2' is not marked as set up for ZMK/);
    // The warning is stored with the firmware.
    const cached = start(machine);
    t.like(await cached.done, { cached: 1 });
    t.deepEqual(
      about(cached).map(({ message }) => message),
      about(warned).map(({ message }) => message),
    );

    machine.change(
      `${boards}/more/board.yml`,
      'board:\n  extend: nice_nano_v2\n  variants: [{ name: zmk, qualifier: x }]\n',
    );
    const wrong = start(machine);
    t.like(await wrong.done, { compiled: 0, failed: 1 });
    const [failed] = wrong.of('target-failed');
    t.like(failed, { reason: 'wrong-board' });
    t.like(failed?.diagnosis, {
      message:
        "The board 'nice_nano_v2' is not set up for ZMK, and there is a ZMK variant of it: write 'nice_nano_v2//zmk'.",
      file: path.join(machine.config, 'build.yaml'),
      line: 2,
      certain: true,
    });
  },
);

inFull(
  'a keymap that no target uses is reported, compiled or cached, and only after all targets are built',
  async t => {
    const machine = await machineFor(t, { onRun: 'build' });
    machine.write('config/corne_lft.keymap', '/ { };\n');
    machine.write('config/base.keymap', '/ { };\n');
    machine.write('config/corne.keymap', '#include "base.keymap"\n/ { keymap { a; }; };\n');
    const sentence = 'config/corne_lft.keymap is not used by any target.';
    const told = (building: Building) => building.of('warning').map(({ message }) => message);
    const compiled = start(machine);
    t.like(await compiled.done, { compiled: 2 });
    t.deepEqual(told(compiled), [sentence]);
    const cached = start(machine);
    t.like(await cached.done, { cached: 2 });
    t.deepEqual(told(cached), [sentence]);
    // Keymaps of a module are read from a copy.
    machine.write('zephyr/module.yml', 'build: {}\n');
    const module = start(machine);
    t.like(await module.done, { compiled: 2 });
    t.deepEqual(told(module), [sentence]);
    t.deepEqual(module.of('target-missed')[0]?.why, ['zephyr/module.yml was added']);
    machine.write('config/corne_left.overlay', '#include "nowhere.h"\n');
    const failing = start(machine);
    t.like(await failing.done, { failed: 1 });
    t.deepEqual(told(failing), []);
  },
);

inFull(
  'a name unknown to the preprocessor is reported, although its line went with the build directory',
  async t => {
    const machine = await machineFor(t);
    const keymap = path.join(machine.config, 'config/corne.keymap');
    machine.write(
      'config/corne.keymap',
      '#include <behaviors.dtsi>\n#include "mine.h"\nLAYER(&kp GOOD,\n  &kp BAD)\n',
    );
    const building = start(machine);
    for (let half = 0; half < 2; half++) {
      const run = await machine.rig.nextRun();
      writeFiles(run.target.build!, {
        'zephyr/zephyr.dts.pre': `# 1 "${keymap}"\n\n\n/ { base { bindings = <&kp GOOD &kp BAD>; }; };\n`,
      });
      await run.print(`-- Using keymap file: ${keymap}`);
      await run.print(
        `devicetree error: ${keymap}:3 (column 28): parse error: expected number or parenthesized expression`,
      );
      await run.exit(1);
    }
    t.like(await building.done, { failed: 2 });
    for (const failed of building.of('target-failed')) {
      t.like(failed.diagnosis, {
        message: "'GOOD' is not a key code of ZMK.",
        file: keymap,
        line: 3,
        column: 11,
      });
      t.false('excerpt' in failed);
    }
  },
);

test.serial('an edit of one half compiles that half, and an undone edit compiles nothing', async t => {
  const machine = await machineFor(t, { onRun: 'build' });
  await start(machine).done;
  machine.write('config/corne_left.conf', 'CONFIG_X=y\n');
  const building = start(machine);
  t.like(await building.done, { compiled: 1, cached: 1 });
  t.deepEqual(
    building.of('target-compiling').map(({ target }) => target),
    ['corne_left-nice_nano_v2-zmk'],
  );
  rmSync(path.join(machine.config, 'config/corne_left.conf'));
  t.like(await start(machine).done, { compiled: 0, cached: 2 });
});

inFull('another workspace or compiler compiles everything, and going back compiles nothing', async t => {
  const machine = await machineFor(t, { onRun: 'build' });
  await start(machine).done;
  const first = firmware(machine, 'corne_left');
  machine.change('zephyr/include/kernel.h', '// edited');
  t.like(await start(machine).done, { compiled: 2, cached: 0 });
  t.not(firmware(machine, 'corne_left'), first);
  const planned = start(machine, { dryRun: true });
  await planned.done;
  t.deepEqual(
    planned.of('warning').map(({ message }) => message),
    [`In the workspace ${machine.workspace}, zephyr has a change that is not committed: include/kernel.h`],
  );
  machine.change('zephyr/include/kernel.h', '// kernel');
  t.like(await start(machine).done, { compiled: 0, cached: 2 });
  t.is(firmware(machine, 'corne_left'), first);
  machine.setVersion('arm-none-eabi-gcc', '13.2');
  t.like(await start(machine).done, { compiled: 2, cached: 0 });
  t.not(firmware(machine, 'corne_left'), first);
});

test.serial(
  'a workspace that changes during the build costs a warning, and the firmware is not cached',
  async t => {
    const machine = await machineFor(t);
    const building = start(machine, { jobs: 2 });
    const runs = Object.values(await machine.rig.nextRuns(2));
    for (const run of runs) t.is(await run.build(), 0);
    machine.change('zmk/app/src/main.c', '// edited meanwhile');
    for (const run of runs) await run.exit(0);
    t.like(await building.done, { compiled: 2, failed: 0 });
    t.regex(
      building.of('warning')[0]?.message ?? '',
      /not kept for the next build: the workspace changed while/,
    );
    machine.change('zmk/app/src/main.c', 'int main(void) { return 0; }');
    const again = start(machine, { jobs: 2 });
    for (const run of Object.values(await machine.rig.nextRuns(2))) await run.exit(await run.build());
    t.like(await again.done, { compiled: 2, cached: 0 });
  },
);

inFull('cores are divided among the targets that compile at the same time', async t => {
  const machine = await machineFor(t);
  const one = start(machine, { jobs: 1 });
  const first = await machine.rig.nextRun();
  const all = Number(first.target.jobs);
  await first.exit(await first.build());
  const second = await machine.rig.nextRun();
  t.is(Number(second.target.jobs), all);
  await second.exit(await second.build());
  await one.done;
  machine.write('config/corne.keymap', 'edited');
  const both = start(machine, { jobs: 2 });
  for (const run of Object.values(await machine.rig.nextRuns(2))) {
    t.is(Number(run.target.jobs), Math.max(1, Math.floor(all / 2)));
    await run.exit(await run.build());
  }
  await both.done;
});

inFull('the command line builds in the given workspace, or in the one that is found', async t => {
  const machine = await machineFor(t, { onRun: 'build' });
  const env = {
    ...machine.environment,
    GLOVEBOX_CACHE_DIR: machine.cacheRoot,
    XDG_CONFIG_HOME: machine.home,
  };
  const given = await glovebox(['build', '--workspace', '../workspace', '--json'], {
    cwd: machine.config,
    env,
  });
  t.is(given.status, 0, given.stdout + given.stderr);
  t.regex(given.stdout, /"toolchain":"west"/);
  t.is(machine.rig.runs, 2);
  const before = firmware(machine, 'corne_left');
  rmSync(path.join(machine.config, 'firmware'), { recursive: true });
  // A config inside of the workspace.
  machine.change('my-config/build.yaml', 'board: [nice_nano_v2]\nshield: [corne_left, corne_right]\n');
  machine.change('my-config/config/corne.keymap', '#include <behaviors.dtsi>\n/ { keymap { a; }; };\n');
  machine.change('my-config/config/corne.conf', 'CONFIG_ZMK_SLEEP=y\n');
  const cwd = path.join(machine.workspace, 'my-config');
  const found = await glovebox(
    ['build', '--toolchain', 'west', '--output', path.join(machine.config, 'firmware')],
    { cwd, env },
  );
  t.is(found.status, 0, found.stdout + found.stderr);
  t.is(firmware(machine, 'corne_left'), before);
});
