// Settings of west in a workspace, from `.west/config`: a file of sections as Python's configparser reads it.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { WorkspaceError } from './workspace-error.ts';

/** The settings of a workspace. */
export interface WestConfig {
  /** By section and name, such as `manifest.path`. */
  values: ReadonlyMap<string, string>;
  /** The manifest of the workspace. Absolute. */
  manifestFile: string;
}

/** Reads the settings of the workspace at `directory`. Rejects with {@link WorkspaceError} if it is not one. */
export async function readWestConfig(directory: string): Promise<WestConfig> {
  const file = path.join(directory, '.west', 'config');
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    throw new WorkspaceError(
      `${directory} is not a west workspace: ${file} cannot be read. Give the directory that 'west topdir' prints.`,
      { cause: error },
    );
  }
  const values = parseWestConfig(text);
  const place = values.get('manifest.path');
  if (place === undefined) {
    throw new WorkspaceError(
      `${file} does not say where the manifest is (manifest.path). Run 'west init' again.`,
    );
  }
  return { values, manifestFile: path.resolve(directory, place, values.get('manifest.file') ?? 'west.yml') };
}

/** Parses the settings. An indented line continues the value before it. */
export function parseWestConfig(text: string): Map<string, string> {
  const values = new Map<string, string>();
  let section = '';
  let last: string | undefined;
  for (const line of text.split(/\r?\n/)) {
    const head = /^\[(.*)\]\s*$/.exec(line);
    const pair = /^([^\s=:#;][^=:]*?)\s*[=:]\s*(.*?)\s*$/.exec(line);
    if (head) {
      section = head[1]!;
      last = undefined;
    } else if (pair) {
      last = `${section}.${pair[1]!.toLowerCase()}`;
      values.set(last, pair[2]!);
    } else if (last !== undefined && /^\s+[^\s#;]/.test(line)) {
      values.set(last, `${values.get(last)}\n${line.trim()}`);
    }
  }
  return values;
}

/**
 * The settings that reach a build, in a canonical form that ignores their order. Zephyr's location is left out: west
 * adds it on the first build, and each build passes it anyway.
 */
export function canonicalWestConfig({ values }: WestConfig): string {
  const counted = [...values].filter(([name]) => name !== 'zephyr.base');
  return counted
    .map(([name, value]) => `${name} = ${value}\n`)
    .sort()
    .join('');
}
