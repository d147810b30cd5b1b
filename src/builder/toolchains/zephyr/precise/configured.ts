// What CMake left in a build directory that it has just configured, beside what it left in the one of the last build: an
// object may stay only where both are the same but for the devicetree.
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

/** Of the generated header that is compared macro by macro. */
export const HEADER = 'devicetree_generated.h';

/** What the devicetree is turned into besides: whoever reads it is run again. Relative to the build directory. */
const OF_DEVICETREE = /^zephyr\/(?:[^/]+\.dts(?:\.pre(?:\.tmp)?)?(?:\.d)?|edt\.pickle)$/;

/** What CMake writes about its own work; no command reads it. */
const LOG = /^CMakeFiles\/(?:CMakeError\.log|CMakeOutput\.log|CMakeConfigureLog\.yaml)$/;

/** Whether two versions of a file that differ make no difference. */
function isIndifferent(file: string, one: Buffer, other: Buffer): boolean {
  if (file !== 'CMakeCache.txt') return false;
  return relevantCache(one) === relevantCache(other);
}

/** What the compiler can do is asked once for all builds, and those that did not ask do not have it in their cache. */
function relevantCache(cache: Buffer): string {
  return cache
    .toString('utf8')
    .split('\n')
    .filter(line => line !== '' && !/^(?:\/\/|#)|^check_\S*:INTERNAL=/i.test(line))
    .join('\n');
}

/** What is different. Names relative to the build directory. */
export interface ConfiguredDifferences {
  /** Generated headers whose content is another one. */
  headers: string[];
  /** What else comes of the devicetree. */
  devicetree: string[];
}

/**
 * Compares a directory that was just configured with the one of a build. The end of a sentence that says why nothing of the
 * latter can be used, when that is so.
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
 * Brings what a build has made into a directory that was just configured, and gives what is there already the times that it
 * had: Ninja goes by them. Objects become the same files in both, since nothing writes to one that is there; the rest is
 * copied.
 *
 * @param isLeft whether a file, by its name in the directory, is not brought
 * @param isAnew whether a file that is there already keeps the time that it has
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
    // Its time is its own.
    linkSync(from, to);
    return;
  } else copyFileSync(from, to, constants.COPYFILE_FICLONE);
  keepTime(from, to);
}

/** Rounded down: what was made out of it must not seem to be older. */
function keepTime(from: string, to: string): void {
  const time = Math.floor(lstatSync(from).mtimeMs) / 1000;
  lutimesSync(to, time, time);
}
