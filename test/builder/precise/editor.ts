// Random edits of a config: what people and their editors do to files, and some things that they never do.
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
} from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import type { Target } from '../../../src/builder/incremental/index.ts';
import { writeFiles } from '../toolchains/observed/workspace.ts';
import { CONFIG } from './keyboards.ts';

const NAMES = [
  ...[
    'corne',
    'corne_left',
    'corne_right',
    'lily58',
    'lily58_left',
    'reviung41',
    'planck',
    'mine',
    'mine_left',
  ],
  ...[
    'nice_nano_v2',
    'nice_nano',
    'default',
    'sofle',
    '_nice_nano_v2',
    'corne_nice_nano_v2',
    'corne_left_nice_nano_v2',
  ],
];
const SHIELD = [
  'Kconfig.shield',
  'Kconfig.defconfig',
  'mine.overlay',
  'mine_left.overlay',
  'mine.conf',
  'mine.keymap',
  'corne_left.overlay',
  'boards/nice_nano_v2.overlay',
  'mine.zmk.yml',
];

/** All files that may be written. */
const FILES = [
  ...NAMES.flatMap(name => ['keymap', 'conf', 'overlay'].map(extension => `config/${name}.${extension}`)),
  ...['home_row', 'timing', 'behaviors', 'extra', 'mem.h', 'keys/numbers', 'keys/timing', 'keys/mem.h'].map(
    name => `config/${name}${name.includes('.') ? '' : '.dtsi'}`,
  ),
  ...['behaviors.dtsi', 'timing.dtsi', 'common/mem.h', 'bindings/kp.yaml', 'bindings/deep/mine.yml'].map(
    name => `config/dts/${name}`,
  ),
  ...['config/include/dt-bindings/zmk/keys.h', 'config/include/timing.dtsi', 'shared/timing.dtsi'],
  ...['mine', 'group/mine', 'corne'].flatMap(directory =>
    SHIELD.map(file => `config/boards/shields/${directory}/${file}`),
  ),
  ...SHIELD.map(file => `boards/shields/mine/${file}`),
  ...['planck.dts', 'planck_defconfig', 'planck.keymap', 'nice_nano_v2.dts', 'board.yml'].map(
    file => `config/boards/arm/planck/${file}`,
  ),
  ...[
    'zephyr/module.yml',
    'dts/timing.dtsi',
    'dts/bindings/mine.yaml',
    'config/west.yml',
    'README.md',
    'config/notes.txt',
  ],
];

/** The files that mislead a build most easily: written more often than others, in ways that keep the build working. */
const HOT = [
  ...[
    'corne.conf',
    'corne_left.conf',
    'lily58.conf',
    'default.conf',
    'planck.overlay',
    'nice_nano_v2.overlay',
  ],
  ...['home_row.dtsi', 'timing.dtsi', 'keys/numbers.dtsi', 'keys/mem.h', 'dts/behaviors.dtsi'],
  ...['dts/bindings/kp.yaml', 'dts/bindings/deep/mine.yml', 'boards/shields/mine/Kconfig.shield'],
  ...['boards/shields/corne/Kconfig.shield', 'boards/shields/corne/corne_left.overlay'],
].map(name => `config/${name}`);

/** A file consists of some of these. */
const LINES = [
  ...[
    '"home_row.dtsi"',
    '"timing.dtsi"',
    '"keys/numbers.dtsi"',
    '"mem.h"',
    '"../shared/timing.dtsi"',
    '<timing.dtsi>',
    '<behaviors.dtsi>',
    '<dt-bindings/zmk/keys.h>',
  ].map(name => `#include ${name}`),
  '#if __has_include("extra.dtsi")\n#include "extra.dtsi"\n#endif',
  '#if 0\n#include "gone.dtsi"\n#endif',
  '/ { a; };',
  '/ { b; };',
  'CONFIG_A=y',
  // Files outside of the repository, and words that leave uncertain what was read.
  '#include "../../shared/base.dtsi"',
  '#include "linked/keys.dtsi"',
  '#if __has_include("linked/extra.dtsi")\n#include "linked/extra.dtsi"\n#endif',
  '// layer 4 is for embed commands',
  '/* data = /incbin/(LOGO); */',
  '/include/ "timing.dtsi"',
];

const KEYMAPS = ['config/corne.keymap', 'config/lily58.keymap', 'config/sofle.keymap'];

const MODULES = ['board_root: .', 'dts_root: .', 'board_root: .\n    dts_root: .', 'none: .'];

const SHIELDS = [
  'corne_left',
  'corne_right',
  'lily58_left',
  'reviung41',
  'mine',
  'mine_left',
  'corne_left mine',
];

const number = fc.nat({ max: 1_000_000 });
export const edit = fc.record({
  kind: fc.oneof(
    { weight: 6, arbitrary: fc.constant('write' as const) },
    { weight: 8, arbitrary: fc.constant('heat' as const) },
    { weight: 5, arbitrary: fc.constant('restore' as const) },
    { weight: 4, arbitrary: fc.constantFrom('remove', 'undo') },
    {
      weight: 2,
      arbitrary: fc.constantFrom('rename', 'touch', 'target', 'moveDirectory', 'removeDirectory'),
    },
    { weight: 1, arbitrary: fc.constantFrom('link', 'replace', 'workspace') },
  ),
  a: number,
  b: number,
  c: number,
});
export type Edit = typeof edit extends fc.Arbitrary<infer T> ? T : never;

