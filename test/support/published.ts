// The published package, which `npm test` builds: it loads in half the time of its sources. A process has one copy of
// the library, so tests that run the program in their own process use this one instead of the sources.
import { statSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { globSync } from 'tinyglobby';

const root = path.resolve(import.meta.dirname, '../..');
const dist = path.join(root, 'dist');

/** The script that a user runs as `glovebox`. */
export const MAIN = path.join(dist, 'src/cli/main.js');

const made = statSync(MAIN, { throwIfNoEntry: false })?.mtimeMs ?? 0;
const isOld = globSync('{src,workers}/**', { cwd: root, absolute: true }).some(
  source => statSync(source).mtimeMs > made,
);
if (isOld) throw new Error(`${MAIN} is older than the sources. Make it anew: node bundle.ts`);

/** The whole program, except the check for old versions of Node. */
export function publishedProgram(): Promise<typeof import('../../src/cli/program.ts')> {
  return load('src/shared/program-*.js');
}

export function publishedBuild(): Promise<typeof import('../../src/builder/index.ts')> {
  return load('src/builder/index.js');
}

export function publishedLibrary(): Promise<typeof import('../../src/index.ts')> {
  return load('src/index.js');
}

function load<Module>(pattern: string): Promise<Module> {
  const [file, another] = globSync(pattern, { cwd: dist, absolute: true });
  if (file === undefined || another !== undefined) throw new Error(`${dist} has not one ${pattern}`);
  return import(pathToFileURL(file).href);
}
