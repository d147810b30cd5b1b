// What an archive of a workspace consists of, whatever its format.
import path from 'node:path';
import { WorkspaceError } from '../workspace-error.ts';

/** One thing in an archive. Paths are relative to the workspace, with `/`. */
export type ArchiveEntry =
  | { kind: 'directory'; path: string }
  | { kind: 'file'; path: string; size: number; executable: boolean }
  | { kind: 'link'; path: string; target: string };

/** The first entry: what the workspace is, and how much follows. */
export const ABOUT_FILE = 'glovebox-workspace.json';

/** The last entry: what every file and link before it must be, by its path. */
export const CHECKSUMS_FILE = 'glovebox-checksums.json';

/** Characters of either of those two; a large workspace needs a twentieth. */
export const MAX_LIST = 256 * 1024 * 1024;

/** What {@link ABOUT_FILE} says. */
export interface AboutArchive {
  schema: number;
  repository: string;
  revision: string;
  /** Digests of the manifests that it is the workspace of. */
  manifests: string[];
  /** Files and links that follow. */
  count: number;
  /** Bytes of all files that follow. */
  bytes: number;
}

/** Raised when older programs cannot read what is written. */
export const ARCHIVE_SCHEMA = 1;

/** How far packing or unpacking is. */
export interface ArchiveProgress {
  /** Bytes of files so far, and of all. */
  done: number;
  total: number;
}

/** What {@link CHECKSUMS_FILE} says of a file with this SHA-256. */
export function fileSum(sha256: string, executable: boolean): string {
  return `${executable ? 'program' : 'file'} ${sha256}`;
}

/** What {@link CHECKSUMS_FILE} says of a link. */
export function linkSum(target: string): string {
  return `link ${target}`;
}

/**
 * Rejects, with {@link WorkspaceError}, a path that could be anywhere but below the directory it counts from.
 * Parts named `..`, absolute paths, and what means something else on another system.
 */
export function assertSafePath(file: string): void {
  const parts = file.split('/');
  const isSafe =
    file.length <= 4096 &&
    !/[\\\0\n]/.test(file) &&
    !/^[A-Za-z]:/.test(file) &&
    parts.every(part => part !== '' && part !== '.' && part !== '..');
  if (!isSafe) {
    throw new WorkspaceError(
      `The path ${JSON.stringify(file.slice(0, 200))} cannot be in a workspace's archive.`,
    );
  }
}

/**
 * Rejects, with {@link WorkspaceError}, a link that could lead out of the directory. `..` is allowed at the beginning
 * only: there it leads from the link's own directory, which is a real one, to a known place; after a name it would
 * depend on what that name is.
 */
export function assertSafeLink(file: string, target: string): void {
  const parts = target.replace(/\/+$/, '').split('/');
  let up = 0;
  while (parts[up] === '..') up++;
  const depth = path.posix.dirname(file) === '.' ? 0 : path.posix.dirname(file).split('/').length;
  const rest = parts.slice(up);
  const isSafe =
    target !== '' &&
    target.length <= 4096 &&
    !/[\\\0]/.test(target) &&
    !/^[A-Za-z]:/.test(target) &&
    up <= depth &&
    rest.every(part => part !== '' && part !== '..');
  if (!isSafe) {
    throw new WorkspaceError(
      `The link ${file} leads to ${JSON.stringify(target.slice(0, 200))}, which could be outside of the workspace. Put there what it leads to.`,
    );
  }
}

/**
 * Rejects, with {@link WorkspaceError}, a `.git` that is a file and does not lead to a submodule's repository in the
 * same workspace: git would take settings, and programs to run, from wherever it leads to.
 */
export function assertSafeGitFile(file: string, content: string): void {
  const target = /^gitdir: (\S+)\n?$/.exec(content)?.[1] ?? '/';
  assertSafeLink(file, target);
  if (/^(?:\.\.\/)+(?:[^/]+\/)*\.git\/modules\/[^/]/.test(target)) return;
  throw new WorkspaceError(
    `${file} leads to a repository elsewhere (${target.slice(0, 200)}), so that it cannot be taken along. Clone that project instead.`,
  );
}
