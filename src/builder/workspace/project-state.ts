// State of one git repository in a workspace: the commit that is checked out, and the differences from it.
import { createHash } from 'node:crypto';
import { existsSync, lstatSync, readFileSync } from 'node:fs';
import { lstat, readlink } from 'node:fs/promises';
import path from 'node:path';
import type { Cache } from '../../cache/cache.ts';
import { hashFile } from '../../system/hash-file.ts';
import { resolveReal } from '../../system/paths.ts';
import { type GitResult, printed, runGitBatch } from './git.ts';
import { type Index, IndexMemory } from './index-memory.ts';
import { mapConcurrent } from './map-concurrent.ts';
import { ignoredFiles, outsideContent, withoutByproducts } from './unversioned.ts';

/** Limit on changed files listed by name; the rest are counted. */
const MAX_NAMED = 3;

/** The checked-out commit of a project, and its uncommitted changes. Plain data. */
export interface ProjectState {
  /** The checked-out commit; `none` before the first commit. */
  head: string;
  /** The commit that west checked out, if it was west. */
  revision?: string;
  /** The output of `git describe`, where Zephyr compiles it into the firmware. Depends on tags as well. */
  description?: string;
  /** The submodules that are checked out: a commit lists only those that are possible. */
  submodules?: string[];
  /** Differences between `head` and the work tree. Absent if there are none. */
  changes?: ProjectChanges;
  /**
   * Files in the work tree that builds see and git does not: ignored files, and the targets of links out of the
   * project. Absent if there are none.
   */
  unversioned?: ProjectChanges;
}

export interface ProjectChanges {
  /** Covers every changed, removed or untracked file's path and content. */
  digest: string;
  /** The number of files. */
  count: number;
  /** The first of them by name. */
  files: string[];
}

/** A project's state, and the independent repositories inside it. */
export interface ExaminedProject {
  state: ProjectState;
  /** Relative to the project. */
  nested: string[];
}

export interface ExamineOptions {
  signal?: AbortSignal | undefined;
  /** A directory that does not count, though it is in a project. Absolute, without links. */
  aside?: string | undefined;
  /** Remembers what indexes say. Default: git is asked. */
  cache?: Cache | undefined;
  /** In milliseconds since the epoch. Default: `Date.now`. */
  clock?: (() => number) | undefined;
}

/** Examines repositories; resolves to their states, in order. Rejects with `WorkspaceError` if git fails. */
export async function examineProjects(
  directories: readonly string[],
  { signal, aside, cache, clock = Date.now }: ExamineOptions = {},
): Promise<ExaminedProject[]> {
  const revisions = directories.map(looseRevision);
  const indexes = new IndexMemory(cache, clock);
  const known = await Promise.all(directories.map(directory => indexes.get(directory)));
  const asked = directories.map((directory, index) => ({
    directory,
    commands: [
      ...[STATUS, known[index] === undefined ? 'ls-files -v --stage -z' : undefined],
      revisions[index] === undefined ? `rev-parse --verify --quiet ${REVISION}` : undefined,
      isDescribed(directory) ? 'describe --abbrev=12 --always' : undefined,
    ],
  }));
  const answers = await runGitBatch(asked, signal);
  const places = directories.map(resolveReal);
  const all = directories.map((directory, index) => {
    const [status, files, revision, description] = answers[index]!;
    const found = { revision: revisions[index] ?? stdoutOf(revision), description: stdoutOf(description) };
    const isAside = aside?.startsWith(`${places[index]}${path.sep}`);
    return {
      ...{ directory, status: printed(status!), ...found },
      index: known[index] ?? parseIndex(printed(files!)),
      aside: isAside ? `${path.relative(places[index]!, aside!).replaceAll(path.sep, '/')}/` : undefined,
    };
  });
  await Promise.all(
    all.map(({ directory, index }, at) =>
      known[at] === undefined ? indexes.set(directory, index) : undefined,
    ),
  );
  return mapConcurrent(all, found => examine(found, places, { signal, aside, cache, clock }));
}

const stdoutOf = (answer: GitResult | undefined) =>
  answer?.exitCode === 0 ? answer.stdout.trim() : undefined;

/** Git's answers about one repository. */
interface GitReadings {
  directory: string;
  status: string;
  index: Index;
  revision: string | undefined;
  description: string | undefined;
  /** Prefix of the paths that do not count. */
  aside: string | undefined;
}

