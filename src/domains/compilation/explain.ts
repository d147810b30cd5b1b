// Says in words why two builds are not the same one.
import path from 'node:path';
import { isObject } from '../stored.ts';
import type { BaseInputs } from './fingerprint.ts';
import { type WorkspaceIdentity, workspaceDifferences } from './workspace/index.ts';

// Longer values would fill the line that says what changed.
const MAX_SHOWN = 40;

/** What is different between two bases, one sentence each, in the order of their fields: `toolchain version changed: 1 → 2`. */
export function baseDifferences(before: BaseInputs, now: BaseInputs): string[] {
  const found: string[] = [];
  if (before.schema !== now.schema) found.push('Glovebox keeps builds in another form now');
  if (before.kind !== now.kind) found.push(`toolchain changed: ${before.kind} → ${now.kind}`);
  compare('', before.target, now.target, found);
  compareToolchains(before.toolchain, now.toolchain, found);
  return found;
}

/** What people know by other names than the fields have is told in those. */
function compareToolchains(
  { workspace: wasWorkspace, image: wasImage, tools: wasTools, ...before }: Record<string, unknown>,
  { workspace, image, tools, ...now }: Record<string, unknown>,
  found: string[],
): void {
  if (isWorkspace(wasWorkspace) && isWorkspace(workspace)) {
    found.push(...workspaceDifferences(wasWorkspace, workspace));
  } else compare('toolchain ', { workspace: wasWorkspace }, { workspace }, found);
  if (JSON.stringify(wasImage) !== JSON.stringify(image)) found.push('new image digest');
  if (isObject(wasTools) && isObject(tools)) compare('', wasTools, tools, found);
  else compare('toolchain ', { tools: wasTools }, { tools }, found);
  compare('toolchain ', before, now, found);
}

/** What is stored may be of any form. */
function isWorkspace(value: unknown): value is WorkspaceIdentity {
  const areChanges = (changes: unknown) =>
    changes === undefined || (isObject(changes) && Array.isArray(changes.files));
  const isProject = (project: unknown) =>
    isObject(project) &&
    typeof project.head === 'string' &&
    areChanges(project.changes) &&
    areChanges(project.unversioned);
  return isObject(value) && isObject(value.projects) && Object.values(value.projects).every(isProject);
}

function compare(prefix: string, before: object, now: object, found: string[]): void {
  const older = new Map<string, unknown>(Object.entries(before));
  const newer = new Map<string, unknown>(Object.entries(now));
  for (const name of new Set([...older.keys(), ...newer.keys()])) {
    const was = older.get(name);
    const is = newer.get(name);
    if (JSON.stringify(was) === JSON.stringify(is)) continue;
    if (isObject(was) && isObject(is)) compare(`${prefix}${name}.`, was, is, found);
    else if (name === 'PATH' && typeof was === 'string' && typeof is === 'string') {
      found.push(`${prefix}${name} changed: ${directories(was, is)}`);
    } else found.push(`${prefix}${name} changed${values(was, is)}`);
  }
}

/** What two lists of directories do not share: too long to be shown whole, and mostly the same. */
function directories(was: string, is: string): string {
  const [before, now] = [was.split(path.delimiter), is.split(path.delimiter)];
  const gone = before.filter(directory => !now.includes(directory));
  const added = now.filter(directory => !before.includes(directory));
  const parts = [
    ...(gone.length > 0 ? [`without ${gone.join(', ')}`] : []),
    ...(added.length > 0 ? [`with ${added.join(', ')}`] : []),
  ];
  return parts.length > 0 ? parts.join(', ') : 'the same directories in another order';
}

function values(was: unknown, is: unknown): string {
  const shown = [was, is].map(value =>
    value === undefined ? 'none' : typeof value === 'object' ? '' : String(value),
  );
  const fits = shown.every(text => text.length > 0 && text.length <= MAX_SHOWN && !text.includes('\n'));
  return fits ? `: ${shown.join(' → ')}` : '';
}
