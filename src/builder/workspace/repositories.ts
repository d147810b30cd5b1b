// Where the git repositories of a workspace are.
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { shortUrl } from './west-manifest.ts';

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

/**
 * Where a clone comes from and what is checked out, as a person would say it: `zmkfirmware/zmk` at `main`. Undefined
 * where git does not say.
 */
export async function describeClone(
  directory: string,
): Promise<{ repository: string; revision: string } | undefined> {
  const read = (name: string) => readFile(path.join(directory, '.git', name), 'utf8').catch(() => '');
  const [config, head] = await Promise.all([read('config'), read('HEAD')]);
  const url = /^\[remote "origin"\]\s*$[^[]*?^\s*url\s*=\s*(\S+)\s*$/m.exec(config)?.[1];
  const revision = /^ref: refs\/heads\/(.+)$/m.exec(head)?.[1] ?? /^[0-9a-f]{7}/.exec(head)?.[0];
  return url === undefined || revision === undefined ? undefined : { repository: shortUrl(url), revision };
}

function isRepository(directory: string): boolean {
  return existsSync(path.join(directory, '.git'));
}
