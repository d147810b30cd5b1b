// The package as installed by a user: compiled, in the node_modules of another project.
import { copyFileSync, cpSync, mkdirSync, readdirSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { bundle } from '../../bundle.ts';

const root = path.resolve(import.meta.dirname, '../..');

/**
 * Installs the package, without its types, in `directory`/node_modules/glovebox, beside links to all of its
 * dependencies.
 */
export async function installPackage(directory: string): Promise<void> {
  const modules = path.join(directory, 'node_modules');
  const installed = path.join(modules, 'glovebox');
  mkdirSync(installed, { recursive: true });
  for (const name of readdirSync(path.join(root, 'node_modules'))) {
    if (!name.startsWith('.')) symlinkSync(path.join(root, 'node_modules', name), path.join(modules, name));
  }
  const outDir = path.join(installed, 'dist');
  await bundle(outDir);
  copyFileSync(path.join(root, 'package.json'), path.join(installed, 'package.json'));
}

/** The project in which the packed package is tested: a config that needs only Node to compile. */
export function copyProject(directory: string): void {
  cpSync(path.join(root, 'test/package'), directory, { recursive: true });
}
