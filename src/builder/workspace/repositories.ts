// Git repositories of a workspace.
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { shortUrl } from './west-manifest.ts';

/**
 * The places of all repositories in a workspace, whether west put them there or not: a build may read a checkout beside
 * them as well. One too many only costs a compile.
 */
export async function repositories(directory: string): Promise<string[]> {
  const found = isRepository(directory) ? ['.'] : [];
  let level = [''];
  while (level.length > 0) {
    const inner: string[] = [];
    for (const parent of level) {
      const entries = await readdir(path.join(directory, parent), { withFileTypes: true });
      const names = new Set(entries.map(({ name }) => name));
      // A build directory can be as large as the sources.
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
 * The origin and revision of a clone in short form: `zmkfirmware/zmk` at `main`. Undefined if git does not know them.
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
