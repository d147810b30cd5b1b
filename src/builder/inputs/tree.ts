// Directory tree, with links followed as compilers and CMake follow them.
import { readdirSync, realpathSync } from 'node:fs';
import path from 'node:path';
import { statOf } from '../../system/paths.ts';

const MAX_ENTRIES = 50_000;

/** Absolute paths. */
export interface Tree {
  /** The directory itself and all below it. */
  directories: string[];
  /** Regular files, and links to such. */
  files: string[];
  /** Every link with an existing target, and that target without links. */
  links: [link: string, target: string][];
  /** Dangling links. */
  dangling: string[];
}

/**
 * Everything below a directory except `.git`, under every name that links give it. A directory is not entered again
 * inside itself. Undefined if the tree is too large or cannot be read.
 *
 * @param skip directories not to enter
 */
export function readTree(root: string, skip: (directory: string) => boolean = () => false): Tree | undefined {
  const tree: Tree = { directories: [], files: [], links: [], dangling: [] };
  /** The ancestors of the directory being read, without links. */
  const around: string[] = [];
  let entries = 0;
  const visit = (directory: string, real: string): boolean => {
    if (around.includes(real) || skip(directory)) return true;
    around.push(real);
    tree.directories.push(directory);
    for (const entry of readdirSync(directory, { withFileTypes: true })) {
      if (++entries > MAX_ENTRIES) return false;
      if (entry.name === '.git') continue;
      const file = path.join(directory, entry.name);
      let target = path.join(real, entry.name);
      let kind: { isFile(): boolean; isDirectory(): boolean } | undefined = entry;
      if (entry.isSymbolicLink()) {
        kind = statOf(file);
        if (kind === undefined) {
          tree.dangling.push(file);
          continue;
        }
        target = realpathSync(file);
        tree.links.push([file, target]);
      }
      if (kind.isFile()) tree.files.push(file);
      else if (kind.isDirectory() && !visit(file, target)) return false;
    }
    around.pop();
    return true;
  };
  try {
    const real = realpathSync(root);
    if (real !== root) tree.links.push([root, real]);
    return visit(root, real) ? tree : undefined;
  } catch {
    return undefined;
  }
}
