// Real ccache with a real compiler: an object that was compiled from other headers is never reused.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { Target } from '../../src/builder/incremental/index.ts';
import { parseDependencyFile } from '../../src/builder/toolchains/dependency-file.ts';
import { inFull } from '../support/extent.ts';
import { programFile } from '../support/program-file.ts';
import { CONFIG, type Compilers, Keyboards } from './precise/keyboards.ts';
import { MODULE } from './precise/shapes.ts';
import { writeFiles } from './toolchains/observed/workspace.ts';
import type { CompileObject, ZmkCompiler } from './toolchains/observed/zmk.ts';

const TARGET: Target = {
  ...{ board: 'nice_nano_v2', shield: 'corne_left', artifactName: 'corne' },
  cmakeArgs: '-DZMK_EXTRA_MODULES={root}/module',
};

/** The statistics of ccache, summed over all tests of one kind. */
const LOG = 'ccache-statistics';

function findPrograms(): { gcc: string; ccache: string } | string {
  try {
    return { gcc: programFile('gcc'), ccache: programFile('ccache') };
  } catch (error) {
    return (error as Error).message;
  }
}

const programs = findPrograms();

/** Compiles with GCC, through ccache or not. */
function compileWith(command: string[], env: Record<string, string>): CompileObject {
  return (source, include) => {
    const scratch = mkdtempSync(path.join(os.tmpdir(), 'object-'));
    const [object, dependencies] = ['x.o', 'x.d'].map(name => path.join(scratch, name)) as [string, string];
    try {
      const [program, ...words] = command;
      const directories = include.map(directory => `-I${directory}`);
      execFileSync(
        program!,
        [...words, ...directories, '-MD', '-MF', dependencies, '-o', object, '-c', source],
        {
          env: { PATH: process.env.PATH ?? '', ...env },
          stdio: 'pipe',
        },
      );
      return {
        object: readFileSync(object, 'base64'),
        read: parseDependencyFile(readFileSync(dependencies, 'utf8')) ?? [],
      };
    } finally {
      rmSync(scratch, { recursive: true });
    }
  };
}

function compilersOf({ gcc, ccache }: { gcc: string; ccache: string }): Compilers {
  const library = execFileSync(gcc, ['-print-libgcc-file-name'], { encoding: 'utf8' }).trim();
  const compiler = (compile: CompileObject): ZmkCompiler => ({
    compile,
    variables: { CMAKE_C_COMPILER: gcc },
    libraries: [library],
    contents: '',
  });
  return {
    plain: () => compiler(compileWith([gcc], {})),
    cached: ({ root }, environment) =>
      compiler(compileWith([ccache, gcc], { ...environment, CCACHE_STATSLOG: path.join(root, LOG) })),
  };
}

interface Desk {
  keyboards: Keyboards;
  put(files: Record<string, string>): void;
  /** Builds, and compares the result with a build without any cache. Resolves to what ccache did, if it ran. */
  build(): Promise<string | undefined>;
}

function deskFor(t: ExecutionContext): Desk | undefined {
  if (typeof programs === 'string') {
    t.log(`skipped: ${programs}`);
    t.pass();
    return undefined;
  }
  const keyboards = new Keyboards(CONFIG, compilersOf(programs));
  t.teardown(() => keyboards.close());
  const put = (files: Record<string, string>) => writeFiles(keyboards.root, files);
  put(Object.fromEntries(Object.entries(MODULE).map(([file, content]) => [`module/${file}`, content])));
  const log = path.join(keyboards.root, LOG);
  return {
    ...{ keyboards, put },
    async build() {
      rmSync(log, { force: true });
      const made = await keyboards.make(TARGET);
      if ('failure' in made) throw new Error(made.failure);
      t.is(made.firmware, keyboards.fresh(TARGET) ?? 'nothing');
      if (!existsSync(log)) return undefined;
      return /^(?:direct_cache_hit|preprocessed_cache_hit|cache_miss)$/m.exec(readFileSync(log, 'utf8'))?.[0];
    },
  };
}

/** Compiles the target again although none of its objects' inputs changed. */
function touchKeymap({ keyboards }: Desk, content: string): void {
  keyboards.write({ 'config/corne.keymap': `/ { ${content}; };\n` });
}

test('ccache returns an object without the preprocessor while no file name appears or disappears', async t => {
  const desk = deskFor(t);
  if (!desk) return;
  t.is(await desk.build(), 'cache_miss');
  // Files that were written a moment ago may have changed during the build.
  while ((await desk.build()) !== undefined);
  touchKeymap(desk, 'other');
  t.is(await desk.build(), 'direct_cache_hit');
  desk.keyboards.write({ 'config/corne_left.conf': 'CONFIG_A=y\n' });
  t.is(await desk.build(), 'direct_cache_hit', 'a name that no compiler looks for');
  desk.put({ 'module/include/greeting.h': '#define GREETING 2\n' });
  t.is(await desk.build(), 'cache_miss');
});

inFull('a new header that is found first is compiled, and older objects are not used again', async t => {
  const desk = deskFor(t);
  if (!desk) return;
  await desk.build();
  for (const value of [2, 3, 2]) {
    desk.put({ 'module/src/greeting.h': `#define GREETING ${value}\n` });
    await desk.build();
    await desk.build();
    touchKeymap(desk, `v${value}`);
    await desk.build();
  }
  rmSync(path.join(desk.keyboards.root, 'module/src/greeting.h'));
  await desk.build();
  touchKeymap(desk, 'last');
  await desk.build();
});

inFull('a header that another commit of a project adds is compiled', async t => {
  const desk = deskFor(t);
  if (!desk) return;
  const { root } = desk.keyboards;
  const own = Object.entries(MODULE).map(([file, content]) => [`workspace/zmk/own/${file}`, content]);
  desk.put(Object.fromEntries(own));
  const target = { ...TARGET, cmakeArgs: '-DZMK_EXTRA_MODULES={root}/workspace/zmk/own' };
  const build = async () => {
    const made = await desk.keyboards.make(target);
    t.is('failure' in made ? made.failure : made.firmware, desk.keyboards.fresh(target) ?? 'nothing');
  };
  const git = (...words: string[]) =>
    execFileSync('git', [
      '-C',
      path.join(root, 'workspace/zmk'),
      '-c',
      'user.name=t',
      '-c',
      'user.email=t@example.org',
      ...words,
    ]);
  const commit = (message: string) => {
    git('add', '--all');
    git('commit', '-q', '-m', message);
  };
  commit('A module');
  await build();
  desk.put({ 'workspace/zmk/own/src/greeting.h': '#define GREETING 5\n' });
  commit('A header beside the source');
  await build();
  git('checkout', '-q', 'HEAD~1');
  await build();
  git('checkout', '-q', '-');
  await build();
});

test('a ccache directory of an older Glovebox is removed', async t => {
  const desk = deskFor(t);
  if (!desk) return;
  const former = path.join(desk.keyboards.root, 'cache/west/ccache');
  mkdirSync(former, { recursive: true });
  writeFileSync(path.join(former, 'x'), '');
  utimesSync(former, 1, 1);
  await desk.build();
  t.false(existsSync(former));
});