export const pick = <T>(list: readonly T[], n: number): T => list[n % list.length]!;

/** Edits a config at random. */
export class Editor {
  /** The current files. */
  readonly targets: Target[];
  readonly #original: [file: string, content: string][];
  readonly #repository: string;
  readonly #changeWorkspace: () => void;
  /** The content before each edit of a file. */
  readonly #before: [file: string, content: string | undefined][] = [];

  /** @param original the files to restore */
  constructor(
    repository: string,
    targets: readonly Target[],
    changeWorkspace: () => void,
    original: Readonly<Record<string, string>> = CONFIG,
  ) {
    this.#original = Object.entries(original);
    this.#repository = repository;
    this.targets = [...targets];
    this.#changeWorkspace = changeWorkspace;
  }

  /** Makes one edit. False when the file system does not allow it, such as a file below a file. */
  do(edit: Edit): boolean {
    try {
      this.#do(edit);
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === undefined) throw error;
      return false;
    }
  }

  #do({ kind, a, b, c }: Edit): void {
    const existing = this.#existing();
    const file = pick(existing.length > 0 && a % 2 === 0 ? existing : FILES, b);
    const at = this.#at(file);
    if (kind === 'write') this.#write(file, this.#content(file, b, c));
    else if (kind === 'heat') this.#write(pick(HOT, b), `/ { v${c % 3}; };\n`);
    else if (kind === 'restore') this.#write(...pick(this.#original, b));
    else if (kind === 'remove') this.#write(file, undefined);
    else if (kind === 'undo') this.#put(...(this.#before.pop() ?? ['config/none.dtsi', undefined]));
    else if (kind === 'rename') this.#rename(file, pick(FILES, c));
    else if (kind === 'moveDirectory') this.#rename(pick(DIRECTORIES, b), pick(DIRECTORIES, c));
    else if (kind === 'removeDirectory') this.#put(pick(DIRECTORIES, b), undefined);
    else if (kind === 'workspace') this.#changeWorkspace();
    else if (kind === 'target') this.#changeTarget(a, b, c);
    else if (kind === 'link') {
      this.#put(file, '');
      rmSync(at);
      symlinkSync(path.relative(path.dirname(at), this.#at(pick(FILES, c))), at);
    } else if (existsSync(at)) {
      // Touched, or replaced with the same content.
      if (kind === 'touch') utimesSync(at, a, a);
      else {
        copyFileSync(at, `${at}.saved`);
        renameSync(`${at}.saved`, at);
      }
    }
  }

  /** Replaces an entry of `build.yaml` by another one. */
  #changeTarget(a: number, b: number, c: number): void {
    const place = a % this.targets.length;
    const board = b % 4 === 0 ? 'planck' : 'nice_nano_v2';
    const shield = board === 'planck' && c % 2 === 0 ? {} : { shield: pick(SHIELDS, c) };
    const keymap = b % 5 === 0 ? { cmakeArgs: `-DKEYMAP_FILE=${pick(KEYMAPS, c)}` } : {};
    this.targets[place] = { board, ...shield, ...keymap, artifactName: this.targets[place]!.artifactName };
  }

  #at(file: string): string {
    return path.join(this.#repository, file);
  }

  #existing(): string[] {
    const entries = readdirSync(this.#repository, { recursive: true, withFileTypes: true });
    return entries
      .filter(entry => !entry.isDirectory())
      .map(entry => path.relative(this.#repository, path.join(entry.parentPath, entry.name)))
      .sort();
  }

  #content(file: string, b: number, c: number): string {
    if (file.endsWith('module.yml')) return `build:\n  settings:\n    ${pick(MODULES, b)}\n`;
    const lines = [
      ...(c % 5 < 2 ? [pick(LINES, b)] : []),
      ...(c % 7 === 0 ? [pick(LINES, c)] : []),
      `/ { v${b % 3}; };`,
    ];
    return `${lines.join('\n')}\n`;
  }

  #write(file: string, content: string | undefined): void {
    const isFile = statSync(this.#at(file), { throwIfNoEntry: false })?.isFile();
    this.#before.push([file, isFile ? readFileSync(this.#at(file), 'utf8') : undefined]);
    this.#put(file, content);
  }

  #put(file: string, content: string | undefined): void {
    rmSync(this.#at(file), { recursive: true, force: true });
    if (content !== undefined) writeFiles(this.#repository, { [file]: content });
  }

  #rename(from: string, to: string): void {
    if (!existsSync(this.#at(from)) || `${to}/`.startsWith(`${from}/`) || `${from}/`.startsWith(`${to}/`))
      return;
    rmSync(this.#at(to), { recursive: true, force: true });
    mkdirSync(path.dirname(this.#at(to)), { recursive: true });
    renameSync(this.#at(from), this.#at(to));
  }
}

const DIRECTORIES = [
  ...['config/boards/shields/mine', 'config/boards/shields/corne', 'config/boards/shields/group'],
  ...['config/dts', 'config/include', 'config/keys', 'boards', 'config/boards/shields/group/mine'],
];
