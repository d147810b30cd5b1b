import { mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { createToolchain, ToolchainError } from '../../../src/builder/toolchains/index.ts';
import type { CompileOutcome, ObservedInputs } from '../../../src/builder/toolchains/toolchain.ts';
import type { CommandToolchainOptions } from '../../../src/config/toolchain-options.ts';
import { PERL, type RigRun } from '../rig/rig.ts';
import { compiling, describe, type Project, projectFor, scripted } from './project.ts';

/** The declared inputs, relative to the project. */
async function declared(project: Project, inputs: string[], options: Partial<CommandToolchainOptions> = {}) {
  const toolchain = createToolchain(describe(project, scripted('', { inputs, ...options })));
  const files = await toolchain.declaredInputs();
  return files.map(file => path.relative(project.directory, file));
}

test('declared inputs are the files that match the globs, sorted, dot files included', async t => {
  const project = await projectFor(t);
  for (const file of [
    'config/.hidden/x',
    'config/B',
    'config/a',
    'boards/x.dts',
    'README.md',
    'config/[x]',
  ]) {
    await project.put(file);
  }
  await mkdir(path.join(project.directory, 'config/empty'));
  t.deepEqual(await declared(project, ['config/**', 'boards/*.dts', '!config/a']), [
    'boards/x.dts',
    'config/.hidden/x',
    'config/B',
    'config/[x]',
    'config/corne.keymap',
  ]);
  t.deepEqual(await declared(project, ['config', 'config/**', './config/a']), [
    'config/.hidden/x',
    'config/B',
    'config/[x]',
    'config/a',
    'config/corne.keymap',
  ]);
});

test('declared inputs are absolute, and may be outside of the project', async t => {
  const project = await projectFor(t);
  const shared = await project.put('../shared/keys.h');
  const toolchain = createToolchain(
    describe(project, scripted('', { inputs: ['../shared/*', 'config/**'] })),
  );
  t.deepEqual(await toolchain.declaredInputs(), [
    path.join(project.directory, 'config/corne.keymap'),
    shared,
  ]);
});

test("git's own files and build outputs are not inputs", async t => {
  const project = await projectFor(t);
  for (const file of ['.git/config', 'firmware/left.uf2', 'sub/.git', 'firmware2/x', '.gitignore'])
    await project.put(file);
  t.deepEqual(await declared(project, ['**']), ['.gitignore', 'config/corne.keymap', 'firmware2/x']);
});

test('another output directory is not an input either', async t => {
  const project = await projectFor(t);
  for (const file of ['out [1]/left.uf2', 'firmware/x']) await project.put(file);
  const toolchain = createToolchain({
    ...describe(project, scripted('', { inputs: ['**'] })),
    outputDirectory: path.join(project.directory, 'out [1]'),
  });
  t.deepEqual(
    (await toolchain.declaredInputs()).map(file => path.relative(project.directory, file)),
    ['config/corne.keymap', 'firmware/x'],
  );
});

test('links are followed to files and directories, wherever these are', async t => {
  const project = await projectFor(t);
  const dotfile = await project.put('../dotfiles/mine.keymap');
  await project.put('../dotfiles/shared/deep/x.dtsi');
  await project.put('boards/b.dts');
  await project.put('firmware/left.uf2');
  await project.put('config/.git/config');
  const link = (name: string, to: string) => symlink(to, path.join(project.directory, 'config', name));
  await link('mine.keymap', dotfile);
  await link('boards', '../boards');
  await link('shared', '../../dotfiles/shared');
  await link('output', '../firmware');
  await link('device', '/dev/zero');
  await link('nowhere', 'absent');
  t.deepEqual(await declared(project, ['config/**']), [
    'config/boards/b.dts',
    'config/corne.keymap',
    'config/mine.keymap',
    'config/shared/deep/x.dtsi',
  ]);
  t.deepEqual(await declared(project, ['config/*/*/*']), ['config/shared/deep/x.dtsi']);
});

test('a link to a directory around itself is followed once', async t => {
  const project = await projectFor(t);
  await project.put('../dotfiles/x.dtsi');
  await project.put('boards/b.dts');
  await project.put('firmware/left.uf2');
  const link = (name: string, to: string) => symlink(to, path.join(project.directory, 'config', name));
  await link('around', '..');
  await link('circle', 'circle');
  t.deepEqual(await declared(project, ['config/**']), [
    'config/around/boards/b.dts',
    'config/around/config/corne.keymap',
    'config/corne.keymap',
  ]);
  await rm(path.join(project.directory, 'config/around'));
  await symlink(project.directory, path.join(project.directory, '../dotfiles/back'));
  await link('shared', '../../dotfiles');
  await link('self', '.');
  const files = await declared(project, ['config/**']);
  for (const file of [
    'shared/x.dtsi',
    'shared/back/boards/b.dts',
    'self/corne.keymap',
    'self/shared/x.dtsi',
  ]) {
    t.true(files.includes(`config/${file}`), file);
  }
  t.deepEqual(
    files.filter(file => file.split('/').length > 9 || file.includes('firmware')),
    [],
  );
});

test('a directory of inputs may itself be a link', async t => {
  const project = await projectFor(t);
  await project.put('../dotfiles/x.dtsi');
  await symlink('../dotfiles', path.join(project.directory, 'dots'));
  t.deepEqual(await declared(project, ['dots/**']), ['dots/x.dtsi']);
});

test('a link to more files than can be read for each build is refused by name', async t => {
  const project = await projectFor(t);
  for (const [name, to] of [
    ['root', '/'],
    ['config/usr', '/usr'],
  ] as const) {
    await symlink(to, path.join(project.directory, name));
    const error = await t.throwsAsync(declared(project, [`${name}/**`]), { instanceOf: ToolchainError });
    t.regex(
      error?.message ?? '',
      new RegExp(`^The link ${project.directory}/${name} leads to ${to}, with more than`),
    );
  }
  t.deepEqual(await declared(project, ['config/*']), ['config/corne.keymap']);
});

test('links between two directories do not loop for ever', async t => {
  const project = await projectFor(t);
  await project.put('config/a/x');
  await project.put('config/b/y');
  await symlink('../b', path.join(project.directory, 'config/a/b'));
  await symlink('../a', path.join(project.directory, 'config/b/a'));
  const files = await declared(project, ['config/**']);
  for (const file of ['config/a/x', 'config/a/b/y', 'config/b/y', 'config/b/a/x'])
    t.true(files.includes(file), file);
});

test('globs without a match are an error, because no change would be noticed', async t => {
  const project = await projectFor(t);
  await t.throwsAsync(declared(project, ['confg/**']), {
    instanceOf: ToolchainError,
    message: /No file in .* matches toolchains\.command\.inputs \(confg\/\*\*\)/,
  });
  t.deepEqual(await declared(project, []), []);
});

test('a program of the project is an input', async t => {
  const project = await projectFor(t);
  await project.put('tool.sh');
  t.deepEqual(await declared(project, ['config/**'], { program: './tool.sh' }), [
    'config/corne.keymap',
    'tool.sh',
  ]);
});

/** The observed inputs of a compile that does this. */
async function observed(
  t: ExecutionContext,
  project: Project,
  act: (run: RigRun) => Promise<void>,
  toolchain: Partial<CommandToolchainOptions> = {},
  more: readonly string[] = [],
): Promise<ObservedInputs | undefined> {
  const { rig, outcome } = await compiling(t, { project, toolchain, more });
  const run = await rig.nextRun();
  await act(run);
  await run.succeed();
  const result = await outcome;
  t.true(result.ok);
  await rm(project.build, { recursive: true });
  await mkdir(project.build);
  return result.ok ? result.observed : undefined;
}

test('observed inputs are the files that the dependency file lists, except those that the build made itself', async t => {
  const project = await projectFor(t);
  const keymap = path.join(project.directory, 'config/corne.keymap');
  const undeclared = await project.put('not declared $#.h');
  const outside = await project.put('../outside.h');
  const inputs = await observed(t, project, async run => {
    await run.write('keymap.c', 'made');
    await run.observed([
      'config/corne.keymap',
      undeclared,
      keymap,
      outside,
      path.join(project.build, 'keymap.c'),
      '/dev/null',
      project.directory,
    ]);
  });
  t.deepEqual(inputs, {
    files: [keymap, undeclared, outside].sort(),
    directories: [],
    absent: [],
    declared: 'names',
  });
});

test('a program of the project is observed as well', async t => {
  const project = await projectFor(t);
  const tool = await project.put('compiler');
  await rm(tool);
  await symlink(PERL, tool);
  const inputs = await observed(t, project, run => run.observed(['config/corne.keymap']), {
    program: './compiler',
  });
  t.deepEqual(inputs?.files, [tool, path.join(project.directory, 'config/corne.keymap')]);
});

test('a dependency file in a folder of the build directory is found', async t => {
  const project = await projectFor(t);
  const inputs = await observed(t, project, run => run.write('deps/all.d', 'x: config/corne.keymap\n'), {
    observed: 'deps/all.d',
  });
  t.is(inputs?.files.length, 1);
});

/** The reported inputs of a compile with this dependency file. */
async function listing(
  t: ExecutionContext,
  project: Project,
  act: (run: RigRun) => Promise<void>,
): Promise<CompileOutcome & { ok: true }> {
  const { rig, outcome } = await compiling(t, { project });
  const run = await rig.nextRun();
  await act(run);
  await run.succeed();
  const result = await outcome;
  await rm(project.build, { recursive: true });
  await mkdir(project.build);
  if (!result.ok) throw new Error(result.message);
  return result;
}

test('an unreadable dependency file makes the result uncacheable', async t => {
  const project = await projectFor(t);
  const contents: Record<string, string | Uint8Array> = {
    empty: '',
    garbled: 'config/corne.keymap\n',
    truncated: 'x: config/corne.keymap \\\n',
    'not text': Buffer.from([0x78, 0x3a, 0x20, 0xff, 0x0a]),
  };
  for (const [name, content] of Object.entries(contents)) {
    const { observed, untraceable } = await listing(t, project, run => run.write('inputs.d', content));
    t.is(observed, undefined, name);
    t.regex(untraceable ?? '', /dependency file inputs\.d .* cannot be read/, name);
  }
  const device = await listing(t, project, run => run.link('inputs.d', '/dev/zero'));
  t.is(device.observed, undefined);
  t.truthy(device.untraceable);
});

test('without a dependency file, or with one that only lists outputs of the build, all declared inputs count', async t => {
  const project = await projectFor(t);
  t.is(await observed(t, project, async () => {}), undefined);
  const own = (run: RigRun) => run.write('inputs.d', `x: ${project.build}/inputs.d\n`);
  t.is(await observed(t, project, own), undefined);
});

test('a listed file that was removed is an input, so that its removal is noticed', async t => {
  const project = await projectFor(t);
  const inputs = await observed(t, project, run =>
    run.write('inputs.d', 'x: config/corne.keymap config/gone.h\n'),
  );
  t.deepEqual(
    inputs?.files.map(file => path.relative(project.directory, file)),
    ['config/corne.keymap', 'config/gone.h'],
  );
});

test('words in a source that leave uncertain what was read make every declared input count', async t => {
  const project = await projectFor(t);
  await project.put('config/logo.c', '__asm__(".incbin \\"logo.bin\\"");\n');
  const inputs = await observed(t, project, run => run.write('inputs.d', 'x: config/logo.c\n'));
  t.is(inputs?.declared, 'contents');
});

test('names that an undeclared file looks for in vain are inputs, as are the files that it includes', async t => {
  const project = await projectFor(t);
  const data = await project.put('../shared/data.bin');
  await project.put(
    '../shared/base.h',
    '#include "other.h"\n#if __has_include("extra.h")\n#endif\n__asm__(".incbin \\"data.bin\\"");\n',
  );
  await project.put('../shared/other.h');
  const inputs = await observed(t, project, run =>
    run.write('inputs.d', 'x: config/corne.keymap ../shared/base.h\n'),
  );
  const shared = path.dirname(data);
  t.true(inputs?.files.map(file => path.resolve(file)).includes(data));
  t.deepEqual(
    inputs?.absent.map(file => path.resolve(file)).sort(),
    // The assembler searches its working directory.
    [path.join(shared, 'extra.h'), path.join(project.directory, 'data.bin')].sort(),
  );
});

test('a dangling link is looked for in vain', async t => {
  const project = await projectFor(t);
  await project.put('config/main.c', '#if __has_include("extra.h")\n#include "extra.h"\n#endif\n');
  const link = path.join(project.directory, 'config/extra.h');
  await symlink('nowhere.h', link);
  const inputs = await observed(t, project, run => run.observed(['config/main.c']));
  t.true(inputs?.absent.map(file => path.resolve(file)).includes(link));
});

test('a header that would be found first, in an undeclared header directory, is an input while it is missing', async t => {
  const project = await projectFor(t);
  await project.put('config/main.c', '#include <greeting.h>\n#include "sub/more.h"\n');
  const found = await project.put('../second/greeting.h', '#include <deep.h>\n');
  const more = await project.put('../third/sub/more.h');
  const shared = path.resolve(project.directory, '..');
  const inputs = await observed(
    t,
    project,
    run => run.observed(['config/main.c', found, '../third/sub/more.h']),
    {},
    ['-I', '../first', `-I${shared}/second`, '', '-isystem', '../third'],
  );
  t.true(inputs?.files.map(file => path.resolve(file)).includes(more));
  const absent = new Set(inputs?.absent.map(file => path.relative(shared, path.resolve(file))));
  for (const file of [
    ...['first/greeting.h', 'third/greeting.h', 'first/sub/more.h', 'second/sub/more.h'],
    ...['first/deep.h', 'second/deep.h', 'third/deep.h'],
  ]) {
    t.true(absent.has(file), file);
  }
  // Even where no argument says so.
  const unsaid = await observed(t, project, run => run.observed(['config/main.c', found, more]));
  t.true(unsaid?.absent.includes(path.join(shared, 'third/greeting.h')));
});

test('includes of an outside source are inputs as well, wherever the assembler finds them', async t => {
  const project = await projectFor(t);
  await project.put('../shared/base.dtsi', '/include/ "more.dtsi"\n');
  const more = await project.put('../shared/more.dtsi', '/incbin/("logo.bin");\n');
  const logo = await project.put('logo.bin', 'logo');
  const inputs = await observed(t, project, run =>
    run.observed(['config/corne.keymap', '../shared/base.dtsi']),
  );
  const files = inputs?.files.map(file => path.resolve(file));
  t.true(files?.includes(more) && files.includes(logo));
  t.is(inputs?.declared, 'contents');
  t.true(inputs?.absent.map(file => path.resolve(file)).includes(path.join(path.dirname(more), 'logo.bin')));
});

test('without a dependency file in the options nothing is observed', async t => {
  const project = await projectFor(t);
  await writeFile(path.join(project.build, 'inputs.d'), 'x: config/corne.keymap\n');
  const { rig, outcome } = await compiling(t, { project, toolchain: { observed: undefined } as never });
  await (await rig.nextRun()).succeed();
  t.deepEqual(Object.keys(await outcome), ['ok', 'artifacts']);
});
