// Soundness of cached firmware: it is what a build without a cache makes, even where no build record shows what was
// read. Each case stands for a kind; random edits of all kinds are in precise-random.test.ts.
import { mkdirSync, renameSync, rmSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { Target } from '../../src/builder/incremental/index.ts';
import { inFull } from '../support/extent.ts';
import { CONFIG, Keyboards } from './precise/keyboards.ts';
import { writeTool } from './toolchains/observed/tools.ts';
import { writeFiles } from './toolchains/observed/workspace.ts';

const CORNE: Target = { board: 'nice_nano_v2', shield: 'corne_left', artifactName: 'corne' };

interface Desk {
  keyboards: Keyboards;
  /** Files by their paths in the directory that holds the config and the workspace. */
  put(files: Record<string, string>): void;
  /** A link there, with a target relative to its own place. */
  link(place: string, target: string): void;
  remove(place: string): void;
  /** Builds until the target comes from the cache, and compares it with a build without one. */
  settle(target?: Target): Promise<string>;
  /**
   * Changes something that affects the firmware and builds: the result is what a build without a cache makes. Undone,
   * the target comes from the cache again.
   */
  changes(what: string, change: () => void, undo?: () => void): Promise<void>;
}

function deskFor(t: ExecutionContext, files: Record<string, string> = {}, target: Target = CORNE): Desk {
  const keyboards = new Keyboards({ ...CONFIG, ...files });
  t.teardown(() => keyboards.close());
  const at = (place: string) => path.join(keyboards.root, place);
  const desk: Desk = {
    keyboards,
    put: content => writeFiles(keyboards.root, content),
    remove: place => rmSync(at(place), { recursive: true, force: true }),
    link(place, to) {
      mkdirSync(path.dirname(at(place)), { recursive: true });
      rmSync(at(place), { recursive: true, force: true });
      symlinkSync(to, at(place));
    },
    async settle(one: Target = target) {
      for (let attempt = 0; attempt < 20; attempt++) {
        const made = await keyboards.make(one);
        if ('failure' in made) throw new Error(made.failure);
        t.is(made.firmware, keyboards.fresh(one) ?? 'nothing');
        // A compile whose directories are a few milliseconds old is not cached.
        if (made.source === 'cache') return made.firmware;
      }
      throw new Error(`It is never kept: ${keyboards.warnings.at(-1)}`);
    },
    async changes(what, change, undo) {
      const before = await desk.settle();
      change();
      const made = await keyboards.make(target);
      const fresh = keyboards.fresh(target);
      t.not(fresh, before, `${what} changes the firmware`);
      t.is('failure' in made ? undefined : made.firmware, fresh, what);
      await desk.settle();
      undo?.();
      if (undo) t.is(await desk.settle(), before, `${what}, undone`);
    },
  };
  return desk;
}

// Words in a comment that leave uncertain what was read.
const DOUBT = '// layer 4 is for embed commands\n';

test('edits behind a config that is a link count, also with a word that leaves its inputs uncertain', async t => {
  const desk = deskFor(t);
  const { repository, root } = desk.keyboards;
  renameSync(path.join(repository, 'config'), path.join(root, 'dots'));
  desk.link('repository/config', '../dots');
  desk.put({ 'dots/corne.keymap': `${DOUBT}/ { corne; };\n` });
  const edit = (content: string) => () => desk.put({ 'dots/corne.keymap': `${DOUBT}/ { ${content}; };\n` });
  await desk.changes('an edit behind the link', edit('other'), edit('corne'));
  desk.put({ 'other dots/corne.keymap': '/ { other; };\n', 'other dots/west.yml': '' });
  await desk.changes(
    'the link itself',
    () => desk.link('repository/config', '../other dots'),
    () => desk.link('repository/config', '../dots'),
  );
});

test('an include outside of the repository counts, also with a word that leaves its inputs uncertain', async t => {
  const desk = deskFor(t, {
    'config/corne.keymap': `${DOUBT}#include "../../shared/base.dtsi"\n/ { corne; };\n`,
  });
  const edit = (content: string) => () => desk.put({ 'shared/base.dtsi': `/ { ${content}; };\n` });
  edit('base')();
  await desk.changes('an edit of the include', edit('other'), edit('base'));
  // All declared inputs count as well: any of them may have been read.
  await desk.settle();
  desk.keyboards.write({ 'config/notes.txt': 'a note' });
  t.like(await desk.keyboards.make(CORNE), { source: 'compiled' });
});

test('an include behind a link and a `..` changes when the link leads elsewhere', async t => {
  const desk = deskFor(t, { 'config/corne.keymap': '#include "shared/keys.dtsi"\n/ { corne; };\n' });
  for (const place of ['one', 'other']) {
    const keys = '#include "../timing.dtsi"\n';
    desk.put({ [`${place}/shared/keys.dtsi`]: keys, [`${place}/timing.dtsi`]: `/ { ${place}; };\n` });
  }
  const lead = (place: string) => () => desk.link('repository/config/shared', `../../${place}/shared`);
  lead('one')();
  await desk.changes('the link', lead('other'), lead('one'));
});

inFull('the target of a dangling link counts once it is created', async t => {
  const desk = deskFor(t);
  desk.put({ 'shared/corne.conf': 'CONFIG_A=y\n' });
  const lead = (target: string) => () => desk.link('repository/config/corne_left.conf', target);
  lead('nowhere.conf')();
  await desk.changes('the link itself', lead('../../shared/corne.conf'), lead('nowhere.conf'));
  const appear = () => desk.put({ 'repository/config/nowhere.conf': 'CONFIG_B=y\n' });
  await desk.changes('where it leads to', appear, () => desk.remove('repository/config/nowhere.conf'));
  lead('corne_left.conf')();
  await desk.changes('a link to itself', lead('../../shared/corne.conf'));
});

inFull('a link among headers counts when it leads to a file, and later to a directory', async t => {
  const target = { ...CORNE, cmakeArgs: '-DZMK_EXTRA_MODULES={root}/module' };
  const desk = deskFor(t, {}, target);
  desk.put({
    ...MODULE,
    'module/src/greeting.c': '#if __has_include(<sub/deep.h>)\n#include <sub/deep.h>\n#endif\n',
    'headers/deep.h': '#define GREETING 2\n',
  });
  const lead = (to: string) => () => desk.link('module/include/sub', to);
  lead('greeting.h')();
  await desk.changes('the link', lead('../../headers'), lead('greeting.h'));
});

test('damaged records make a result uncacheable', async t => {
  const desk = deskFor(t, { 'config/corne.keymap': '#include "../../shared/base.dtsi"\n/ { corne; };\n' });
  desk.put({ 'shared/base.dtsi': '/ { base; };\n' });
  desk.keyboards.mishap = 'leaves damaged records';
  const made = await desk.keyboards.make(CORNE);
  t.like(made, { source: 'compiled' });
  t.deepEqual(desk.keyboards.warnings, [
    'corne is not kept for the next build: its build left no readable .ninja_deps, so its inputs are unknown.',
  ]);
  t.like(await desk.keyboards.make(CORNE), { source: 'compiled' });
  await desk.settle();
});

const MODULE = {
  'module/zephyr/module.yml': 'build: {}\n',
  'module/CMakeLists.txt':
    'zephyr_library()\nzephyr_library_sources(src/greeting.c)\nzephyr_include_directories(include)\n',
  'module/src/greeting.c': '#include "greeting.h"\nint greet(void) { return GREETING; }\n',
  'module/include/greeting.h': '#define GREETING 1\n',
};

test('a new header of a module that is found first counts, with ccache', async t => {
  const target = { ...CORNE, cmakeArgs: '-DZMK_EXTRA_MODULES={root}/module' };
  const desk = deskFor(t, {}, target);
  desk.put(MODULE);
  const shadow = (value: number) => () =>
    desk.put({ 'module/src/greeting.h': `#define GREETING ${value}\n` });
  await desk.changes('a header beside the source', shadow(2));
  // The older ccache entry is beside the newer one, and matches as long as the other header is unchanged.
  await desk.changes('an edit of it', shadow(3));
  await desk.changes('its removal', () => desk.remove('module/src/greeting.h'), shadow(3));
});

inFull(
  'a new header that is found first counts in the repository, which is a module, and in the workspace',
  async t => {
    const desk = deskFor(
      t,
      Object.fromEntries(Object.entries(MODULE).map(([file, text]) => [file.replace('module/', ''), text])),
    );
    const header = (place: string, value: number) => () =>
      desk.put({ [`${place}/greeting.h`]: `#define GREETING ${value}\n` });
    await desk.changes('a header beside the source', header('repository/src', 2));
    await desk.changes('an edit of it', header('repository/src', 3));

    const target = { ...CORNE, cmakeArgs: '-DZMK_EXTRA_MODULES={root}/workspace/zmk/module' };
    const other = deskFor(t, {}, target);
    const inside = Object.entries(MODULE).map(([file, text]) => [`workspace/zmk/${file}`, text]);
    other.put(Object.fromEntries(inside));
    const shadow = (value: number) => () =>
      other.put({ 'workspace/zmk/module/src/greeting.h': `#define GREETING ${value}\n` });
    await other.changes('a header in the workspace', shadow(2));
    await other.changes('an edit of it', shadow(3));
  },
);

inFull(
  'objects that ccache stored in failed or interrupted builds are not reused for other inputs',
  async t => {
    const target = { ...CORNE, cmakeArgs: '-DZMK_EXTRA_MODULES={root}/module' };
    const desk = deskFor(t, {}, target);
    desk.put(MODULE);
    await desk.settle();
    const shadow = (value: number) => desk.put({ 'module/src/greeting.h': `#define GREETING ${value}\n` });
    for (const mishap of ['is cut off', 'dies'] as const) {
      desk.keyboards.mishap = mishap;
      shadow(2);
      t.true('failure' in (await desk.keyboards.make(target)));
      desk.remove('module/src/greeting.h');
      desk.put({ 'module/include/greeting.h': `#define GREETING ${mishap.length}\n` });
      await desk.settle();
      shadow(3);
      await desk.settle();
    }
  },
);

test('a file that code includes without the preprocessor counts, with ccache', async t => {
  const target = { ...CORNE, cmakeArgs: '-DZMK_EXTRA_MODULES={root}/module' };
  const desk = deskFor(t, {}, target);
  const code = '__asm__(".incbin \\"logo.bin\\"");\n';
  desk.put({ ...MODULE, 'module/src/greeting.c': code, 'module/src/logo.bin': 'logo' });
  const logo = (content: string) => () => desk.put({ 'module/src/logo.bin': content });
  await desk.changes('an edit of it', logo('other'), logo('logo'));
  await desk.changes('without ccache', () => desk.put({ 'module/src/greeting.c': '\n' }));
  logo('third')();
  desk.put({ 'module/src/greeting.c': code });
  await desk.settle();
});

const SHARED = 'config/corne.keymap';

inFull('names that a file outside of the repository looks for in vain count', async t => {
  const desk = deskFor(t, { [SHARED]: '#include "../../shared/base.dtsi"\n/ { corne; };\n' });
  const extra = () => desk.put({ 'shared/extra.dtsi': '/ { extra; };\n' });
  desk.put({ 'shared/base.dtsi': '#if __has_include("extra.dtsi")\n#include "extra.dtsi"\n#endif\n' });
  await desk.changes('what __has_include asks for', extra, () => desk.remove('shared/extra.dtsi'));

  desk.put({
    'shared/base.dtsi': '#include "timing.dtsi"\n',
    'repository/config/dts/timing.dtsi': '/ { t; };\n',
  });
  await desk.changes(
    'a quoted include that was found elsewhere',
    () => desk.put({ 'shared/timing.dtsi': '/ { shared; };\n' }),
    () => desk.remove('shared/timing.dtsi'),
  );

  desk.put({
    'shared/base.dtsi': '#include "../deep/er/x.dtsi"\n',
    'deep/er/x.dtsi': '#if __has_include("../y.dtsi")\n#include "../y.dtsi"\n#endif\n',
  });
  await desk.changes(
    'a quoted include one directory above',
    () => desk.put({ 'deep/y.dtsi': '/ { y; };\n' }),
    () => desk.remove('deep/y.dtsi'),
  );
});

test('a source is read whatever it is called', async t => {
  const desk = deskFor(t, { 'config/corne.keymap': '#include "keys.txt"\n/ { corne; };\n' });
  desk.keyboards.write({ 'config/keys.txt': '#if __has_include("more")\n#include "more"\n#endif\n' });
  await desk.changes(
    'names that such a source looks for in vain',
    () => desk.keyboards.write({ 'config/more': '/ { more; };\n' }),
    () => desk.remove('repository/config/more'),
  );
});

inFull('files count that a file outside of the repository has other tools include', async t => {
  const desk = deskFor(t, { [SHARED]: '#include "../../shared/base.dtsi"\n/ { corne; };\n' });
  desk.put({
    'shared/base.dtsi': '/include/ "more.dtsi"\ndata = /incbin/("logo.bin");\n',
    'shared/more.dtsi': '#if __has_include("even-more.dtsi")\n#include "even-more.dtsi"\n#endif\n',
    'repository/config/dts/logo.bin': 'logo',
  });
  await desk.changes('files that /include/ includes', () =>
    desk.put({ 'shared/more.dtsi': '/ { more; };\n' }),
  );
  const beside = () => desk.put({ 'shared/logo.bin': 'another logo' });
  await desk.changes('what /incbin/ finds first', beside, () => desk.remove('shared/logo.bin'));
  beside();
  await desk.changes('files that /incbin/ includes', () => desk.put({ 'shared/logo.bin': 'a third logo' }));
});

test('a file outside of the repository counts if list files and settings name it', async t => {
  const desk = deskFor(t, {
    'zephyr/module.yml': 'build: {}\n',
    'CMakeLists.txt': 'file(READ \x24{CMAKE_CURRENT_LIST_DIR}/../shared/keys.txt KEYS)\n',
  });
  const keys = (content: string) => () => desk.put({ 'shared/keys.txt': content });
  keys('a')();
  await desk.changes('what CMake code reads', keys('b'), keys('a'));
});

inFull('files that git ignores in the projects of the workspace count', async t => {
  const target = { ...CORNE, shield: 'corne_left secret' };
  const desk = deskFor(t, {}, target);
  const secret = 'workspace/zmk/app/boards/shields/secret';
  desk.put({ 'workspace/zmk/.git/info/exclude': 'secret*\n', 'workspace/zephyr/.git/info/exclude': '*.h\n' });
  const overlay = (content: string) => () =>
    desk.put({ [`${secret}/secret.overlay`]: `/ { ${content}; };\n` });
  overlay('a')();
  desk.put({ [`${secret}/Kconfig.shield`]: 'config SHIELD_SECRET\n' });
  await desk.changes('an edit', overlay('b'), overlay('a'));
  await desk.changes(
    'a new file',
    () => desk.put({ [`${secret}/secret.conf`]: 'CONFIG_A=y\n' }),
    () => desk.remove(`${secret}/secret.conf`),
  );
  renameSync(path.join(desk.keyboards.root, secret), path.join(desk.keyboards.root, 'elsewhere'));
  desk.link(secret, '../../../../../elsewhere');
  await desk.changes('an edit behind a link', () => desk.put({ 'elsewhere/secret.overlay': '/ { c; };\n' }));
});

inFull(
  "the compiler's own parts and the C library count by content, with the same name, version, size and time",
  async t => {
    const desk = deskFor(t, MODULE_OF_REPOSITORY);
    const { tools } = desk.keyboards;
    for (const part of [
      'arm/bin/as',
      'arm/bin/ld',
      'bin/arm-none-eabi-objcopy',
      'arm/lib/libc.a',
      'arm/lib/libgcc.a',
      'libexec/cc1',
    ]) {
      const write = (version: string) => () => {
        const before = statSync(path.join(tools, part));
        writeTool(tools, part, version);
        utimesSync(path.join(tools, part), before.atime, before.mtime);
      };
      await desk.changes(part, write('2'), write('1'));
    }
    const folder = path.join(desk.keyboards.root, 'bin');
    mkdirSync(folder);
    await desk.settle();
    writeFileSync(path.join(folder, 'arm-none-eabi-gcc'), '');
    t.like(await desk.keyboards.make(CORNE), { source: 'compiled' }, 'a compiler that is found first');
  },
);

const MODULE_OF_REPOSITORY = Object.fromEntries(
  Object.entries(MODULE).map(([file, text]) => [file.replace('module/', ''), text]),
);
