// Loads packages on first use, outside of any bundle.
import { createRequire } from 'node:module';
import { GloveboxError } from '../errors.ts';

/**
 * Loads the package `name`, a dependency of Glovebox. Throws a GloveboxError that says so when it is not installed.
 */
export function requirePackage<Module>(name: string): Module {
  return found(name, require => require(name) as Module);
}

/** The path of the package's main file, for another thread to load. */
export function pathOfPackage(name: string): string {
  return found(name, require => require.resolve(name));
}

function found<T>(name: string, find: (require: NodeJS.Require) => T): T {
  // A bundle for CommonJS has no `import.meta`.
  const here = (import.meta.url as string | undefined) ?? __filename;
  try {
    return find(createRequire(here));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'MODULE_NOT_FOUND') throw error;
    throw new GloveboxError(
      'GLOVEBOX_NOT_INSTALLED',
      `${name} cannot be found from ${here}. Bundles do not contain it: install glovebox in the directory where the bundle runs, or in one above it.`,
      { cause: error },
    );
  }
}
