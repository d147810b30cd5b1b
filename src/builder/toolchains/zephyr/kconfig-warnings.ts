// Settings of the user that a build did not follow. Kconfig warns of them among its many lines, and the firmware lacks
// the feature.
import path from 'node:path';
import { readTextOrEmpty } from '../../../system/text-file.ts';
import type { Target } from '../../matrix/target.ts';
import type { PathMap } from '../observed/index.ts';

/** In bytes. Kconfig's output is at the beginning of a log. */
const MAX_LOG = 16 * 1024 * 1024;
const MAX_CONF = 1024 * 1024;

export interface SettingsQuery {
  /** The full output of a successful build. */
  logFile: string;
  target: Target;
  /** The config's repository. Absolute. */
  configDirectory: string;
  /** Maps the build's paths to those of this machine. */
  pathMap: PathMap;
}

/** An assignment and its place. */
interface Assignment {
  value: string;
  place: string;
}

/** A sentence for each setting of the config or of `cmake-args` that got another value. In Kconfig's order. */
export async function settingsWithoutEffect({
  logFile,
  target,
  configDirectory,
  pathMap,
}: SettingsQuery): Promise<string[]> {
  const log = await readTextOrEmpty(logFile, MAX_LOG);
  const own = new Map<string, Assignment>();
  for (const [, seen] of log.matchAll(/^Merged configuration '(.+)'\s*$/gm)) {
    const file = pathMap.toHost(seen!);
    // Settings of ZMK's own boards and shields are not the user's to change. Later files override earlier ones.
    if (file === undefined || pathMap.classify(file) !== 'config') continue;
    const shown = path.relative(configDirectory, file).replaceAll(path.sep, '/');
    for (const [index, line] of (await readTextOrEmpty(file, MAX_CONF)).split('\n').entries()) {
      const [, name, value] = /^\s*CONFIG_(\w+)=(.*?)\s*$/.exec(line) ?? [];
      if (name !== undefined) own.set(name, { value: value!, place: `${shown}:${index + 1}` });
    }
  }
  for (const [, name, value] of (target.cmakeArgs ?? '').matchAll(/-DCONFIG_(\w+)=(\S*)/g))
    own.set(name!, { value: value!, place: 'cmake-args' });
  return paragraphs(log).flatMap(said => {
    const [, name = '', wanted = '', got = '', rest = ''] =
      /^warning: (\w+) \(defined at .*?\) was assigned the value '(.*?)' but got the value '(.*?)'\.(.*)$/.exec(
        said,
      ) ?? [];
    const assigned = own.get(name);
    if (assigned === undefined || plain(assigned.value) !== plain(wanted)) return [];
    const [, needs] = /Check these unsatisfied dependencies: (.+?)(?: \(=n\))?\. See /.exec(rest) ?? [];
    const why =
      needs !== undefined
        ? `it depends on ${needs}`
        : got === ''
          ? 'nothing uses it'
          : `it is ${got} all the same`;
    return [`${assigned.place}: CONFIG_${name}=${assigned.value} has no effect: ${why}.`];
  });
}

/** Kconfig's output, each paragraph on one line: it wraps long lines. */
function paragraphs(log: string): string[] {
  return log.split(/\n[ \t]*\n/).map(text => text.trim().replaceAll(/\s*\n\s*/g, ' '));
}

/** A text without its quotes. */
function plain(value: string): string {
  return value.replace(/^"(.*)"$/, '$1');
}
