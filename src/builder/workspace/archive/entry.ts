// Entries of a workspace archive, regardless of its format.
import path from 'node:path';
import { WorkspaceError } from '../workspace-error.ts';

/** One entry of an archive. Paths are relative to the workspace, with `/`. */
export type ArchiveEntry =
  | { kind: 'directory'; path: string }
  | { kind: 'file'; path: string; size: number; executable: boolean }
  | { kind: 'link'; path: string; target: string };

/** The first entry: the description of the workspace, and the amount of data that follows. */
export const ABOUT_FILE = 'glovebox-workspace.json';

/** The last entry: the expected checksum of every file and link before it, by path. */
export const CHECKSUMS_FILE = 'glovebox-checksums.json';

/** Limit on the characters of either; a large workspace needs a twentieth. */
export const MAX_LIST = 256 * 1024 * 1024;

/** Content of {@link ABOUT_FILE}. */
export interface AboutArchive {
  schema: number;
  repository: string;
  revision: string;
  /** Digests of the manifests that it serves. */
  manifests: string[];
  /** Files and links that follow. */
  count: number;
  /** Bytes of all files that follow. */
  bytes: number;
}

/** Raised whenever older programs cannot read the new form. */
export const ARCHIVE_SCHEMA = 1;

/** Progress of packing or unpacking. */
export interface ArchiveProgress {
  /** Bytes of files so far, and in total. */
  done: number;
  total: number;
}

/** The entry in {@link CHECKSUMS_FILE} for a file with this SHA-256. */
export function fileSum(sha256: string, executable: boolean): string {
  return `${executable ? 'program' : 'file'} ${sha256}`;
}

/** The entry in {@link CHECKSUMS_FILE} for a link. */
export function linkSum(target: string): string {
  return `link ${target}`;
}

/**
 * Rejects, with {@link WorkspaceError}, a path that could lead out of the directory that it is relative to: one with
 * `..`, an absolute path, or a name with a special meaning on another system.
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
 * Rejects, with {@link WorkspaceError}, a link that could lead out of the directory. `..` is allowed only at the
 * beginning: there it starts at the link's own directory, which is a real one. After a name, it would depend on whether
 * that name is a link.
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
 * Rejects, with {@link WorkspaceError}, a `.git` file that does not lead to a submodule's repository in the same
 * workspace: git would take settings, and programs to run, from its target.
 */
export function assertSafeGitFile(file: string, content: string): void {
  const target = /^gitdir: (\S+)\n?$/.exec(content)?.[1] ?? '/';
  assertSafeLink(file, target);
  if (/^(?:\.\.\/)+(?:[^/]+\/)*\.git\/modules\/[^/]/.test(target)) return;
  throw new WorkspaceError(
    `${file} leads to a repository elsewhere (${target.slice(0, 200)}), so it cannot be packed. Clone that project instead.`,
  );
}
