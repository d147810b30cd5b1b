// Random changes around a config: to files, links and modules outside of it, to the workspace, to the compiler, and to
// builds.
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, symlinkSync, utimesSync } from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import { TOOL_FILES, writeTool } from '../toolchains/observed/tools.ts';
import { writeFiles } from '../toolchains/observed/workspace.ts';
import { pick } from './editor.ts';
import { checkOut, type Keyboards, type Mishap } from './keyboards.ts';

const KINDS = [
  ...([
    'file outside',
    'name outside',
    'link to a file',
    'link to a directory',
    'link of the whole config',
  ] as const),
  ...(['word of doubt', 'doubt in Kconfig', '__has_include'] as const),
  ...(['shadowing header', 'header', 'code', 'list file', 'hidden code'] as const),
  ...([
    'ignored file',
    'ignored directory',
    'link in the workspace',
    'file of the workspace',
    'west update',
  ] as const),
  ...(['tool', 'library', 'failed build', 'damaged records'] as const),
];
export type Kind = (typeof KINDS)[number];

const number = fc.nat({ max: 1_000_000 });
export const move = fc.record({
  kind: fc.constantFrom(...KINDS),
  a: number,
  b: number,
  c: number,
});
export type Move = typeof move extends fc.Arbitrary<infer T> ? T : never;

const FILES_OUTSIDE = [
  // The ones included at first.
  ...[
    'shared/base.dtsi',
    'shared/base.dtsi',
    'dots/one/keys.dtsi',
    'dots/common.dtsi',
    'dotfiles/corne.keymap',
  ],
  ...['shared/extra.dtsi', 'shared/extra.dtsi', 'shared/mem.h', 'shared/mem.h'],
  ...[
    'shared/base.dtsi',
    'shared/extra.dtsi',
    'shared/mem.h',
    'shared/timing.dtsi',
    'shared/more.dtsi',
    'shared/keys.txt',
  ],
  ...[
    'dots/one/keys.dtsi',
    'dots/two/keys.dtsi',
    'dots/one/extra.dtsi',
    'dots/common.dtsi',
    'dots/one/common.dtsi',
  ],
  ...['other/one/keys.dtsi', 'other/common.dtsi', 'dotfiles/corne.keymap', 'dotfiles two/corne.keymap'],
];

const optional = (name: string) => `#if __has_include(${name})\n#include ${name}\n#endif`;

const LINES_OUTSIDE = [
  ...[
    '"mem.h"',
    '"extra.dtsi"',
    '"timing.dtsi"',
    '<timing.dtsi>',
    '"more.dtsi"',
    '<more.dtsi>',
    '"../dots/common.dtsi"',
  ].map(optional),
  ...[
    '// embed',
    '/* /incbin/(X) */',
    '#include <mem.h>',
    '/include/ "keys.txt"',
    'data = /incbin/("keys.txt");',
  ],
  // These may be missing.
  ...[
    '#include "mem.h"',
    '#include "extra.dtsi"',
    '#include "../shared/timing.dtsi"',
    '/include/ "more.dtsi"',
  ],
];

/** Sources that can be extended, and the text that keeps a build working. */
const SOURCES: [place: string, rest: string][] = [
  [
    'repository/config/corne.keymap',
    '#include "../../shared/base.dtsi"\n#include "home_row.dtsi"\n/ { corne; };\n',
  ],
  ['repository/config/timing.dtsi', '/ { timing; };\n'],
  ['repository/config/home_row.dtsi', '#include "timing.dtsi"\n/ { hm; };\n'],
  ['dotfiles/corne.keymap', '#include "home_row.dtsi"\n/ { corne; };\n'],
  ['shared/base.dtsi', '/ { base; };\n'],
  ['dots/common.dtsi', '/ { common; };\n'],
  ['module/src/greeting.c', '#include "greeting.h"\nint greet(void) { return GREETING; }\n'],
];
const WORDS = [
  '// layer 4 is for embed commands',
  '/* data = /incbin/(LOGO); */',
  '// see /include/ in the manual',
  '// .include',
];
const ASKED = ['asked.dtsi', '../asked.dtsi', 'sub/asked.dtsi'];

const KCONFIG = [
  'repository/config/boards/shields/mine',
  'repository/boards/shields/mine',
  'repository/config/boards/shields/corne',
];

const LINKS: [place: string, targets: string[]][] = [
  ['repository/config/linked', ['../../dots/one', '../../dots/two', '../../other/one', '../keys']],
  ['repository/config/boards/shields/mine', ['../../../../module/shield', '../../../../other/one']],
  ['repository/config/dts', ['../../shared', '../../dots']],
  ['repository/boards', ['../module/boards', '../other']],
  ['dots/one', ['two', '../other/one']],
];

