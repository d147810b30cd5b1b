// Snapshots of a build's inputs: taken, compared with the current state, and the differences explained.
import { lstat, stat } from 'node:fs/promises';
import path from 'node:path';
import { cacheKey } from '../../cache/cache-key.ts';
import { resolveReal } from '../../system/paths.ts';
import { type InputReader, isEditorLeftover } from '../inputs/input-reader.ts';
import { isOfThisMachine, type PathBase } from '../inputs/path-base.ts';
import type { ObservedInputs } from '../toolchains/toolchain.ts';
import type { InputSnapshot } from './fingerprint.ts';

// The kernel stamps files by a clock that lags behind `Date.now()` by up to one tick.
const CLOCK_TICK_MS = 10;

/** The declared inputs of a target at one moment. */
export interface DeclaredInputs {
  /** In stored form, sorted, without temporary files of editors. */
  paths: string[];
  /** The digest of `paths`. */
  digest: string;
}

/** The inputs that a build read, and which of them changed while it ran. */
export interface Observation {
  inputs: InputSnapshot;
  /**
   * Stored paths of inputs that were written, created or removed during the build; empty if the result can be trusted.
   */
  changed: string[];
}

/** Lists the declared inputs without reading them. */
export async function declare(files: readonly string[], base: PathBase): Promise<DeclaredInputs> {
  const kept = files.filter(file => !isEditorLeftover(file)).map(file => base.toStored(file));
  const paths = [...new Set(kept)].sort();
  return { paths, digest: await cacheKey('declared', paths) };
}

/** The absolute paths of declared inputs. */
export function filesOf({ paths }: DeclaredInputs, base: PathBase): string[] {
  return paths.map(stored => locate(base, stored));
}

/** A snapshot of every declared input. Rejects with `InputError` if one cannot be read. */
export async function takeSnapshot(
  declared: DeclaredInputs,
  reader: InputReader,
  base: PathBase,
): Promise<InputSnapshot> {
  const snapshot: InputSnapshot = { files: [], directories: [], absent: [], declared: declared.digest };
  for (const stored of declared.paths) {
    const state = await reader.file(locate(base, stored));
    if (state) snapshot.files.push([stored, state.sha256]);
    else snapshot.absent.push(stored);
  }
  return snapshot;
}

/**
 * A snapshot of the inputs that a build read, and whether they were unchanged at its end. Without observations every
 * declared input counts.
 *
 * @param before the reader that saw the declared inputs before the build
 *
 * @param after a new reader
 *
 * @param started start of the compiler, in milliseconds since the epoch
 */
export async function observe(
  observed: ObservedInputs | undefined,
  declared: { before: DeclaredInputs; after: DeclaredInputs },
  readers: { before: InputReader; after: InputReader },
  started: number,
  base: PathBase,
): Promise<Observation> {
  const known = new Set(declared.before.paths);
  const inputs: InputSnapshot = { files: [], directories: [], absent: [], declared: undefined };
  const changed = new Set<string>();

  const counting = countingDeclared(observed);
  if (counting !== undefined) {
    inputs.declared = declared.before.digest;
    for (const stored of newIn(declared.after.paths, declared.before.paths)) changed.add(stored);
    for (const stored of newIn(declared.before.paths, declared.after.paths)) changed.add(stored);
  }

  const read = new Set(storedPaths(observed?.files ?? [], base));
  const files = new Set([...read, ...linkedNames(read, declared.before.paths, base)]);
  if (counting === 'contents') for (const stored of declared.before.paths) files.add(stored);
  for (const stored of [...files].sort()) {
    const file = locate(base, stored);
    const after = await readers.after.file(file);
    if (known.has(stored)) {
      const before = await readers.before.file(file);
      if (before?.sha256 !== after?.sha256 || before?.stamp !== after?.stamp) changed.add(stored);
    } else if (await changedSince(file, started)) {
      changed.add(stored);
    }
    if (after) inputs.files.push([stored, after.sha256]);
    else if (read.has(stored)) changed.add(stored);
    else inputs.absent.push(stored);
  }
  for (const stored of storedPaths(observed?.directories ?? [], base)) {
    const directory = locate(base, stored);
    const digest = await readers.after.listing(directory);
    if (digest === undefined || (await changedSince(directory, started))) changed.add(stored);
    else inputs.directories.push([stored, digest]);
  }
  for (const stored of storedPaths(observed?.absent ?? [], base)) {
    if (await readers.after.isAbsent(locate(base, stored))) inputs.absent.push(stored);
    else changed.add(stored);
  }
  inputs.absent = [...new Set(inputs.absent)].sort();
  return { inputs, changed: [...changed].sort() };
}

