// Artifacts of a compile: found, checked, and copied to their destination under their final names.
import { constants, copyFile, lstat, realpath } from 'node:fs/promises';
import path from 'node:path';
import { glob } from 'tinyglobby';
import { isInside } from '../../system/paths.ts';
import { foldName } from '../output/artifact-name.ts';
import { followOnly } from './input-files.ts';
import type { Artifact } from './toolchain.ts';

/** Files that existed before the compile, with stamps that distinguish each from a newer file of the same name. */
export type ArtifactStamps = ReadonlyMap<string, string>;

/** Stamps the artifacts in the build directory before the compiler runs, so that they do not count as its output. */
export async function stampArtifacts(
  buildDirectory: string,
  globs: readonly string[],
): Promise<ArtifactStamps> {
  const stamps = new Map<string, string>();
  for (const file of await find(buildDirectory, globs)) stamps.set(file, await stampOf(file));
  return stamps;
}

/**
 * The artifacts below the build directory, sorted by name; or the sentence that tells why they cannot be used. Each
 * must be a regular file that is really in the build directory and newer than `before`. Any other match means that the
 * toolchain does something unexpected, and half of a firmware is worse than none.
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
    if (!isInside(await realpath(file), root)) return `The artifact ${shown} is outside the build directory.`;
    if (before.get(file) === (await stampOf(file))) {
      return `The artifact ${shown} existed before the build, which did not write it again. Begin with an empty build directory.`;
    }
    files.push(file);
  }
  if (files.length === 0) {
    return `Nothing in the build directory matches ${globs.join(', ')}. Name the build's files in toolchains.command.artifacts.`;
  }
  return nameArtifacts(files, artifactName);
}

/**
 * Copies the collected artifacts to the job's artifact directory: the only copy before the one in the cache. Copied
 * rather than moved, since other names may link to a file that a compiler made. Rejects with the file system's error.
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
    // Links are matched so that they can be refused by name; no linked directory is entered.
    followSymbolicLinks: true,
    fs: { realpath: followOnly(() => false) },
  });
  return files.map(file => path.normalize(file)).sort();
}

/** Includes the change time, since `cp -p` and the like set an older modification time. */
async function stampOf(file: string): Promise<string> {
  const { dev, ino, size, ctimeNs } = await lstat(file, { bigint: true });
  return `${dev}:${ino}:${size}:${ctimeNs}`;
}

/**
 * The target's name with the file's extension, so that the targets of a build do not overwrite each other; plus the
 * file's own name if two files would otherwise have the same one.
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
