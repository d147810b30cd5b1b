// Git directories of workspace projects outside the workspace: the repository of a worktree, and borrowed objects.
// Without them, west and `git describe` cannot read the history.
import { existsSync, statSync } from 'node:fs';
import path from 'node:path';
import { textIfReadable } from '../../../system/text-file.ts';

/** Limit on a chain of stores that borrow from one another. Git itself allows five. */
const MAX_DEPTH = 8;

/** The existing directories that git reads for these projects of the workspace by absolute path. */
export function gitStores(workspace: string, projects: readonly string[]): string[] {
  const stores = new Set<string>();
  for (const project of projects) {
    const repository = repositoryOf(path.join(workspace, project));
    if (repository === undefined) continue;
    // A repository inside its checkout is visible there.
    if (repository !== path.join(workspace, project, '.git')) stores.add(repository);
    for (const objects of alternatesOf(path.join(repository, 'objects'), MAX_DEPTH)) stores.add(objects);
  }
  return [...stores].filter(store => existsSync(store));
}

/** The repository of a checkout; of a worktree, the main one. */
function repositoryOf(checkout: string): string | undefined {
  const git = path.join(checkout, '.git');
  const stats = statSync(git, { throwIfNoEntry: false });
  if (stats?.isDirectory()) return git;
  const named = /^gitdir: (.+)$/m.exec(textIfReadable(git) ?? '')?.[1];
  if (named === undefined) return undefined;
  const directory = path.resolve(checkout, named);
  return path.resolve(directory, textIfReadable(path.join(directory, 'commondir'))?.trim() || '.');
}

function alternatesOf(objects: string, depth: number): string[] {
  if (depth === 0) return [];
  const lines = (textIfReadable(path.join(objects, 'info/alternates')) ?? '').split('\n');
  const alternates = lines.filter(line => line !== '' && !line.startsWith('#'));
  return alternates.flatMap(line => {
    const alternate = path.resolve(objects, line);
    return [alternate, ...alternatesOf(alternate, depth - 1)];
  });
}