const FILE_LINKS: [place: string, targets: string[]][] = [
  ['repository/config/extra.dtsi', ['../../shared/extra.dtsi', '../../shared/more.dtsi', 'timing.dtsi']],
  ['repository/config/corne.conf', ['../../shared/keys.txt', 'lily58.conf', 'nowhere.conf']],
  ['repository/config/timing.dtsi', ['../../shared/timing.dtsi', '../../dots/common.dtsi']],
  ['shared/extra.dtsi', ['../dots/common.dtsi', 'nowhere.dtsi']],
];

const MODULES = ['module', 'workspace/zmk/own', 'repository'];
const HEADERS = ['greeting.h', 'more.h', 'sub/deep.h'];
const HEADER_PLACES = ['src', 'include', 'include2', 'src/sub', '.'];
const CODE = [
  '#include "greeting.h"',
  '#include <greeting.h>',
  '#if __has_include("more.h")\n#include "more.h"\n#endif',
  '#if __has_include(<sub/deep.h>)\n#include <sub/deep.h>\n#endif',
  '#include "sub/../greeting.h"',
  '#if __has_include("../more.h")\n#include "../more.h"\n#endif',
  '// embed',
];
const LIST_LINES = [
  'zephyr_include_directories(include)',
  'zephyr_include_directories(include2)',
  'zephyr_include_directories(../shared)',
  'file(READ ../shared/keys.txt KEYS)',
  'file(READ \x24{CMAKE_CURRENT_LIST_DIR}/notes.txt NOTES)',
];

const SECRETS = [
  'Kconfig.shield',
  'secret.overlay',
  'secret.conf',
  'secret.dtsi',
  'boards/nice_nano_v2.overlay',
];
const SECRET = 'workspace/zmk/app/boards/shields/secret';

/** Everything around a config that can change. */
export class EnvironmentEditor {
  readonly #keyboards: Keyboards;
  #commits = 0;

  constructor(keyboards: Keyboards) {
    this.#keyboards = keyboards;
  }

