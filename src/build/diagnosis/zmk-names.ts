// The names that ZMK and Zephyr have for things, for somebody who has written another: what the build prints lists none.
import type { Dirent } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';

/** Of Zephyr's sources, those with settings of keyboards; the others are thousands of files about boards and chips. */
const ZEPHYR_PARTS = ['kernel', 'lib', 'subsys', 'drivers'];

// ZMK and these parts of Zephyr have 2,100 together.
const MAX_FILES = 5_000;

/** The settings' names, without `CONFIG_`, by the sources that the build's output names; those that cannot be read have none. */
export async function settingNames(lines: readonly string[]): Promise<string[]> {
  const application = first(lines, /^Parsing (.+)[\\/]Kconfig$/);
  const zephyr = first(lines, /^-- Zephyr version: .+ \((.+)\)$/);
  const directories = [
    ...(application === undefined ? [] : [application]),
    ...(zephyr === undefined ? [] : ZEPHYR_PARTS.map(part => path.join(zephyr, part))),
  ].filter(path.isAbsolute);
  const names = new Set<string>();
  let files = 0;
  for (const directory of directories) {
    for await (const file of kconfigFiles(directory)) {
      if (++files > MAX_FILES) return [...names];
      const text = await readFile(file, 'utf8').catch(() => '');
      for (const [, name] of text.matchAll(/^[ \t]*(?:menu)?config[ \t]+(\w+)/gm)) names.add(name!);
    }
  }
  return [...names];
}

/** What a keymap can include of ZMK's own, as it is written there. */
export async function includeNames(lines: readonly string[]): Promise<string[]> {
  const application = first(lines, /^-- Application: (.+)$/);
  if (application === undefined || !path.isAbsolute(application)) return [];
  const below = async (place: string, prefix: string) =>
    (await readdir(path.join(application, place)).catch(() => []))
      .filter(name => /\.(?:h|dtsi)$/.test(name))
      .map(name => `${prefix}${name}`);
  const bindings = 'dt-bindings/zmk/';
  return [...(await below('dts', '')), ...(await below(`include/${bindings}`, bindings))];
}

async function* kconfigFiles(directory: string): AsyncGenerator<string> {
  // A link could lead round in a circle, and is none of these.
  const entries: Dirent[] = await readdir(directory, { withFileTypes: true }).catch(() => []);
  for (const entry of entries) {
    const found = path.join(directory, entry.name);
    if (entry.isFile() && entry.name.startsWith('Kconfig')) yield found;
    else if (entry.isDirectory()) yield* kconfigFiles(found);
  }
}

function first(lines: readonly string[], pattern: RegExp): string | undefined {
  return lines.map(line => pattern.exec(line)?.[1]).find(found => found !== undefined);
}
