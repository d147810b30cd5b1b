// Comparison of two configured build directories, the new one and that of the last build: objects may be reused only if
// CMake's output differs in nothing but the devicetree.
import {
  constants,
  copyFileSync,
  type Dirent,
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
} from 'node:fs';
import path from 'node:path';

/** The generated header that is compared macro by macro. */
export const HEADER = 'devicetree_generated.h';

/**
 * Other files made from the devicetree: the commands that read them run again. `dts.cmake` is read by CMake alone, whose
 * output is compared. Relative to the build directory.
 */
const OF_DEVICETREE = /^zephyr\/(?:[^/]+\.dts(?:\.pre(?:\.tmp)?)?(?:\.d)?|edt\.pickle|dts\.cmake)$/;

/** CMake's records of its own work; commands do not read them. */
const LOG = /^CMakeFiles\/(?:CMakeError\.log|CMakeOutput\.log|CMakeConfigureLog\.yaml)$/;

/** Whether the differences between two versions of a file are irrelevant. */
function isIndifferent(file: string, one: Buffer, other: Buffer): boolean {
  if (file !== 'CMakeCache.txt') return false;
  return relevantCache(one) === relevantCache(other);
}

/** The compiler's capabilities are examined once for all builds, and only the build that did so has them in its cache. */
function relevantCache(cache: Buffer): string {
  return cache
    .toString('utf8')
    .split('\n')
    .filter(line => line !== '' && !/^(?:\/\/|#)|^check_\S*:INTERNAL=/i.test(line))
    .join('\n');
}

/** The differences. Names relative to the build directory. */
export interface ConfiguredDifferences {
  /** Generated headers that differ. */
  headers: string[];
  /** Other products of the devicetree that differ. */
  devicetree: string[];
}

/**
 * Compares a directory that was just configured with that of an earlier build; or says why nothing of the latter can be
 * used, as the end of a sentence.
 */
export function compareConfigured(fresh: string, kept: string): ConfiguredDifferences | { why: string } {
  const found: ConfiguredDifferences = { headers: [], devicetree: [] };
  const visit = (relative: string): string | undefined => {
    for (const entry of readdirSync(path.join(fresh, relative), { withFileTypes: true })) {
      const name = relative === '' ? entry.name : `${relative}/${entry.name}`;
      const why = compareEntry(name);
      if (why !== undefined) return why;
    }
    return undefined;
  };
  const compareEntry = (name: string): string | undefined => {
    const [one, other] = [path.join(fresh, name), path.join(kept, name)];
    const [stats, before] = [lstatSync(one), lstatSync(other, { throwIfNoEntry: false })];
    if (before === undefined) return OF_DEVICETREE.test(name) ? undefined : `${name} is new`;
    if (stats.isDirectory() && before.isDirectory()) return visit(name);
    if (stats.isSymbolicLink() && before.isSymbolicLink())
      return readlinkSync(one) === readlinkSync(other) ? undefined : `${name} leads elsewhere`;
    if (!stats.isFile() || !before.isFile()) return `${name} is something else`;
    if (LOG.test(name)) return undefined;
    const [now, then] = [readFileSync(one), readFileSync(other)];
    if (now.equals(then)) return undefined;
    if (path.posix.basename(name) === HEADER) found.headers.push(name);
    else if (OF_DEVICETREE.test(name)) found.devicetree.push(name);
    else if (!isIndifferent(name, now, then)) return `${name} differs`;
    return undefined;
  };
  const why = visit('');
  return why === undefined ? found : { why };
}

/**
 * Brings the products of a build into a directory that was just configured, and gives the configured files the times that
 * they had in that build, because Ninja compares times. Objects are linked, since no command writes to an existing one; all
 * other files are copied.
 *
 * @param isLeft whether a file, named relative to the directory, is left behind
 *
 * @param isAnew whether a configured file keeps its new time
 */
export function bringMade(
  kept: string,
  fresh: string,
  isLeft: (name: string) => boolean,
  isAnew: (name: string) => boolean,
): void {
  const visit = (relative: string): void => {
    for (const entry of readdirSync(path.join(kept, relative), { withFileTypes: true })) {
      const name = relative === '' ? entry.name : `${relative}/${entry.name}`;
      if (isLeft(name)) continue;
      const [from, to] = [path.join(kept, name), path.join(fresh, name)];
      const there = lstatSync(to, { throwIfNoEntry: false });
      if (entry.isDirectory()) {
        if (there === undefined) mkdirSync(to);
        visit(name);
      } else if (there === undefined) bring(from, to, entry);
      else if (!isAnew(name)) keepTime(from, to);
    }
  };
  visit('');
}

function bring(from: string, to: string, entry: Dirent): void {
  if (entry.isSymbolicLink()) symlinkSync(readlinkSync(from), to);
  else if (/\.(?:obj|o|a)$/.test(entry.name)) {
    // A link has the time of its file.
    linkSync(from, to);
    return;
  } else copyFileSync(from, to, constants.COPYFILE_FICLONE);
  keepTime(from, to);
}

/** Rounded down: its products must not seem older. */
function keepTime(from: string, to: string): void {
  const time = Math.floor(lstatSync(from).mtimeMs) / 1000;
  lutimesSync(to, time, time);
}
