// Unversioned files that builds find in a project's work tree: files that git ignores, and the targets of links that
// lead out of the project.
import { createHash } from 'node:crypto';
import { lstatSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { hashFile } from '../../system/hash-file.ts';
import { resolveReal, statOf } from '../../system/paths.ts';
import { isEditorLeftover } from '../inputs/input-reader.ts';
import { readTree } from '../inputs/tree.ts';
import { mapConcurrent } from './map-concurrent.ts';
import { WorkspaceError } from './workspace-error.ts';

/** Names of directories that belong to tools. */
const OF_TOOLS =
  /^(?:__pycache__|node_modules|\.west|\.cache|\.vscode|\.idea|\.(?:pytest|mypy|ruff)_cache|(?:twister|sanity)-out.*)$/;

/** Marker files of a build directory and of a Python environment. */
const MARKS = ['CMakeCache.txt', 'pyvenv.cfg'];

/** Files that tools leave beside the sources and no build reads. */
const LEFT = /\.py[co]$|\.log$|^compile_commands\.json$/;

/** Ignored files, and the repositories among them: paths relative to the project, sorted. */
export interface IgnoredFiles {
  files: string[];
  nested: string[];
}

/**
 * The ignored files in a project, except by-products of compilers, Python, npm and editors.
 *
 * @param ignored as git lists them: directories end with a `/`
 *
 * @param isCounted whether a path counts
 */
export function ignoredFiles(
  project: string,
  ignored: readonly string[],
  isCounted: (place: string) => boolean = () => true,
): IgnoredFiles {
  const found: IgnoredFiles = { files: [], nested: [] };
  const visit = (place: string) => {
    const entries = readdirSync(path.join(project, place), { withFileTypes: true });
    if (entries.some(({ name }) => name === '.git')) {
      found.nested.push(place);
      return;
    }
    if (!isCounted(place) || isByproductDirectory(place, entries)) return;
    for (const entry of entries) {
      const inner = path.posix.join(place, entry.name);
      if (entry.isDirectory()) visit(inner);
      else if (isCounted(inner) && !isLeft(inner)) found.files.push(inner);
    }
  };
  for (const place of ignored) {
    const isInTools = place
      .split('/')
      .slice(0, -1)
      .some(name => OF_TOOLS.test(name));
    if (isInTools || !lstatSync(path.join(project, place), { throwIfNoEntry: false })) continue;
    if (place.endsWith('/')) visit(place.slice(0, -1));
    else if (isCounted(place) && !isLeft(place)) found.files.push(place);
  }
  const builds = markedDirectories(project, found.files);
  found.files = found.files.filter(file => !builds.some(build => file.startsWith(`${build}/`))).sort();
  return found;
}

/** Whether a directory belongs to a tool, a build or a Python environment. */
export function isByproductDirectory(place: string, entries: readonly { name: string }[]): boolean {
  return OF_TOOLS.test(path.posix.basename(place)) || entries.some(({ name }) => MARKS.includes(name));
}

/** Changed and new files without by-products. */
export function withoutByproducts(project: string, files: readonly string[]): string[] {
  const builds = markedDirectories(project, files);
  return files.filter(
    file =>
      !file
        .split('/')
        .slice(0, -1)
        .some(name => name === '__pycache__') && !builds.some(build => file.startsWith(`${build}/`)),
  );
}

/** Build directories and the like; never the project itself. */
function markedDirectories(project: string, files: readonly string[]): string[] {
  const marked = files
    .filter(file => MARKS.includes(path.posix.basename(file)))
    .map(file => path.posix.dirname(file));
  return marked.filter(
    directory => directory !== '.' && lstatSync(path.join(project, directory)).isDirectory(),
  );
}

function isLeft(file: string): boolean {
  const name = path.posix.basename(file);
  return LEFT.test(name) || isEditorLeftover(name);
}

/**
 * The content behind a link that leads out of these projects; undefined for any other link. Rejects with
 * `WorkspaceError` if it is too large to be read for each build.
 *
 * @param link absolute
 *
 * @param projects without links: their files are identified by their states
 */
export async function outsideContent(link: string, projects: readonly string[]): Promise<string | undefined> {
  if (!lstatSync(link, { throwIfNoEntry: false })?.isSymbolicLink()) return undefined;
  const target = resolveReal(link);
  const isKnown = (place: string) =>
    projects.some(project => place === project || place.startsWith(`${project}${path.sep}`));
  if (isKnown(target)) return undefined;
  const stats = statOf(link);
  if (stats?.isFile()) return `file ${await hashFile(target)}`;
  if (!stats?.isDirectory()) return undefined;
  const tree = readTree(target, isKnown);
  if (!tree) {
    throw new WorkspaceError(
      `The link ${link} leads to ${target}, which is too large to be read for each build, or cannot be read. Have it lead to less, or remove it.`,
    );
  }
  const names = tree.directories.concat(tree.dangling).map(inner => path.relative(target, inner));
  const contents = await mapConcurrent(tree.files, inner => hashFile(inner));
  const lines = tree.files.map((inner, at) => `${path.relative(target, inner)}\0${contents[at]}`);
  const digest = createHash('sha256')
    .update([...names, ...lines].sort().join('\0\n'))
    .digest('hex');
  return `directory ${digest}`;
}
