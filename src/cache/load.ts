// Loads packages at their first use, also out of a bundle: what is loaded this way stays outside of it.
import { createRequire } from 'node:module';
import { GloveboxError } from './errors.ts';

/** The package `name`, which Glovebox depends on. Throws a GloveboxError that says so when it is not installed. */
export function load<Module>(name: string): Module {
  // A bundle for CommonJS has no `import.meta`.
  const here = (import.meta.url as string | undefined) ?? __filename;
  try {
    return createRequire(here)(name) as Module;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'MODULE_NOT_FOUND') throw error;
    throw new GloveboxError(
      'GLOVEBOX_NOT_INSTALLED',
      `${name} cannot be found from ${here}. A bundle does not hold it: install glovebox where the bundle runs, in a directory above it.`,
      { cause: error },
    );
  }
}
