// From the files that a dependency file lists to the inputs of a build. It says what a preprocessor opened, and neither what
// that looked for in vain nor what others took in: that is read in the sources themselves.
import { lstatSync, readFileSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { real } from '../../domains/compilation/real-path.ts';
import type { ObservedInputs } from '../../domains/compilation/toolchain.ts';
import { isInside } from './input-files.ts';
import { readSourceText } from './observed/source-text.ts';

/** Files that are read by a preprocessor. */
const SOURCE = /\.(?:c|cc|cpp|cxx|h|hh|hpp|hxx|inc|s|S|keymap|overlay|dtsi?|dts)$/;

export interface ListedOptions {
  /** What names are relative to. Absolute. */
  directory: string;
  /** Files in it are the build's own. Absolute. */
  buildDirectory: string;
  /** What counts as well. Absolute. */
  own: readonly string[];
  /** Absolute. */
  declared: ReadonlySet<string>;
}

/** The inputs; undefined when nothing but the build's own files is listed. */
export async function observeListed(
  listed: readonly string[],
  { directory, buildDirectory, own, declared }: ListedOptions,
): Promise<ObservedInputs | undefined> {
  const files = new Set(own);
  const absent = new Set<string>();
  let counting: ObservedInputs['declared'] = 'names';
  for (const dependency of listed) {
    // Compilers write names as they got them, and they run in this directory.
    const file = path.resolve(directory, dependency);
    if (isInside(file, buildDirectory)) continue;
    const spelled = path.isAbsolute(dependency) ? dependency : `${directory}/${dependency}`;
    const stats = await stat(spelled).catch(() => undefined);
    // Devices and directories have no content that could change. One that is gone has changed since it was read.
    if (stats !== undefined && !stats.isFile()) continue;
    // Behind a link a `..` leads elsewhere than it seems to.
    if (real(spelled) === real(file)) files.add(file);
    if (spelled.includes('/../')) files.add(spelled);
    if (stats === undefined || !SOURCE.test(file)) continue;
    const text = readText(spelled);
    if (text === undefined) continue;
    const { doubt, includes, taken } = readSourceText(text);
    if (doubt === 'contents' && declared.has(file)) counting = 'contents';
    // Names in declared directories count anyhow.
    for (const name of declared.has(file) ? [] : [...includes, ...taken]) {
      const beside = `${path.dirname(spelled)}/${name}`;
      if (lstatSync(beside, { throwIfNoEntry: false }) === undefined) absent.add(beside);
      else if (taken.includes(name)) files.add(beside);
    }
  }
  if (files.size === 0) return undefined;
  return { files: [...files].sort(), directories: [], absent: [...absent].sort(), declared: counting };
}

function readText(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
