// Detection of the tools that a build used, with this machine's GCC of any version.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { UsedTools } from '../../../../src/builder/toolchains/observed/index.ts';
import { usedTools } from '../../../../src/builder/toolchains/zephyr/used-tools.ts';
import { programFile } from '../../../support/program-file.ts';

function gcc(t: ExecutionContext): string | undefined {
  for (const name of ['arm-none-eabi-gcc', 'gcc']) {
    try {
      return programFile(name);
    } catch {
      // Try the next name.
    }
  }
  t.log('skipped: there is no gcc in PATH');
  t.pass();
  return undefined;
}

interface Build {
  directory: string;
  tools(isComplete?: boolean): Promise<UsedTools | { untraceable: string }>;
}

/** A build directory whose records name a compiler and the linked files. */
function buildWith(t: ExecutionContext, compiler: string | undefined, linked: string[] = []): Build {
  const directory = realpathSync(mkdtempSync(path.join(os.tmpdir(), 'tools-')));
  t.teardown(() => rm(directory, { recursive: true }));
  mkdirSync(path.join(directory, 'zephyr'));
  if (compiler !== undefined) {
    writeFileSync(path.join(directory, 'CMakeCache.txt'), `CMAKE_C_COMPILER:STRING=${compiler}\n`);
  }
  const loads = linked.map(file => `LOAD ${file}\n`).join('');
  writeFileSync(path.join(directory, 'zephyr/zmk.map'), `LOAD app/libapp.a\n${loads}LOAD linker stubs\n`);
  return {
    directory,
    tools: (isComplete = true) => usedTools(directory, isComplete, { PATH: process.env.PATH ?? '' }),
  };
}

test("GCC's programs and the linked libraries are found, and the places where others would be found first", async t => {
  const compiler = gcc(t);
  if (compiler === undefined) return;
  const ask = (option: string) => execFileSync(compiler, [option], { encoding: 'utf8' }).trim();
  const library = ask('-print-libgcc-file-name');
  const tools = await buildWith(t, compiler, [library]).tools();
  if ('untraceable' in tools) return t.fail(tools.untraceable);
  const real = (files: readonly string[]) => files.map(file => realpathSync(file));
  t.true(tools.files.includes(compiler));
  t.true(real(tools.files).includes(realpathSync(library)));
  for (const program of ['cc1', 'as', 'ld']) {
    const told = ask(`-print-prog-name=${program}`);
    const file = path.isAbsolute(told) ? told : programFile(program);
    t.true(real(tools.files).includes(realpathSync(file)), `${program}: ${file}`);
  }
  t.true(tools.absent.some(file => path.basename(file) === 'as'));
  t.true(
    tools.own.some(
      directory =>
        real([directory])[0] === path.dirname(realpathSync(ask('-print-file-name=include/stddef.h'))),
    ),
  );
  t.deepEqual(
    tools.absent.filter(file => tools.files.includes(file)),
    [],
  );
});

test('a compiler that does not list its parts, and a build that names no compiler, leave the tools uncertain', async t => {
  const none = await buildWith(t, undefined).tools();
  t.regex('untraceable' in none ? none.untraceable : '', /does not say which compiler/);
  for (const compiler of ['/no/such/gcc', programFile('true')]) {
    const tools = await buildWith(t, compiler).tools();
    t.regex('untraceable' in tools ? tools.untraceable : '', /compiler \S+ does not say which programs/);
  }
});

test('a finished build that does not record what it linked leaves the tools uncertain', async t => {
  const compiler = gcc(t);
  if (compiler === undefined) return;
  const build = buildWith(t, compiler);
  const tools = await build.tools();
  t.regex('untraceable' in tools ? tools.untraceable : '', /no map of the linker/);
  t.false('untraceable' in (await build.tools(false)), 'one that did not has linked nothing yet');
});
