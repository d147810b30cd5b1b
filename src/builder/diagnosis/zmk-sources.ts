// ZMK's and Zephyr's own sources: names to suggest in place of a wrong one, and the headers that define names. The
// build's output tells their location; an unreadable file counts as empty.
import type { Dirent } from 'node:fs';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { isObject } from '../../cache/values/stored-json.ts';
import { namesIn } from '../../system/paths.ts';
import { readTextOrEmpty } from '../../system/text-file.ts';
import type { HeaderNames } from './undefined-names.ts';

/** The parts of Zephyr with settings for keyboards. The rest are thousands of files about boards and chips. */
const ZEPHYR_PARTS = ['kernel', 'lib', 'subsys', 'drivers'];

// ZMK and these parts of Zephyr have 2,100 files together.
const MAX_FILES = 5_000;

// The output may name any file on the machine.
const MAX_BYTES = 1024 * 1024;
const MAX_DIRECTORIES = 5_000;

/** Depth below the workspace at which modules with shields are looked for. */
const MODULE_DEPTH = 3;

/** The directory of ZMK's headers for keymaps, in ZMK's application. */
const BINDINGS = 'dt-bindings/zmk/';

/** The names of settings, without `CONFIG_`. */
export async function settingNames(lines: readonly string[]): Promise<string[]> {
  const application = first(lines, /^Parsing (.+)[\\/]Kconfig$/);
  const zephyr = zephyrOf(lines);
  const directories = [
    ...(application === undefined ? [] : [application]),
    ...(zephyr === undefined ? [] : ZEPHYR_PARTS.map(part => path.join(zephyr, part))),
  ].filter(path.isAbsolute);
  const names = new Set<string>();
  let files = 0;
  for (const directory of directories) {
    for await (const file of filesBelow(directory, name => name.startsWith('Kconfig'))) {
      if (++files > MAX_FILES) return [...names];
      const text = await readTextOrEmpty(file, MAX_BYTES);
      for (const [, name] of text.matchAll(/^[ \t]*(?:menu)?config[ \t]+(\w+)/gm)) names.add(name!);
    }
  }
  return [...names];
}

/** The files of ZMK that a keymap can include, under the names that it uses. */
export async function includeNames(lines: readonly string[]): Promise<string[]> {
  const application = applicationOf(lines);
  if (application === undefined) return [];
  const below = async (place: string, prefix: string) =>
    (await namesIn(path.join(application, place)))
      .filter(name => /\.(?:h|dtsi)$/.test(name))
      .map(name => `${prefix}${name}`);
  return [...(await below('dts', '')), ...(await below(`include/${BINDINGS}`, BINDINGS))];
}

