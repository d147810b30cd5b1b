// Precise rebuilds through the whole of `build()`: the claims of precise.test.ts with threads, the `west` toolchain and
// the program that it starts.
import { existsSync, readFileSync, utimesSync } from 'node:fs';
import path from 'node:path';
import test, { type Assertions, type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { closeForAll } from '../support/close-for-all.ts';
import { inFull, runs, seed } from '../support/extent.ts';
import { publishedBuild, publishedLibrary } from '../support/published.ts';
import { Editor, edit } from './precise/editor.ts';
import { CONFIG, freshZmk, TARGETS } from './precise/keyboards.ts';
import { Building } from './project.ts';
import { createWestMachine, type WestMachine } from './west-rig/west-rig.ts';

const { createUserConfig } = await publishedBuild();
const { createDefaultCache } = await publishedLibrary();

const SHIELDS = ['corne_left', 'lily58_left'];
const BUILD_YAML = `board: [nice_nano_v2]\nshield: [${SHIELDS.join(', ')}]\ninclude:\n  - board: planck\n`;

async function machineFor(t: ExecutionContext): Promise<WestMachine> {
  const machine = await createWestMachine(t, { onRun: 'build' });
  machine.use(t);
  t.teardown(async () => {
    for (const tag of ['compilation', 'firmware']) {
      await closeForAll(createDefaultCache({ tag, cacheRoot: machine.cacheRoot }));
    }
  });
  for (const [file, content] of Object.entries({ ...CONFIG, 'build.yaml': BUILD_YAML }))
    machine.write(file, content);
  return machine;
}

function start(machine: WestMachine): Building {
  return new Building({
    configDirectory: machine.config,
    workspace: machine.workspace,
    userConfig: createUserConfig(),
    cacheRoot: machine.cacheRoot,
    jobs: 1,
  });
}

/** Builds. Resolves to the compiled targets, named by their shields or else boards. */
async function build(machine: WestMachine, firmware?: Firmware): Promise<string[]> {
  const building = start(machine);
  const { failed, cancelled } = await building.done;
  if (failed + cancelled > 0) throw new Error(JSON.stringify(building.of('target-failed')));
  firmware?.check(building);
  const compiled = building.of('target-finished').filter(event => event.source === 'compiled');
  return compiled.map(event => event.target.replace(/-?(?:nice_nano_v2)?-zmk$/, '')).sort();
}

/** All firmware built so far, by what a build without a cache makes of the same inputs. */
class Firmware {
  readonly #machine: WestMachine;
  readonly #t: Assertions;
  readonly #made = new Map<string, string>();
  readonly #of = new Map<string, string>();

  constructor(t: Assertions, machine: WestMachine) {
    this.#t = t;
    this.#machine = machine;
  }

  /**
   * The same inputs always give the same firmware, and other inputs never do. Fails where a build without a cache
   * fails.
   */
  check(building: Building): void {
    const { workspace, config } = this.#machine;
    const modules = existsSync(path.join(config, 'zephyr/module.yml')) ? [config] : [];
    for (const { board, shield, cmakeArgs = '', artifactName } of building.of('build-started')[0]!.targets) {
      const variables = Object.fromEntries(
        [...cmakeArgs.matchAll(/-D(\w+)=(\S+)/g)].map(([, ...pair]) => pair),
      );
      const keymaps = path.join(config, 'config');
      const fresh = freshZmk({ workspace, config: keymaps, board, shield, modules, variables });
      const finished = building.of('target-finished', artifactName)[0];
      this.#t.is(finished !== undefined, fresh !== undefined, artifactName);
      if (!finished || fresh === undefined) continue;
      const uf2 = readFileSync(finished.files.find(file => file.endsWith('.uf2'))!, 'utf8');
      this.#t.is(this.#made.get(fresh) ?? uf2, uf2, artifactName);
      this.#t.is(this.#of.get(uf2) ?? fresh, fresh, artifactName);
      this.#made.set(fresh, uf2);
      this.#of.set(uf2, fresh);
    }
  }
}

test.serial('a build compiles what edits affect, and nothing else', async t => {
  const machine = await machineFor(t);
  const firmware = new Firmware(t, machine);
  const everything = [...SHIELDS, 'planck'].sort();
  t.deepEqual(await build(machine, firmware), everything);

  machine.write('config/corne.keymap', '#include "home_row.dtsi"\n/ { corne2; };\n');
  machine.write('config/planck.overlay', '/ { };\n');
  t.deepEqual(await build(machine, firmware), ['corne_left', 'planck']);
  machine.write('config/home_row.dtsi', '/ { hm2; };\n');
  const file = path.join(machine.config, 'config/planck.keymap');
  utimesSync(file, new Date(), new Date());
  t.deepEqual(await build(machine, firmware), SHIELDS);
  machine.write('config/lily58_left.conf', 'CONFIG_A=y\n');
  machine.write(
    'build.yaml',
    `${BUILD_YAML}  - { board: planck, cmake-args: -DX=1, artifact-name: extra-zmk }\n`,
  );
  t.deepEqual(await build(machine, firmware), ['extra', 'lily58_left']);
  machine.write('config/boards/shields/mine/Kconfig.shield', 'config SHIELD_MINE\n');
  t.deepEqual(await build(machine, firmware), ['corne_left', 'extra', 'lily58_left', 'planck']);
});

inFull('west.yml, the workspace and the tools are inputs of every target', async t => {
  const machine = await machineFor(t);
  machine.write(
    'build.yaml',
    'include:\n  - { board: nice_nano_v2, shield: corne_left }\n  - board: planck\n',
  );
  const everything = ['corne_left', 'planck'];
  t.deepEqual(await build(machine), everything);
  machine.write('config/west.yml', 'manifest: { projects: [] }\n');
  t.deepEqual(await build(machine), everything);
  machine.change('zmk/app/dts/behaviors.dtsi', '/ { others; };\n');
  t.deepEqual(await build(machine), everything);
  machine.setVersion('arm-none-eabi-gcc', 'arm-none-eabi-gcc (Arm GNU Toolchain 13.2.Rel1) 13.2.1 20231009');
  t.deepEqual(await build(machine), everything);
});

inFull('a repository that is a module is as precise, although it is built from a copy', async t => {
  const machine = await machineFor(t);
  const firmware = new Firmware(t, machine);
  machine.write('build.yaml', 'board: [nice_nano_v2]\nshield: [corne_left, mine]\n');
  machine.write('zephyr/module.yml', 'build:\n  settings:\n    board_root: .\n');
  machine.write('boards/shields/mine/Kconfig.shield', 'config SHIELD_MINE\n');
  machine.write('boards/shields/mine/mine.overlay', '/ { };\n');
  machine.write('boards/shields/mine/mine.keymap', '#include "keys.h"\n/ { };\n');
  machine.write('boards/shields/mine/keys.h', '');
  t.deepEqual(await build(machine, firmware), ['corne_left', 'mine']);
  machine.write('config/home_row.dtsi', '/ { hm3; };\n');
  t.deepEqual(await build(machine, firmware), ['corne_left']);
  machine.write('boards/shields/mine/keys.h', '#define A\n');
  t.deepEqual(await build(machine, firmware), ['mine']);
});

// In this thread precise-random.test.ts compares many of them; through processes they take longer, so only in full.
const edited = 12 * runs(1, 1);

inFull('after random edits a build makes what a build without a cache makes', async t => {
  t.timeout(600_000);
  const machine = await machineFor(t);
  const firmware = new Firmware(t, machine);
  const targets = TARGETS.filter(({ artifactName }) => ['corne_left', 'planck'].includes(artifactName));
  const editor = new Editor(machine.config, targets, () =>
    machine.change('zmk/app/prj.conf', `CONFIG_A=${edits.length}`),
  );
  const edits = fc.sample(edit, { numRuns: edited, seed: seed(5) });
  const counts = { compiled: 0, cached: 0, failed: 0 };
  for (const one of edits) {
    editor.do(one);
    const include = editor.targets.map(({ board, shield, artifactName }) => ({
      board,
      shield,
      'artifact-name': artifactName,
    }));
    machine.write('build.yaml', JSON.stringify({ include }));
    const building = start(machine);
    const summary = await building.done;
    for (const kind of ['compiled', 'cached', 'failed'] as const) counts[kind] += summary[kind];
    firmware.check(building);
  }
  t.log(counts);
});