  /** Makes the change, in the next way if one is impossible. Resolves to the way in which it was made, if any. */
  do(one: Move): Kind | undefined {
    const first = KINDS.indexOf(one.kind);
    for (let next = 0; next < KINDS.length; next++) {
      const kind = pick(KINDS, first + next);
      try {
        if (this.#do({ ...one, kind })) return kind;
      } catch (error) {
        // The file system does not allow it, such as a file below a file.
        if ((error as NodeJS.ErrnoException).code === undefined) throw error;
      }
    }
    return undefined;
  }

  #do({ kind, a, b, c }: Move): boolean {
    const modules = MODULES.filter(place => this.#isModule(place));
    const module = modules.length === 0 ? 'none' : pick(modules, a);
    switch (kind) {
      case 'file outside':
        return this.#put(
          pick(FILES_OUTSIDE, b),
          `${c % 2 === 0 ? `${pick(LINES_OUTSIDE, c)}\n` : ''}/ { o${b % 3}; };\n`,
        );
      case 'name outside': {
        const file = pick(FILES_OUTSIDE, b);
        return existsSync(this.#at(file))
          ? this.#put(file, undefined)
          : this.#put(file, `/ { n${c % 3}; };\n`);
      }
      case 'link to a file':
        return this.#link(pick(FILE_LINKS, b), c);
      case 'link to a directory':
        return this.#link(pick(LINKS, b), c);
      case 'link of the whole config':
        if (!existsSync(this.#at('dotfiles/corne.keymap'))) return false;
        return this.#link(['repository/config', ['../dotfiles', '../dotfiles two']], c);
      case 'word of doubt': {
        const [place, rest] = pick(SOURCES, b);
        return this.#put(place, `${pick(WORDS, c)}\n${rest}`);
      }
      case 'doubt in Kconfig': {
        const directory = pick(KCONFIG, b);
        const keys = this.#at('shared/keys.txt');
        this.#put('shared/keys.txt', `keys ${a % 4}`);
        // A file that was requested before is only edited.
        if (c % 3 === 0) return true;
        const asked = c % 3 === 1 ? `default "$(shell,cat ${keys})"` : 'orsource "Kconfig.more"';
        if (a % 2 === 0) this.#put(`${directory}/Kconfig.more`, `config MORE_${a % 3}\n`);
        return this.#put(`${directory}/Kconfig.shield`, `config SHIELD_MINE\n\t${asked}\n`);
      }
      case '__has_include': {
        const [place, rest] = pick(SOURCES, b);
        const asked = pick(ASKED, c);
        const file = path.join(path.dirname(place), asked);
        if (a % 3 === 0) return this.#put(place, `${optional(`"${asked}"`)}\n${rest}`);
        return existsSync(this.#at(file))
          ? this.#put(file, undefined)
          : this.#put(file, `#define ASKED ${a % 5}\n`);
      }
      case 'shadowing header': {
        const file = `${module}/${pick(HEADER_PLACES, b)}/${pick(HEADERS, c)}`;
        if (module === 'none') return false;
        return existsSync(this.#at(file))
          ? this.#put(file, undefined)
          : this.#put(file, `#define GREETING ${c % 9}\n`);
      }
      case 'header':
        if (module === 'none') return false;
        return this.#put(
          `${module}/include/greeting.h`,
          `${c % 4 === 0 ? `${pick(CODE.slice(2), b)}\n` : ''}#define GREETING ${c % 5}\n`,
        );
      case 'code':
        if (module === 'none') return false;
        return this.#put(`${module}/src/greeting.c`, `${pick(CODE, b)}\n${pick(CODE, c)}\nint g${a % 3};\n`);
      case 'hidden code':
        if (module === 'none') return false;
        this.#put(`${module}/src/logo.bin`, `logo ${b % 3}`);
        if (c % 2 === 0) return true;
        return this.#put(`${module}/src/greeting.c`, '__asm__(".incbin \\"logo.bin\\"");\n');
      case 'list file': {
        if (module === 'none') return false;
        const lines = [pick(LIST_LINES, b), pick(LIST_LINES, c)].filter(
          line => !line.includes('notes') || a % 3 === 0,
        );
        this.#put(`${module}/notes.txt`, `notes ${b % 2}`);
        return this.#put(
          `${module}/CMakeLists.txt`,
          `zephyr_library()\nzephyr_library_sources(src/greeting.c)\n${lines.join('\n')}\n`,
        );
      }
      case 'ignored file': {
        const file = `${SECRET}/${pick(SECRETS, b)}`;
        if (!existsSync(this.#at(SECRET))) return false;
        return c % 4 === 0 ? this.#put(file, undefined) : this.#put(file, `/ { s${c % 3}; };\n`);
      }
      case 'ignored directory':
        this.#put('workspace/zmk/.git/info/exclude', 'secret*\nown\n');
        if (c % 3 === 0) return this.#put(SECRET, undefined);
        for (const file of SECRETS.slice(0, 2)) this.#put(`${SECRET}/${file}`, `/ { d${c % 3}; };\n`);
        return true;
      case 'link in the workspace':
        for (const file of SECRETS.slice(0, 2)) this.#put(`module/shield/${file}`, `/ { w${c % 3}; };\n`);
        // The target of the link is edited separately.
        if (c % 2 === 0) return true;
        return this.#link([SECRET, ['../../../../../module/shield']], 0);
      case 'file of the workspace':
        return this.#put('workspace/zmk/app/prj.conf', `CONFIG_REVISION=${c % 4}\n`);
      case 'west update':
        return this.#update(b);
      case 'tool':
        return this.#tool(pick(TOOL_FILES, b), c);
      case 'library':
        return this.#tool(pick(['arm/lib/libc.a', 'arm/lib/libgcc.a'], b), c);
      case 'failed build':
        return this.#befall(pick<Mishap>(['dies', 'is cut off'], b));
      case 'damaged records':
        return this.#befall('leaves damaged records');
    }
  }

  #befall(mishap: Mishap): boolean {
    this.#keyboards.mishap = mishap;
    return true;
  }

  #isModule(module: string): boolean {
    return (
      existsSync(this.#at(`${module}/zephyr/module.yml`)) && existsSync(this.#at(`${module}/CMakeLists.txt`))
    );
  }

  /** Checks out another commit: some files change, one may be added, one may be removed. */
  #update(b: number): boolean {
    const own = 'workspace/zmk/app';
    const read = (file: string) => readFileSync(this.#at(`${own}/${file}`), 'utf8');
    const files: Record<string, string> = {
      'app/prj.conf': `CONFIG_COMMIT=${this.#commits++ % 3}\n`,
      'app/CMakeLists.txt': read('CMakeLists.txt'),
      'app/dts/behaviors.dtsi': read('dts/behaviors.dtsi'),
    };
    if (b % 2 === 0) files['own/src/greeting.h'] = `#define GREETING ${b % 7}\n`;
    if (b % 3 === 0) files['app/include/mem.h'] = '#define COMMITTED\n';
    checkOut(this.#at('workspace/zmk'), files);
    return true;
  }

  /** Replaces a part of the compiler, with the size and time of the former. */
  #tool(file: string, c: number): boolean {
    const { tools } = this.#keyboards;
    const before = statSync(path.join(tools, file));
    writeTool(tools, file, String(c % 3));
    utimesSync(path.join(tools, file), before.atime, before.mtime);
    return true;
  }

  #at(place: string): string {
    return path.join(this.#keyboards.root, place);
  }

  #put(file: string, content: string | undefined): boolean {
    rmSync(this.#at(file), { recursive: true, force: true });
    if (content !== undefined) writeFiles(this.#keyboards.root, { [file]: content });
    return true;
  }

  /** Redirects a link, or replaces it by a directory or file. */
  #link([place, targets]: [string, string[]], c: number): boolean {
    const at = this.#at(place);
    const isWhole = targets.length <= 2;
    rmSync(at, { recursive: true, force: true });
    if (c % 5 === 0 && !isWhole) return true;
    mkdirSync(path.dirname(at), { recursive: true });
    symlinkSync(pick(targets, c), at);
    return true;
  }
}
