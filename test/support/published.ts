// What is published, which `npm test` makes: in this process it is loaded in half the time of its sources. A process has
// one copy of the library, so tests that run the program in theirs use this one beside it, and not the sources.
import { statSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { globSync } from 'tinyglobby';

const root = path.resolve(import.meta.dirname, '../..');
const dist = path.join(root, 'dist');

/** The script that a person's `glovebox` is. */
export const MAIN = path.join(dist, 'src/cli/main.js');

const made = statSync(MAIN, { throwIfNoEntry: false })?.mtimeMs ?? 0;
const isOld = globSync('{src,workers}/**', { cwd: root, absolute: true }).some(
  source => statSync(source).mtimeMs > made,
);
if (isOld) throw new Error(`${MAIN} is older than the sources. Make it anew: node bundle.ts`);

/** All of the program but what tells old versions of Node to go. */
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
