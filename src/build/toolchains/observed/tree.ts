// A directory of the user's with everything below it, links followed as compilers and CMake follow them.
import { readdirSync, realpathSync, statSync } from 'node:fs';
import path from 'node:path';

const MAX_ENTRIES = 50_000;
const MAX_DEPTH = 40;

/** Absolute paths. */
export interface Tree {
  /** The directory itself and all below it. */
  directories: string[];
  /** Regular files, and links to such. */
  files: string[];
  /** Every link that leads somewhere, and where to, without links. */
  links: [link: string, target: string][];
}

/**
 * Everything below a directory, `.git` aside; each directory once, whatever links lead to it. Undefined when it is too
 * large, or cannot be read.
 */
export function readTree(root: string): Tree | undefined {
  const tree: Tree = { directories: [], files: [], links: [] };
  const visited = new Set<string>();
  let entries = 0;
  const visit = (directory: string, depth: number): boolean => {
    const target = realpathSync(directory);
    if (depth === 0 && target !== directory) tree.links.push([directory, target]);
    if (visited.has(target)) return true;
    if (depth > MAX_DEPTH) return false;
    visited.add(target);
    tree.directories.push(directory);
    for (const entry of readdirSync(directory, { withFileTypes: true })) {
      if (++entries > MAX_ENTRIES) return false;
      if (entry.name === '.git') continue;
      const file = path.join(directory, entry.name);
      const kind = entry.isSymbolicLink() ? statSync(file, { throwIfNoEntry: false }) : entry;
      if (!kind) continue;
      if (entry.isSymbolicLink()) tree.links.push([file, realpathSync(file)]);
      if (kind.isFile()) tree.files.push(file);
      else if (kind.isDirectory() && !visit(file, depth + 1)) return false;
    }
    return true;
  };
  try {
    return visit(root, 0) ? tree : undefined;
  } catch {
    return undefined;
  }
}
