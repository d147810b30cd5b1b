// Names of all files in a workspace's projects. A build may search for any name, whatever the file holds.
import { createHash } from 'node:crypto';
import { type Dirent, readdirSync, readlinkSync } from 'node:fs';
import path from 'node:path';
import { resolveReal, statOf } from '../../system/paths.ts';
import { readTree } from '../inputs/tree.ts';
import { isByproductDirectory } from './unversioned.ts';

/**
 * A digest of the names of files and directories in these projects (absolute directories), tracked by git or not,
 * except by-products and git's own files. Independent of the projects' location.
 *
 * @param aside a directory, perhaps inside one of them, that does not count. Absolute
 */
export function projectNames(projects: readonly string[], aside?: string): string {
  const hash = createHash('sha256');
  const places = [...projects].sort();
  const others = new Set(aside === undefined ? places : [...places, aside, resolveReal(aside)]);
  for (const project of places) visit(project, '');
  return hash.digest('hex');

  function visit(project: string, place: string): void {
    const directory = path.join(project, place);
    // A project inside another one is visited separately, or does not count.
    if (place !== '' && others.has(directory)) return;
    let entries: Dirent[];
    try {
      entries = readdirSync(directory, { withFileTypes: true });
    } catch {
      hash.update(`unreadable ${place}\0`);
      return;
    }
    if (place !== '' && isByproductDirectory(place, entries)) return;
    const names: string[] = [];
    const inner: string[] = [];
    for (const entry of entries) {
      if (entry.name === '.git') continue;
      if (entry.isDirectory()) inner.push(entry.name);
      names.push(entry.isSymbolicLink() ? linkNames(path.join(directory, entry.name)) : entry.name);
    }
    hash.update(`${place}\0${names.sort().join('\0')}\0\0`);
    for (const name of inner.sort()) visit(project, path.posix.join(place, name));
  }
}

/** A link's name and target, with the names behind it. */
function linkNames(link: string): string {
  const target = resolveReal(link);
  const tree = statOf(link)?.isDirectory() ? readTree(target) : undefined;
  const inside = [...(tree?.directories ?? []), ...(tree?.files ?? [])].map(file =>
    path.relative(target, file),
  );
  return [path.basename(link), readlinkSync(link), statOf(link) ? 'there' : 'nowhere', ...inside].join('\0');
}
