// Takes over what a compiler made: checks that it is what it must be, and copies it out of the build directory.
import { constants, copyFile, lstat, realpath, rm } from 'node:fs/promises';
import path from 'node:path';
import { GloveboxError } from '../../errors.ts';
import { isInside } from '../../system/paths.ts';
import { assertArtifactName, foldName } from '../output/artifact-name.ts';
import type { Artifact } from '../toolchains/toolchain.ts';

/** An artifact that cannot be taken over: no regular file of the build's own, or one whose name is taken. */
export class ArtifactError extends GloveboxError {
  constructor(what: string) {
    super('GLOVEBOX_ARTIFACT', `${what}. Change what the toolchain's artifacts are.`);
  }
}

/**
 * Copies artifacts into `directory`, which has none of them yet, and resolves to the copies. Rejects with
 * {@link ArtifactError}, `ArtifactNameError` or the file system's error, and leaves no copy then.
 */
export async function stageArtifacts(
  artifacts: readonly Artifact[],
  directory: string,
  buildDirectory: string,
): Promise<Artifact[]> {
  const staged: Artifact[] = [];
  try {
    const root = await realpath(buildDirectory);
    for (const { name, path: source } of artifacts) {
      assertArtifactName(name);
      const duplicate = staged.find(other => foldName(other.name) === foldName(name));
      if (duplicate !== undefined) throw new ArtifactError(duplicateMessage(duplicate.name, name));
      if (!(await lstat(source)).isFile()) throw new ArtifactError(`${source} is not a regular file`);
      if (!isInside(await realpath(source), root)) {
        throw new ArtifactError(`${source} is not in the build directory`);
      }
      const copy = { name, path: path.join(directory, name) };
      staged.push(copy);
      await copyFile(source, copy.path, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
    }
    return staged;
  } catch (error) {
    for (const copy of staged) await rm(copy.path, { force: true });
    throw error;
  }
}

function duplicateMessage(one: string, other: string): string {
  if (one === other) return `Two artifacts are named ${one}`;
  return `The artifacts ${one} and ${other} would be one file on some systems`;
}
