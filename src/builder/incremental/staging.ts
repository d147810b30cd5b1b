// Checks on a toolchain's artifacts before they are published.
import { lstatSync, readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { GloveboxError } from '../../errors.ts';
import { assertArtifactName, foldName } from '../output/artifact-name.ts';
import type { Artifact } from '../toolchains/toolchain.ts';

/** An artifact that cannot be used: not a regular file in the artifact directory, or its name is taken. */
export class ArtifactError extends GloveboxError {
  constructor(what: string) {
    super('GLOVEBOX_ARTIFACT', `${what}. Change what the toolchain's artifacts are.`);
  }
}

/**
 * Throws {@link ArtifactError} or `ArtifactNameError` unless every artifact is a regular file in `directory`, under its
 * own name.
 */
export function checkArtifacts(artifacts: readonly Artifact[], directory: string): void {
  const names = new Map<string, string>();
  for (const { name, path: file } of artifacts) {
    assertArtifactName(name);
    const other = names.get(foldName(name));
    if (other !== undefined) throw new ArtifactError(duplicateMessage(other, name));
    names.set(foldName(name), name);
    if (file !== path.join(directory, name)) {
      throw new ArtifactError(`${file} is not ${name} in the artifact directory`);
    }
    if (!lstatSync(file).isFile()) throw new ArtifactError(`${file} is not a regular file`);
  }
}

/** Removes everything in a directory as far as possible: the leftovers of a failed job. */
export function emptyDirectory(directory: string): void {
  try {
    for (const name of readdirSync(directory)) {
      rmSync(path.join(directory, name), { recursive: true, force: true });
    }
  } catch {
    // Its owner removes it anyway.
  }
}

function duplicateMessage(one: string, other: string): string {
  if (one === other) return `Two artifacts are named ${one}`;
  return `The artifacts ${one} and ${other} would be one file on some systems`;
}
