// Where the git repositories of a workspace are.
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import path from 'node:path';

/**
 * The places of all repositories in a workspace, those that west has put there and others: what is checked out
 * beside them may be read by a build as well, and taking one too many only compiles once too often.
 */
export async function repositories(directory: string): Promise<string[]> {
  const found = isRepository(directory) ? ['.'] : [];
  let level = [''];
  while (level.length > 0) {
    const inner: string[] = [];
    for (const parent of level) {
      const entries = await readdir(path.join(directory, parent), { withFileTypes: true });
      const names = new Set(entries.map(({ name }) => name));
      // A build directory, which can be as large as the sources.
      if (names.has('CMakeCache.txt')) continue;
      for (const entry of entries) {
        if (entry.name.startsWith('.') || entry.name === 'node_modules') continue;
        const place = path.posix.join(parent, entry.name);
        const absolute = path.join(directory, place);
        if (entry.isSymbolicLink()) {
          if (isRepository(absolute)) found.push(place);
        } else if (entry.isDirectory()) {
          if (isRepository(absolute)) found.push(place);
          else inner.push(place);
        }
      }
    }
    level = inner;
  }
  return found;
}

function isRepository(directory: string): boolean {
  return existsSync(path.join(directory, '.git'));
}
