// Contents of directories that variables name: shared libraries, Python packages, toolchain descriptions. They count by
// content, so that the same files in another place give the same fingerprint, and other files in the same place do not.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { isInside } from '../../../system/paths.ts';
import { readTree } from '../../inputs/tree.ts';
import { stampOf } from '../program-identity.ts';

/** The files that matter in the directories of each variable. */
const SEARCHED: Readonly<Record<string, (file: string) => boolean>> = {
  LD_LIBRARY_PATH: file => /\.so(?:\.|$)/.test(file),
  PYTHONPATH: file => !/\/__pycache__\/|\.pyc$/.test(file),
  TOOLCHAIN_ROOT: () => true,
};

/** Limit on the bytes that are read for each build. */
const MAX_FILES = 5_000;

/** The contents behind the variables. */
export interface SearchedDirectories {
  /** By variable. Plain JSON, without paths of this machine. */
  found: Record<string, string[]>;
  /** Why some of them are unknown, as phrases; then the variable's value counts. */
  bound: string[];
}

/**
 * Reads the directories that an environment's variables name.
 *
 * @param workspace its files are identified by their revisions. Absolute
 */
export function searchedDirectories(
  environment: Readonly<Record<string, string>>,
  workspace: string,
): SearchedDirectories {
  const result: SearchedDirectories = { found: {}, bound: [] };
  for (const [variable, counts] of Object.entries(SEARCHED)) {
    const value = environment[variable];
    if (value === undefined || value === '') continue;
    result.found[variable] = value.split(path.delimiter).map(directory => {
      if (!path.isAbsolute(directory)) return directory;
      if (isInside(directory, workspace)) return `{workspace}/${path.relative(workspace, directory)}`;
      const digest = digestTree(directory, counts);
      if (digest !== undefined) return digest;
      result.bound.push(`${variable} leads to ${directory}, which is too large to be read for each build`);
      return directory;
    });
  }
  return result;
}

/** The stamp of each file when it was read, and its digest. */
const digests = new Map<string, { stamp: string; sha256: string }>();

/** Names and contents; undefined if there is too much. A missing directory counts as empty. */
function digestTree(directory: string, counts: (file: string) => boolean): string | undefined {
  if (stampOf(directory) === undefined) return 'none';
  const files = readTree(directory)?.files.filter(counts);
  if (files === undefined || files.length > MAX_FILES) return undefined;
  const hash = createHash('sha256');
  for (const file of files.sort()) hash.update(`${path.relative(directory, file)}\0${digestOf(file)}\n`);
  return hash.digest('hex');
}

function digestOf(file: string): string {
  const stamp = stampOf(file);
  const known = digests.get(file);
  if (stamp !== undefined && known?.stamp === stamp) return known.sha256;
  try {
    const sha256 = createHash('sha256').update(readFileSync(file)).digest('hex');
    if (stamp !== undefined) digests.set(file, { stamp, sha256 });
    return sha256;
  } catch {
    // Programs cannot read it either.
    return '';
  }
}