/** The headers of ZMK that a keymap can include, by the names that it uses. */
export async function headerNames(lines: readonly string[]): Promise<Map<string, HeaderNames>> {
  const application = applicationOf(lines);
  const found = new Map<string, HeaderNames>();
  if (application === undefined) return found;
  const directory = path.join(application, 'include', BINDINGS);
  for (const name of await namesIn(directory)) {
    if (!name.endsWith('.h')) continue;
    const text = await readTextOrEmpty(path.join(directory, name), MAX_BYTES);
    const all = (pattern: RegExp) => Array.from(text.matchAll(pattern), match => match[1]!);
    const names = new Set(all(/^[ \t]*#define[ \t]+(\w+)/gm));
    found.set(BINDINGS + name, { names, includes: all(/^[ \t]*#include[ \t]*[<"]([^>"]+)[>"]/gm) });
  }
  return found;
}

/**
 * The file of ZMK that a keymap includes to get the node with this label: not the file that defines it, but the
 * outermost one that includes that. Undefined if no file defines it.
 */
export async function includeDefining(label: string, lines: readonly string[]): Promise<string | undefined> {
  const application = applicationOf(lines);
  if (application === undefined) return undefined;
  const root = path.join(application, 'dts');
  const texts = new Map<string, string>();
  for await (const file of filesBelow(root, name => name.endsWith('.dtsi'))) {
    texts.set(path.relative(root, file).replaceAll(path.sep, '/'), await readTextOrEmpty(file, MAX_BYTES));
  }
  const definition = new RegExp(`(?<![\\w&])${label.replaceAll(/\W/g, '')}\\s*:`);
  let found = [...texts].find(([, text]) => definition.test(text))?.[0];
  for (let depth = 0; found !== undefined && depth < texts.size; depth++) {
    const included = `<${found}>`;
    const outer = [...texts].find(([, text]) => text.includes(included))?.[0];
    if (outer === undefined) return found;
    found = outer;
  }
  return found;
}

/** The shields of ZMK, of the workspace's modules and of the config. */
export async function shieldNames(lines: readonly string[], configDirectory: string): Promise<string[]> {
  const application = applicationOf(lines);
  const zephyr = zephyrOf(lines);
  const roots = [...(application === undefined ? [] : [application]), configDirectory];
  if (zephyr !== undefined) roots.push(...(await modulesBeside(zephyr)));
  for (const name of await namesIn(configDirectory)) roots.push(path.join(configDirectory, name));
  const names = new Set<string>();
  let files = 0;
  for (const root of new Set(roots)) {
    for await (const file of filesBelow(path.join(root, 'boards/shields'), name =>
      name.endsWith('.overlay'),
    )) {
      if (++files > MAX_FILES) return [...names];
      // Files in `boards` belong to the shield of their parent directory.
      if (path.basename(path.dirname(file)) !== 'boards') names.add(path.basename(file).replace(/\..*$/, ''));
    }
  }
  return [...names];
}

/** The properties that a node may have, from its binding file and the files that this includes. */
export async function propertyNames(binding: string): Promise<string[]> {
  const { parse } = await import('yaml');
  const names = new Set<string>();
  const waiting = [binding];
  for (const file of waiting) {
    let content: unknown;
    try {
      content = parse(await readTextOrEmpty(file, MAX_BYTES), { maxAliasCount: 100 });
    } catch {
      continue;
    }
    if (!isObject(content)) continue;
    for (const [name, description] of Object.entries(
      isObject(content.properties) ? content.properties : {},
    )) {
      if (!isObject(description) || description.deprecated !== true) names.add(name);
    }
    const included = Array.isArray(content.include) ? content.include : [content.include];
    for (const one of included) {
      const name = isObject(one) ? one.name : one;
      const beside =
        typeof name === 'string' ? path.join(path.dirname(file), path.basename(name)) : undefined;
      if (beside !== undefined && !waiting.includes(beside)) waiting.push(beside);
    }
  }
  return [...names];
}

/** Directories of the workspace that have their own shields, except Zephyr. */
async function modulesBeside(zephyr: string): Promise<string[]> {
  const found: string[] = [];
  let level = [path.dirname(zephyr)];
  let looked = 0;
  for (let depth = 0; depth < MODULE_DEPTH; depth++) {
    const inner: string[] = [];
    for (const parent of level) {
      if (++looked > MAX_DIRECTORIES) return found;
      for (const entry of await readdir(parent, { withFileTypes: true }).catch((): Dirent[] => [])) {
        const directory = path.join(parent, entry.name);
        if (!entry.isDirectory() || entry.name.startsWith('.') || directory === zephyr) continue;
        inner.push(directory);
        if ((await namesIn(path.join(directory, 'boards'))).includes('shields')) found.push(directory);
      }
    }
    level = inner;
  }
  return found;
}

async function* filesBelow(directory: string, isWanted: (name: string) => boolean): AsyncGenerator<string> {
  // Links are skipped: they could form a cycle, and no source needs them.
  const entries: Dirent[] = await readdir(directory, { withFileTypes: true }).catch(() => []);
  for (const entry of entries) {
    const found = path.join(directory, entry.name);
    if (entry.isFile() && isWanted(entry.name)) yield found;
    else if (entry.isDirectory()) yield* filesBelow(found, isWanted);
  }
}

function applicationOf(lines: readonly string[]): string | undefined {
  const found = first(lines, /^-- Application: (.+)$/);
  return found !== undefined && path.isAbsolute(found) ? found : undefined;
}

function zephyrOf(lines: readonly string[]): string | undefined {
  const found = first(lines, /^-- Zephyr version: .+ \((.+)\)$/);
  return found !== undefined && path.isAbsolute(found) ? found : undefined;
}

function first(lines: readonly string[], pattern: RegExp): string | undefined {
  return lines.map(line => pattern.exec(line)?.[1]).find(found => found !== undefined);
}
