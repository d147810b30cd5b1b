// What variables lead to that name directories: shared libraries of programs, packages of Python, toolchain descriptions. It
// counts by its content, so that the same files elsewhere make the same fingerprint, and others in the same place do not.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { isInside } from '../../../system/paths.ts';
import { readTree } from '../../incremental/tree.ts';
import { stampOf } from '../program-identity.ts';

/** What is searched, by variable: which files in its directories matter. */
const SEARCHED: Readonly<Record<string, (file: string) => boolean>> = {
  LD_LIBRARY_PATH: file => /\.so(?:\.|$)/.test(file),
  PYTHONPATH: file => !/\/__pycache__\/|\.pyc$/.test(file),
  TOOLCHAIN_ROOT: () => true,
};

/** More is not read for each build. */
const MAX_FILES = 5_000;

/** What the variables lead to. */
export interface SearchedDirectories {
  /** By variable: plain JSON, without a path of this machine. */
  found: Record<string, string[]>;
  /** Why that cannot be told of some of them, as phrases; then what they say counts as it is. */
  bound: string[];
}

/**
 * Looks at the directories that an environment has searched.
 *
 * @param workspace what is in it is known by its revisions. Absolute
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

/** By file: its stamp when it was read, and its digest. */
const digests = new Map<string, { stamp: string; sha256: string }>();

/** Names and contents; undefined when it is too much. A directory that is not there has nothing in it. */
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
    // What cannot be read, no program reads.
    return '';
  }
}
