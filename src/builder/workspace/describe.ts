// Descriptions of a workspace's state, in sentences for the user.
import type { WorkspaceIdentity } from './identity.ts';
import type { ProjectState } from './project-state.ts';

const SHORT = 7;

/**
 * Deviations from the state that west left: `zmk is moved: …`, `zephyr has changes in 2 files: …`. Empty if there are
 * none.
 */
export function describeWorkspace({ projects }: WorkspaceIdentity): string[] {
  const found: string[] = [];
  for (const [place, { head, revision, changes }] of Object.entries(projects)) {
    const name = nameOf(place);
    if (revision !== undefined && revision !== head) {
      found.push(`${name} is moved: ${short(head)} is checked out, the manifest asks for ${short(revision)}`);
    }
    if (changes) {
      const { count, files } = changes;
      const more = count > files.length ? ` and ${count - files.length} more` : '';
      const what = count === 1 ? 'a change that is' : `${count} changes that are`;
      found.push(`${name} has ${what} not committed: ${files.join(', ')}${more}`);
    }
  }
  return found;
}

/** The differences between two states of a workspace, one sentence each: `zmk moved a1b2c3d → d4e5f6a`. */
export function workspaceDifferences(before: WorkspaceIdentity, now: WorkspaceIdentity): string[] {
  const found: string[] = [];
  if (before.manifest !== now.manifest) found.push('west.yml changed');
  if (before.settings !== now.settings) found.push('.west/config changed');
  for (const place of new Set([...Object.keys(before.projects), ...Object.keys(now.projects)])) {
    const was = before.projects[place];
    const is = now.projects[place];
    const name = nameOf(place);
    if (was && is) found.push(...projectDifferences(name, was, is));
    else found.push(`${name} was ${is ? 'added' : 'removed'}`);
  }
  return found;
}

function projectDifferences(name: string, was: ProjectState, is: ProjectState): string[] {
  const found: string[] = [];
  if (was.head !== is.head) found.push(`${name} moved ${short(was.head)} → ${short(is.head)}`);
  if (was.changes?.digest !== is.changes?.digest) {
    const files = (is.changes ?? was.changes)!.files.join(', ');
    found.push(
      is.changes ? `${name} has other uncommitted changes: ${files}` : `${name} lost its changes: ${files}`,
    );
  }
  if (was.unversioned?.digest !== is.unversioned?.digest) {
    const files = (is.unversioned ?? was.unversioned)!.files.join(', ');
    found.push(
      is.unversioned
        ? `${name} has other files that git ignores or links to: ${files}`
        : `${name} lost files that git ignored or linked to: ${files}`,
    );
  }
  if (found.length > 0 || JSON.stringify(was) === JSON.stringify(is)) return found;
  const told = was.description !== is.description && was.description && is.description;
  return [
    told
      ? `${name} calls itself ${is.description}, not ${was.description}`
      : `${name} has other git references`,
  ];
}

function nameOf(place: string): string {
  return place === '.' ? "the workspace's own repository" : place;
}

function short(commit: string): string {
  return commit.slice(0, SHORT);
}
