// Loads packages at their first use, also out of a bundle: what is loaded this way stays outside of it.
import { createRequire } from 'node:module';
import { GloveboxError } from '../errors.ts';

/** The package `name`, which Glovebox depends on. Throws a GloveboxError that says so when it is not installed. */
export function requirePackage<Module>(name: string): Module {
  return found(name, require => require(name) as Module);
}

/** Its file, for another thread to load. */
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
      `${name} cannot be found from ${here}. A bundle does not hold it: install glovebox where the bundle runs, in a directory above it.`,
      { cause: error },
    );
  }
}
