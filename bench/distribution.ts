// The package as published, compiled from these sources, to measure what users wait for.
import { copyFile, mkdir, rename, stat, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundle } from '../bundle.ts';
import { pickEnvironment } from '../src/config/environment.ts';

/** A runnable Glovebox. */
export interface Installation {
  /** Path of the program `glovebox`. */
  program: string;
  /** URL of the module that `import 'glovebox'` resolves to. */
  module: string;
}

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** The sources, which Node runs by stripping types. */
export const SOURCES: Installation = {
  program: join(ROOT, 'src', 'cli', 'main.ts'),
  module: new URL('../src/index.ts', import.meta.url).href,
};

/**
 * Compiles the package, unless another experiment of the same run has done so. It uses the project's dependencies.
 * @param directory an experiment's own directory; the package is placed beside it
 */
export async function distribution(directory: string): Promise<Installation> {
  const place = join(dirname(directory), 'package');
  const dist = join(place, 'dist');
  if (!(await exists(place))) {
    const making = `${place}-making`;
    await mkdir(making);
    await copyFile(join(ROOT, 'package.json'), join(making, 'package.json'));
    await symlink(join(ROOT, 'node_modules'), join(making, 'node_modules'));
    await bundle(join(making, 'dist'));
    await rename(making, place);
  }
  const module = new URL(`file://${join(dist, 'src', 'index.js')}`).href;
  return { program: join(dist, 'src', 'cli', 'main.js'), module };
}

/** The minimal environment of a program, without any Glovebox setting. */
export function baseEnvironment(): Record<string, string> {
  return pickEnvironment(['PATH', 'TMPDIR']);
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