async function examine(
  { directory, status, index, revision, description, aside }: GitReadings,
  projects: readonly string[],
  options: ExamineOptions,
): Promise<ExaminedProject> {
  const { head, files, ignored, submodules, nested } = parseStatus(status);
  const { hidden, submodules: known, links } = index;
  for (const file of hidden) files.add(file);
  const isCounted = (file: string) => aside === undefined || !`${file}/`.startsWith(aside);
  const changed = withoutByproducts(directory, [...files].filter(isCounted)).sort();
  const state: ProjectState = { head };
  if (revision !== undefined) state.revision = revision;
  if (description !== undefined) state.description = description;
  const present = known.filter(submodule => existsSync(path.join(directory, submodule, '.git')));
  if (present.length > 0) state.submodules = present;

  const lines = await linesOf(directory, changed);
  const inside = await examineProjects(
    present.map(submodule => path.join(directory, submodule)),
    options,
  );
  const changedInside: string[] = [];
  for (const [at, { state: inner, nested: deeper }] of inside.entries()) {
    const submodule = present[at]!;
    nested.push(...deeper.map(place => path.posix.join(submodule, place)));
    if (!submodules.includes(submodule) && !inner.changes && !inner.unversioned) continue;
    changedInside.push(submodule);
    lines.push(`${submodule}\0${JSON.stringify(inner)}`);
  }
  const changes = changesOf(lines, [...changed, ...changedInside]);
  if (changes) state.changes = changes;

  const overlooked = ignoredFiles(directory, ignored, isCounted);
  nested.push(...overlooked.nested);
  const leading = [...new Set([...links.filter(isCounted), ...changed, ...overlooked.files])].sort();
  const behind = await mapConcurrent(leading, async file =>
    outsideContent(path.join(directory, file), projects),
  );
  const outside = leading.filter((_, at) => behind[at] !== undefined);
  const unversioned = changesOf(
    [
      ...(await linesOf(directory, overlooked.files)),
      ...leading.flatMap((file, at) => (behind[at] === undefined ? [] : [`${file}\0leads to ${behind[at]}`])),
    ],
    [...new Set([...overlooked.files, ...outside])].sort(),
  );
  if (unversioned) state.unversioned = unversioned;
  return { state, nested };
}

/** The lines that a digest covers: each file with its content. */
async function linesOf(directory: string, files: readonly string[]): Promise<string[]> {
  const contents = await mapConcurrent(files, file => contentOf(path.join(directory, file)));
  return files.map((file, index) => `${file}\0${contents[index]}`);
}

function changesOf(lines: readonly string[], named: readonly string[]): ProjectChanges | undefined {
  if (lines.length === 0) return undefined;
  const digest = createHash('sha256').update(lines.join('\0\n')).digest('hex');
  return { digest, count: named.length, files: named.slice(0, MAX_NAMED) };
}

const REVISION = 'refs/heads/manifest-rev';

/**
 * Reads the revision from the ref file that west usually leaves, which saves a process for each of dozens of projects.
 */
function looseRevision(directory: string): string | undefined {
  let loose: string;
  try {
    loose = readFileSync(path.join(directory, '.git', REVISION), 'latin1');
  } catch {
    return undefined;
  }
  return /^(?:[0-9a-f]{40}|[0-9a-f]{64})\n$/.test(loose) ? loose.trim() : undefined;
}

/** Whether Zephyr compiles the project's description into the firmware: its own, and the application's. */
function isDescribed(directory: string): boolean {
  return ['VERSION', 'app/VERSION', 'app/CMakeLists.txt'].some(
    file => lstatSync(path.join(directory, file), { throwIfNoEntry: false }) !== undefined,
  );
}

const STATUS =
  'status --porcelain=v2 --branch -z --untracked-files=all --ignored=matching --ignore-submodules=none --no-renames';

interface Status {
  head: string;
  files: Set<string>;
  /** Files, and directories with a trailing `/`. */
  ignored: string[];
  submodules: string[];
  nested: string[];
}

function parseStatus(output: string): Status {
  const found: Status = { head: 'none', files: new Set(), ignored: [], submodules: [], nested: [] };
  for (const line of output.split('\0')) {
    const [kind, ...fields] = line.split(' ');
    if (kind === '#') {
      if (fields[0] === 'branch.oid' && fields[1] !== '(initial)') found.head = fields[1]!;
    } else if (kind === '1' || kind === 'u') {
      // Fields before the path: seven for a change, nine for a conflict.
      const file = fields.slice(kind === '1' ? 7 : 9).join(' ');
      const mode = fields[kind === '1' ? 4 : 5];
      if (fields[1]!.startsWith('S') && mode === '160000') found.submodules.push(file);
      else found.files.add(file);
    } else if (kind === '?') {
      const file = fields.join(' ');
      // An untracked directory is listed as such only if it is a repository, which git does not enter.
      if (file.endsWith('/')) found.nested.push(file.slice(0, -1));
      else found.files.add(file);
    } else if (kind === '!') found.ignored.push(fields.join(' '));
  }
  return found;
}

function parseIndex(output: string): Index {
  const found: Index = { hidden: [], submodules: [], links: [] };
  for (const line of output.split('\0')) {
    if (line === '') continue;
    const file = line.slice(line.indexOf('	') + 1);
    if (line.startsWith('120000 ', 2)) found.links.push(file);
    if (line.startsWith('160000 ', 2)) found.submodules.push(file);
    else if (!line.startsWith('H ')) found.hidden.push(file);
  }
  return found;
}

async function contentOf(file: string): Promise<string> {
  try {
    const stat = await lstat(file);
    if (stat.isSymbolicLink()) return `link ${await readlink(file)}`;
    if (stat.isDirectory()) return 'directory';
    if (!stat.isFile()) return 'special';
    return `${stat.mode & 0o100 ? 'program' : 'file'} ${await hashFile(file)}`;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return 'absent';
    throw error;
  }
}
