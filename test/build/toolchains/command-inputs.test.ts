import { mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { createToolchain, ToolchainError } from '../../../src/build/toolchains/index.ts';
import type { CommandToolchainOptions } from '../../../src/config/toolchain-options.ts';
import type { ObservedInputs } from '../../../src/domains/compilation/toolchain.ts';
import { PERL, type RigRun } from '../rig/rig.ts';
import { compiling, describe, type Project, projectFor, scripted } from './project.ts';

/** The declared inputs, relative to the project. */
async function declared(project: Project, inputs: string[], options: Partial<CommandToolchainOptions> = {}) {
  const toolchain = createToolchain(describe(project, scripted('', { inputs, ...options })));
  const files = await toolchain.declaredInputs();
  return files.map(file => path.relative(project.directory, file));
}

test('declared inputs are the files of the globs, sorted, with those that begin with a dot', async t => {
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

test('what git keeps and what builds write are no inputs', async t => {
  const project = await projectFor(t);
  for (const file of ['.git/config', 'firmware/left.uf2', 'sub/.git', 'firmware2/x', '.gitignore'])
    await project.put(file);
  t.deepEqual(await declared(project, ['**']), ['.gitignore', 'config/corne.keymap', 'firmware2/x']);
});

test('another output directory is no input either', async t => {
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

test('links are followed to files, and to directories inside the project only', async t => {
  const project = await projectFor(t);
  const dotfile = await project.put('../dotfiles/mine.keymap');
  await project.put('../dotfiles/secret/x');
  await project.put('boards/b.dts');
  await project.put('firmware/left.uf2');
  const link = (name: string, to: string) => symlink(to, path.join(project.directory, 'config', name));
  await link('mine.keymap', dotfile);
  await link('boards', '../boards');
  await link('outside', path.dirname(dotfile));
  await link('root', '/');
  await link('around', '..');
  await link('self', '.');
  await link('output', '../firmware');
  await link('device', '/dev/zero');
  await link('nowhere', 'absent');
  t.deepEqual(await declared(project, ['config/**']), [
    'config/boards/b.dts',
    'config/corne.keymap',
    'config/mine.keymap',
  ]);
});

test('links between two directories end', async t => {
  const project = await projectFor(t);
  await project.put('config/a/x');
  await project.put('config/b/y');
  await symlink('../b', path.join(project.directory, 'config/a/b'));
  await symlink('../a', path.join(project.directory, 'config/b/a'));
  const files = await declared(project, ['config/**']);
  for (const file of ['config/a/x', 'config/a/b/y', 'config/b/y', 'config/b/a/x'])
    t.true(files.includes(file), file);
});

test('globs that match nothing are an error, because no change would be noticed', async t => {
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

/** What is known to be read when the compiler does this. */
async function observed(
  t: ExecutionContext,
  project: Project,
  act: (run: RigRun) => Promise<void>,
  toolchain: Partial<CommandToolchainOptions> = {},
): Promise<ObservedInputs | undefined> {
  const { rig, outcome } = await compiling(t, { project, toolchain });
  const run = await rig.nextRun();
  await act(run);
  await run.succeed();
  const result = await outcome;
  t.true(result.ok);
  await rm(project.build, { recursive: true });
  await mkdir(project.build);
  return result.ok ? result.observed : undefined;
}

test('observed inputs are what the dependency file lists, but for what the build made itself', async t => {
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
  t.deepEqual(inputs, { files: [keymap, undeclared, outside].sort(), directories: [], absent: [] });
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

test('a dependency file that cannot be trusted says nothing, so that all declared inputs count', async t => {
  const project = await projectFor(t);
  const contents: Record<string, string | Uint8Array | undefined> = {
    missing: undefined,
    empty: '',
    garbled: 'config/corne.keymap\n',
    truncated: 'x: config/corne.keymap \\\n',
    'not text': Buffer.from([0x78, 0x3a, 0x20, 0xff, 0x0a]),
    'a file that is gone': 'x: config/corne.keymap config/gone.h\n',
    'only what the build made': `x: ${project.build}/inputs.d\n`,
  };
  for (const [name, content] of Object.entries(contents)) {
    const inputs = await observed(t, project, async run => {
      if (content !== undefined) await run.write('inputs.d', content);
    });
    t.is(inputs, undefined, name);
  }
  t.is(await observed(t, project, run => run.link('inputs.d', '/dev/zero')), undefined);
});

test('without a dependency file in the options nothing is observed', async t => {
  const project = await projectFor(t);
  await writeFile(path.join(project.build, 'inputs.d'), 'x: config/corne.keymap\n');
  const { rig, outcome } = await compiling(t, { project, toolchain: { observed: undefined } as never });
  await (await rig.nextRun()).succeed();
  t.deepEqual(Object.keys(await outcome), ['ok', 'artifacts']);
});
