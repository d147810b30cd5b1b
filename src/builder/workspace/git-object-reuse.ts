// Reuse of git objects: a new workspace starts with those of older ones, so that only new objects are fetched and
// stored.
//
// Each repository's `.git` is copied without its index, and its objects as hard links. West then finds a clone,
// fetches what is missing and checks everything out. Unlike git's alternates this works with shallow repositories,
// and each workspace stands on its own: removing one takes nothing from another.
import { constants, existsSync } from 'node:fs';
import {
  copyFile,
  link,
  lstat,
  mkdir,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  symlink,
} from 'node:fs/promises';
import path from 'node:path';
import { mapConcurrent } from './map-concurrent.ts';
import { repositories } from './repositories.ts';

/** Work tree state that is not reused, and leftovers of a killed git. */
const LEFT_OUT = /^(?:index|hooks|logs|FETCH_HEAD|ORIG_HEAD|.*\.lock|tmp_.*)$/;

/**
 * Adds the repositories of `source` to the new workspace in `target`, unless it already has them.
 *
 * @param how `link` leaves `source` as it is; `move` takes them out of it, for leftovers of this user
 */
export async function reuseRepositories(source: string, target: string, how: 'link' | 'move'): Promise<void> {
  const places = await repositories(source).catch(() => []);
  await mapConcurrent(places, async place => {
    const from = path.join(source, place, '.git');
    const to = path.join(target, place, '.git');
    // A repository that west never finished fetching is worth nothing; one inside the manifest's directory is not
    // west's.
    if (existsSync(to) || !(await lstat(from)).isDirectory() || !(await isFetched(from))) return;
    await mkdir(path.dirname(to), { recursive: true, mode: 0o700 });
    if (how === 'move') {
      await rename(from, to);
      await withoutWorkState(to);
    } else {
      // Renamed once complete: after a kill half-way, the next attempt must not start from a partial copy.
      await linkTree(from, `${to}.seed`, false);
      await rename(`${to}.seed`, to);
    }
  });
}

/** Removes reused repositories that the manifest does not need: west checked nothing out there. */
export async function removeUnusedRepositories(target: string): Promise<void> {
  for (const place of await repositories(target)) {
    const project = path.join(target, place);
    if (existsSync(path.join(project, '.git', 'index'))) continue;
    await rm(project, { recursive: true, force: true });
  }
}

async function isFetched(directory: string): Promise<boolean> {
  if (existsSync(path.join(directory, 'refs', 'heads', 'manifest-rev'))) return true;
  const packed = await readFile(path.join(directory, 'packed-refs'), 'utf8').catch(() => '');
  return /^[0-9a-f]{40,64} refs\/heads\/manifest-rev$/m.test(packed);
}

async function linkTree(from: string, to: string, areObjects: boolean): Promise<void> {
  await mkdir(to, { mode: 0o700 });
  for (const entry of await readdir(from, { withFileTypes: true })) {
    if (LEFT_OUT.test(entry.name)) continue;
    const source = path.join(from, entry.name);
    const target = path.join(to, entry.name);
    if (entry.isDirectory()) await linkTree(source, target, areObjects || entry.name === 'objects');
    else if (entry.isSymbolicLink()) await symlink(await readlink(source), target);
    // Git never writes to an object again. Every other file may be modified.
    else if (areObjects) await linkOrCopy(source, target);
    else await copyFile(source, target);
  }
}

async function linkOrCopy(source: string, target: string): Promise<void> {
  try {
    await link(source, target);
  } catch {
    await copyFile(source, target, constants.COPYFILE_FICLONE);
  }
}

async function withoutWorkState(directory: string): Promise<void> {
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    const file = path.join(directory, entry.name);
    if (LEFT_OUT.test(entry.name)) await rm(file, { recursive: true, force: true });
    else if (entry.isDirectory()) await withoutWorkState(file);
  }
}
