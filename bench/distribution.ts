// The package as it is published, compiled from these sources, for what people have to wait for.
import { copyFile, mkdir, rename, stat, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundle } from '../bundle.ts';
import { pickEnvironment } from '../src/config/environment.ts';

/** A Glovebox that can be run. */
export interface Installation {
  /** The program `glovebox`. */
  program: string;
  /** The URL of what `import 'glovebox'` gives. */
  module: string;
}

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** The sources themselves, which Node runs by stripping the types. */
export const SOURCES: Installation = {
  program: join(ROOT, 'src', 'cli', 'main.ts'),
  module: new URL('../src/index.ts', import.meta.url).href,
};

/**
 * Compiles the package, unless another study of the same run has done so. It has the project's dependencies.
 * @param directory a study's own; the package goes beside it
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

/** What programs need to run at all, and nothing that would tell Glovebox anything. */
export function baseEnvironment(): Record<string, string> {
  return pickEnvironment(['PATH', 'TMPDIR']);
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
