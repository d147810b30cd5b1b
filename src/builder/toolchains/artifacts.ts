// What a compiler has made: found, checked, and copied to where it goes, under the names it gets there.
import { constants, copyFile, lstat, realpath } from 'node:fs/promises';
import path from 'node:path';
import { glob } from 'tinyglobby';
import { isInside } from '../../system/paths.ts';
import { foldName } from '../output/artifact-name.ts';
import { followOnly } from './input-files.ts';
import type { Artifact } from './toolchain.ts';

/** The files that were there already, and what tells each from a newer one of the same name. */
export type ArtifactStamps = ReadonlyMap<string, string>;

/** Remembers the artifacts that are in the build directory before the compiler runs, so that they do not pass for its own. */
export async function stampArtifacts(
  buildDirectory: string,
  globs: readonly string[],
): Promise<ArtifactStamps> {
  const stamps = new Map<string, string>();
  for (const file of await find(buildDirectory, globs)) stamps.set(file, await stampOf(file));
  return stamps;
}

/**
 * The artifacts below the build directory, sorted by name; or the sentence that says why they cannot be taken. Only
 * regular files that are really in the build directory and newer than `before` are: anything else that matches means
 * that the toolchain does something else than it seems to, and half of a firmware is worse than none.
 */
export async function collectArtifacts(
  buildDirectory: string,
  globs: readonly string[],
  artifactName: string,
  before: ArtifactStamps,
): Promise<Artifact[] | string> {
  const root = await realpath(buildDirectory);
  const files: string[] = [];
  for (const file of await find(buildDirectory, globs)) {
    const shown = path.relative(buildDirectory, file);
    const stats = await lstat(file);
    if (stats.isSymbolicLink())
      return `The artifact ${shown} is a symbolic link. Have the build copy the file instead.`;
    if (!stats.isFile()) return `The artifact ${shown} is not a regular file.`;
    if (!isInside(await realpath(file), root))
      return `The artifact ${shown} is outside of the build directory.`;
    if (before.get(file) === (await stampOf(file))) {
      return `The artifact ${shown} was there before the build, which did not make it anew. Begin with an empty build directory.`;
    }
    files.push(file);
  }
  if (files.length === 0) {
    return `Nothing in the build directory matches ${globs.join(', ')}. Say in toolchains.command.artifacts what the build makes.`;
  }
  return nameArtifacts(files, artifactName);
}

/**
 * Copies what was collected to where the job's owner expects it: its only copy before that in the cache. Not moved there,
 * since other names may lead to a file that a compiler made. Rejects with the file system's error.
 */
export async function copyArtifacts(found: readonly Artifact[], directory: string): Promise<Artifact[]> {
  const copies: Artifact[] = [];
  for (const { name, path: source } of found) {
    const copy = path.join(directory, name);
    await copyFile(source, copy, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
    copies.push({ name, path: copy });
  }
  return copies;
}

async function find(buildDirectory: string, globs: readonly string[]): Promise<string[]> {
  const files = await glob([...globs], {
    cwd: buildDirectory,
    absolute: true,
    dot: true,
    onlyFiles: true,
    expandDirectories: false,
    // So that links are found, and can be refused by name; none to a directory is entered.
    followSymbolicLinks: true,
    fs: { realpath: followOnly(() => false) },
  });
  return files.map(file => path.normalize(file)).sort();
}

/** Also a file that is given an older modification time, as `cp -p` does, gets a new time of change. */
async function stampOf(file: string): Promise<string> {
  const { dev, ino, size, ctimeNs } = await lstat(file, { bigint: true });
  return `${dev}:${ino}:${size}:${ctimeNs}`;
}

/**
 * The target's name with the file's extension, so that the targets of a build do not overwrite each other; with the
 * file's name as well where two files would have the same.
 */
export function nameArtifacts(files: readonly string[], artifactName: string): Artifact[] | string {
  const wanted = files.map(file => plainName(path.basename(file), artifactName));
  const artifacts = files.map((file, index) => {
    const base = path.basename(file);
    const shared = wanted.filter(other => other === wanted[index]).length > 1;
    return {
      name: shared && base !== wanted[index] ? `${artifactName}-${base}` : wanted[index]!,
      path: file,
    };
  });
  const taken = new Set<string>();
  for (const artifact of artifacts) {
    if (/\p{Cc}/u.test(artifact.name)) return 'The name of an artifact contains a control character.';
    if (taken.has(foldName(artifact.name)))
      return `Two artifacts would both be called ${artifact.name}. Give them different names.`;
    taken.add(foldName(artifact.name));
  }
  return artifacts.sort((a, b) => (a.name < b.name ? -1 : 1));
}

function plainName(base: string, artifactName: string): string {
  if (base.startsWith(`${artifactName}.`)) return base;
  if (base.startsWith('.')) return `${artifactName}${base}`;
  const extension = path.extname(base);
  return extension === '' ? `${artifactName}-${base}` : `${artifactName}${extension}`;
}
