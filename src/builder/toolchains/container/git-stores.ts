// Where git keeps what a project of the workspace needs, when that is not in the workspace: a worktree's repository, and
// objects that were borrowed. Without it, west and `git describe` have no history to read.
import { existsSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';

/** How many stores may borrow from one another. Git itself allows five. */
const MAX_DEPTH = 8;

/** The directories that git reads for these projects of the workspace by their whole paths. Absolute; those that are there. */
export function gitStores(workspace: string, projects: readonly string[]): string[] {
  const stores = new Set<string>();
  for (const project of projects) {
    const repository = repositoryOf(path.join(workspace, project));
    if (repository === undefined) continue;
    // One that is in its checkout is seen there.
    if (repository !== path.join(workspace, project, '.git')) stores.add(repository);
    for (const objects of alternatesOf(path.join(repository, 'objects'), MAX_DEPTH)) stores.add(objects);
  }
  return [...stores].filter(store => existsSync(store));
}

/** The repository of a checkout; for a worktree the one that it is of. */
function repositoryOf(checkout: string): string | undefined {
  const git = path.join(checkout, '.git');
  const stats = statSync(git, { throwIfNoEntry: false });
  if (stats?.isDirectory()) return git;
  const named = /^gitdir: (.+)$/m.exec(textOf(git))?.[1];
  if (named === undefined) return undefined;
  const directory = path.resolve(checkout, named);
  return path.resolve(directory, textOf(path.join(directory, 'commondir')).trim() || '.');
}

function alternatesOf(objects: string, depth: number): string[] {
  if (depth === 0) return [];
  const lines = textOf(path.join(objects, 'info/alternates')).split('\n');
  const alternates = lines.filter(line => line !== '' && !line.startsWith('#'));
  return alternates.flatMap(line => {
    const alternate = path.resolve(objects, line);
    return [alternate, ...alternatesOf(alternate, depth - 1)];
  });
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