/** Which declared inputs count besides the observed ones; see {@link ObservedInputs}. */
function countingDeclared(observed: ObservedInputs | undefined): ObservedInputs['declared'] {
  if (observed === undefined) return 'contents';
  if (observed.declared !== undefined) return observed.declared;
  // A dependency file lists the files that were opened, not those that were looked for in vain.
  return observed.directories.length + observed.absent.length > 0 ? undefined : 'names';
}

/**
 * The declared names, through links, of files that were read. A tool may record a file's real name, and a link that
 * later leads elsewhere would then go unnoticed.
 */
function linkedNames(read: ReadonlySet<string>, declared: readonly string[], base: PathBase): string[] {
  const reals = new Set([...read].map(stored => resolveReal(locate(base, stored))));
  return declared.filter(stored => {
    if (read.has(stored)) return false;
    const file = locate(base, stored);
    const target = resolveReal(file);
    return target !== file && reals.has(target);
  });
}

/**
 * The differences between the inputs and a snapshot of them, one sentence each; empty if they are the same. An input
 * that cannot be read counts as different.
 *
 * @param first stop at the first difference
 */
export async function differences(
  snapshot: InputSnapshot,
  declared: () => Promise<DeclaredInputs>,
  reader: InputReader,
  base: PathBase,
  { first = false, names }: { first?: boolean; names?: (digest: string) => string[] | undefined } = {},
): Promise<string[]> {
  const found: string[] = [];
  const told = new Set<string>();
  for await (const [stored, sentence] of compare()) {
    // One file may appear under several spellings of its path.
    const subject = stored === '' ? '' : path.resolve(base.fromStored(stored) ?? `/${stored}`);
    if (told.has(subject)) continue;
    told.add(subject);
    found.push(sentence);
    if (first) break;
  }
  return found;

  async function* compare(): AsyncGenerator<[stored: string, sentence: string]> {
    for (const [stored, sha256] of snapshot.files) {
      const file = base.fromStored(stored);
      const shown = base.shown(stored);
      if (file === undefined) {
        yield [stored, `${stored} is not on this machine`];
        continue;
      }
      const state = await reader.file(file).catch(() => null);
      if (state === null) yield [stored, `${shown} cannot be read`];
      else if (state === undefined) yield [stored, `${shown} was removed`];
      else if (state.sha256 !== sha256) yield [stored, `${shown} changed`];
    }
    for (const stored of snapshot.absent) {
      const file = base.fromStored(stored);
      // Nothing is known about a place that this machine does not have, not even an absence.
      if (file === undefined) yield [stored, `${stored} is not on this machine`];
      else if (!(await reader.isAbsent(file))) yield [stored, `${base.shown(stored)} was added`];
    }
    for (const [stored, digest] of snapshot.directories) {
      const directory = base.fromStored(stored);
      const now = directory && (await reader.listing(directory).catch(() => undefined));
      if (now !== digest) yield [stored, `the file list of ${base.shown(stored)} changed`];
    }
    if (snapshot.declared === undefined) return;
    const now = await declared();
    if (now.digest === snapshot.declared) return;
    const before = names?.(snapshot.declared);
    if (!before) return yield ['', 'files were added or removed'];
    for (const stored of newIn(now.paths, before)) yield [stored, `${stored} was added`];
    for (const stored of newIn(before, now.paths)) yield [stored, `${stored} was removed`];
  }
}

/** The path of an input that was just found. */
function locate(base: PathBase, stored: string): string {
  return base.fromStored(stored) ?? stored;
}

/** The first input that binds a snapshot to this machine; undefined if there is none. */
export function boundBy({ files, directories, absent }: InputSnapshot): string | undefined {
  const paths = [...files.map(([file]) => file), ...directories.map(([directory]) => directory), ...absent];
  return paths.find(isOfThisMachine);
}

function newIn(paths: readonly string[], others: readonly string[]): string[] {
  const known = new Set(others);
  return paths.filter(stored => !known.has(stored));
}

function storedPaths(files: readonly string[], base: PathBase): string[] {
  return [...new Set(files.map(file => base.toStored(file)))].sort();
}

// For undeclared inputs there is no earlier hash to compare with, only the clock.
async function changedSince(file: string, started: number): Promise<boolean> {
  try {
    const [link, target] = await Promise.all([lstat(file), stat(file)]);
    return Math.max(link.ctimeMs, target.ctimeMs) >= started - CLOCK_TICK_MS;
  } catch {
    return true;
  }
}
