// The shapes of real configs: each with its own files, links and targets, below a directory that holds a config, a
// workspace and everything around them.
import type { Target } from '../../../src/builder/incremental/index.ts';
import type { Kind } from './environment-editor.ts';
import { CONFIG, TARGETS } from './keyboards.ts';

/** A config, with everything around it. */
export interface Shape {
  /** Contents by their paths beside the config, which is in `repository`. */
  files: Readonly<Record<string, string>>;
  /** Links by their paths, with targets relative to their own place. */
  links?: Readonly<Record<string, string>>;
  targets: readonly Target[];
  /** Changes that are made more often because they can mislead a build of this shape. */
  often: readonly Kind[];
}

const inside = (directory: string, files: Readonly<Record<string, string>>) =>
  Object.fromEntries(Object.entries(files).map(([file, content]) => [`${directory}/${file}`, content]));

/** Files outside of its repository that a config may include. */
const OUTSIDE: Readonly<Record<string, string>> = {
  'shared/base.dtsi':
    '#if __has_include("extra.dtsi")\n#include "extra.dtsi"\n#endif\n#include "mem.h"\n/ { base; };\n',
  'shared/keys.txt': 'a',
  'dots/one/keys.dtsi': '#include "../common.dtsi"\n/ { keys; };\n',
  'dots/common.dtsi': '/ { common; };\n',
  'dots/two/keys.dtsi': '#include "../common.dtsi"\n/ { keys; };\n',
  'other/one/keys.dtsi': '#include "../common.dtsi"\n/ { keys; };\n',
  'other/common.dtsi': '/ { other; };\n',
};

/** A module with code. */
export const MODULE: Readonly<Record<string, string>> = {
  'zephyr/module.yml': 'build: {}\n',
  'CMakeLists.txt':
    'zephyr_library()\nzephyr_library_sources(src/greeting.c)\nzephyr_include_directories(include)\n',
  'src/greeting.c': '#include "greeting.h"\nint greet(void) { return GREETING; }\n',
  'include/greeting.h': '#define GREETING 1\n',
};

const [left, right, lily58] = TARGETS as [Target, Target, Target];
const planck = TARGETS.at(-1)!;

export const SHAPES: Readonly<Record<string, Shape>> = {
  'keyboards that share files': {
    files: { ...inside('repository', CONFIG), ...OUTSIDE },
    targets: TARGETS,
    often: ['file outside', 'link to a directory', 'link to a file', 'library', 'tool', 'doubt in Kconfig'],
  },
  'a module with a shield and code': {
    files: {
      ...inside('repository', { ...CONFIG, ...MODULE }),
      ...OUTSIDE,
      'repository/zephyr/module.yml': 'build:\n  settings:\n    board_root: .\n',
      'repository/boards/shields/mine/Kconfig.shield': 'config SHIELD_MINE\n',
      'repository/boards/shields/mine/mine.overlay': '/ { mine; };\n',
    },
    targets: [left, { ...right, shield: 'corne_right mine' }, planck],
    often: [
      ...(['shadowing header', 'header', 'code', 'hidden code', 'failed build', 'list file'] as const),
      'doubt in Kconfig',
    ],
  },
  'dotfiles behind links': {
    files: {
      ...inside('dotfiles', Object.fromEntries(configFiles())),
      ...inside('dotfiles two', { 'corne.keymap': '/ { two; };\n', 'planck.keymap': '/ { };\n' }),
      ...OUTSIDE,
      'repository/README.md': '# Keyboards\n',
    },
    links: { 'repository/config': '../dotfiles' },
    targets: [left, lily58, planck],
    often: ['link of the whole config', 'file outside', 'link to a file', 'name outside', '__has_include'],
  },
  'a shared directory outside, with doubt': {
    files: {
      ...inside('repository', CONFIG),
      ...OUTSIDE,
      'repository/config/corne.keymap':
        '// layer 4 is for embed commands\n#include "../../shared/base.dtsi"\n#include "linked/keys.dtsi"\n',
    },
    links: { 'repository/config/linked': '../../dots/one' },
    targets: [left, right, planck],
    often: ['file outside', 'name outside', 'link to a directory', 'word of doubt', '__has_include'],
  },
  'a module elsewhere, and shields that git ignores': {
    files: {
      ...inside('repository', CONFIG),
      ...OUTSIDE,
      ...inside('module', MODULE),
      ...inside('workspace/zmk/own', MODULE),
      'workspace/zmk/.git/info/exclude': 'secret*\n',
      'workspace/zmk/app/boards/shields/secret/Kconfig.shield': 'config SHIELD_SECRET\n',
      'workspace/zmk/app/boards/shields/secret/secret.overlay': '/ { secret; };\n',
    },
    targets: [
      { ...left, cmakeArgs: '-DZMK_EXTRA_MODULES={root}/module' },
      { ...right, cmakeArgs: '-DZMK_EXTRA_MODULES={root}/workspace/zmk/own' },
      { ...lily58, shield: 'lily58_left secret' },
    ],
    often: [
      'ignored file',
      'shadowing header',
      'header',
      'hidden code',
      'west update',
      'failed build',
      'link in the workspace',
      'file outside',
      'ignored directory',
    ],
  },
};

function configFiles(): [string, string][] {
  return Object.entries(CONFIG).flatMap(([file, content]): [string, string][] =>
    file.startsWith('config/') ? [[file.slice('config/'.length), content]] : [],
  );
}
