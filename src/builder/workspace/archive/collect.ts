// Collector of the entries of a workspace archive.
import { existsSync } from 'node:fs';
import { lstat, readdir, readFile, readlink } from 'node:fs/promises';
import path from 'node:path';
import { repositories } from '../repositories.ts';
import { readWestConfig } from '../west-config.ts';
import { readManifest } from '../west-manifest.ts';
import { WorkspaceError } from '../workspace-error.ts';
import { type ArchiveEntry, assertSafeGitFile, assertSafeLink, assertSafePath } from './entry.ts';

/**
 * Everything that a build needs, in a fixed order: west's settings, the manifest, every repository with its available
 * history. Not build directories, Python bytecode or hooks. Rejects with {@link WorkspaceError} if any of it lies
 * outside the workspace.
 */
export async function collectEntries(directory: string): Promise<ArchiveEntry[]> {
  const { manifestFile } = await readWestConfig(directory);
  const { files } = await readManifest(manifestFile);
  const places = await repositories(directory);
  // A repository around the whole workspace is the user's config, unless the manifest is ZMK's own.
  const isWhole = places.includes('.') && existsSync(path.join(directory, 'app', 'CMakeLists.txt'));
  const roots = isWhole
    ? ['.']
    : [
        '.west/config',
        ...files.map(file => path.relative(directory, file)),
        ...places.filter(one => one !== '.'),
      ];
  const found = new Map<string, ArchiveEntry>();
  for (const root of roots) {
    if (root !== '.') assertSafePath(root);
    // Parent directories come first.
    const parts = root.split('/');
    for (let end = 1; end < parts.length; end++) {
      const above = parts.slice(0, end).join('/');
      found.set(above, { kind: 'directory', path: above });
    }
    await collect(directory, root, found);
  }
  return [...found.values()];
}

async function collect(directory: string, place: string, found: Map<string, ArchiveEntry>): Promise<void> {
  if (found.has(place) && found.get(place)?.kind !== 'directory') return;
  const file = path.join(directory, place);
  const stat = await lstat(file);
  if (place !== '.') assertSafePath(place);
  if (stat.isSymbolicLink()) {
    const target = await readlink(file);
    assertSafeLink(place, target);
    found.set(place, { kind: 'link', path: place, target });
  } else if (stat.isFile()) {
    if (place.endsWith('/objects/info/alternates')) {
      throw new WorkspaceError(
        `${file} says that objects of that repository are elsewhere. Run 'git repack -a -d' there and remove this file.`,
      );
    }
    if (path.basename(place) === '.git') assertSafeGitFile(place, await readFile(file, 'utf8'));
    found.set(place, { kind: 'file', path: place, size: stat.size, executable: (stat.mode & 0o100) !== 0 });
  } else if (stat.isDirectory()) {
    const names = (await readdir(file)).sort();
    if (names.includes('CMakeCache.txt')) return;
    if (place !== '.') found.set(place, { kind: 'directory', path: place });
    for (const name of names) {
      if (name === '__pycache__' || (name === 'hooks' && names.includes('HEAD'))) continue;
      if (place.split('/').includes('.git') && name.endsWith('.lock')) continue;
      await collect(directory, path.posix.join(place, name), found);
    }
  }
}
