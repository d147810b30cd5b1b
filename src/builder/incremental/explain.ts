// Explanations of a miss: the differences between two builds, in words.
import { isObject } from '../../cache/values/stored-json.ts';
// Not from the index: every build loads this file, and few need the rest of the workspace code.
import { workspaceDifferences } from '../workspace/describe.ts';
import type { WorkspaceIdentity } from '../workspace/identity.ts';
import type { BaseInputs } from './fingerprint.ts';

// Longer values would fill the line that says what changed.
const MAX_SHOWN = 40;

/**
 * The differences between two bases, one sentence each, in the order of their fields: `cmake changed: 3.25.1 → 4.0.1`.
 */
export function baseDifferences(before: BaseInputs, now: BaseInputs): string[] {
  // Then every field differs as well, and none of them is the reason.
  if (before.schema !== now.schema) return ['Glovebox now stores builds in a different form'];
  const found: string[] = [];
  if (before.kind !== now.kind) found.push(`toolchain changed: ${before.kind} → ${now.kind}`);
  compare('', before.target, now.target, found);
  compareToolchains(before.toolchain, now.toolchain, found);
  return found;
}

/** Uses the names that people know where the fields have others. */
function compareToolchains(was: Record<string, unknown>, is: Record<string, unknown>, found: string[]): void {
  const {
    workspace: wasWorkspace,
    image: wasImage,
    tools: wasTools,
    sdks: wasSdks,
    python: wasPython,
    ...before
  } = was;
  const { workspace, image, tools, sdks, python, ...now } = is;
  if (isWorkspace(wasWorkspace) && isWorkspace(workspace)) {
    found.push(...workspaceDifferences(wasWorkspace, workspace));
  } else compare('toolchain ', { workspace: wasWorkspace }, { workspace }, found);
  if (JSON.stringify(wasImage) !== JSON.stringify(image)) found.push('new image digest');
  if (isObject(wasTools) && isObject(tools)) comparePrograms(wasTools, tools, found);
  else compare('toolchain ', { tools: wasTools }, { tools }, found);
  compareSdks(wasSdks, sdks, found);
  comparePythons(wasPython, python, found);
  compareModules(before, now, found);
  const { command: wasCommand, ...others } = before;
  const { command, ...rest } = now;
  compare('toolchain ', others, rest, found);
  // The command follows from the target and the fields above. If none of these differ, it is the only difference
  // left.
  if (found.length === 0) compare('toolchain ', { command: wasCommand }, { command }, found);
}

/** Everything in a repository that has become a module counts as an input. */
function compareModules(
  before: Record<string, unknown>,
  now: Record<string, unknown>,
  found: string[],
): void {
  const [was, is] = [before.isModule, now.isModule];
  delete before.isModule;
  delete now.isModule;
  if (was === is || typeof was !== 'boolean' || typeof is !== 'boolean') return;
  found.push(is ? 'zephyr/module.yml was added' : 'zephyr/module.yml was removed');
}

/** Compares programs by version; of equal versions, says that the program differs. */
function comparePrograms(
  before: Record<string, unknown>,
  now: Record<string, unknown>,
  found: string[],
): void {
  for (const name of new Set([...Object.keys(before), ...Object.keys(now)])) {
    const [was, is] = [before[name] ?? null, now[name] ?? null];
    if (JSON.stringify(was) === JSON.stringify(is)) continue;
    if (was === null || is === null) found.push(`${name} was ${is === null ? 'removed' : 'installed'}`);
    else if (!isObject(was) || !isObject(is)) compare('', { [name]: was }, { [name]: is }, found);
    else if (was.version !== is.version) compare('', { [name]: was.version }, { [name]: is.version }, found);
    else found.push(`${name} is a different program of the same version (${String(is.version)})`);
  }
}

function comparePythons(before: unknown, now: unknown, found: string[]): void {
  const [was, is] = [before, now].map(python => (isObject(python) ? python : {}));
  compare('', { Python: was!.version }, { Python: is!.version }, found);
  if (isObject(was!.packages) && isObject(is!.packages))
    compare('the Python package ', was!.packages, is!.packages, found);
}

function compareSdks(before: unknown, now: unknown, found: string[]): void {
  if (JSON.stringify(before) === JSON.stringify(now)) return;
  const versions = (sdks: unknown) =>
    (Array.isArray(sdks) ? sdks : []).map(sdk => (isObject(sdk) ? String(sdk.version) : '')).join(', ') ||
    'none';
  const [was, is] = [versions(before), versions(now)];
  found.push(
    was === is
      ? `the Zephyr SDK is a different one of the same version (${is})`
      : `Zephyr SDKs changed: ${was} → ${is}`,
  );
}

/** Validates a stored value, which may have any form. */
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
    else found.push(`${prefix}${name} changed${values(was, is)}`);
  }
}

function values(was: unknown, is: unknown): string {
  const shown = [was, is].map(value =>
    value === undefined ? 'none' : typeof value === 'object' ? '' : String(value),
  );
  const fits = shown.every(text => text.length > 0 && text.length <= MAX_SHOWN && !text.includes('\n'));
  return fits ? `: ${shown.join(' → ')}` : '';
}
