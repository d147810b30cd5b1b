// Where config files are looked for. Only forms that are data: a file that would have to be executed is never one.
import path from 'node:path';
import * as walk from 'empathic/walk';
import { hasEntry } from '../system/paths.ts';
import { readTextFile } from '../system/text-file.ts';
import { MAX_DATA_FILE_BYTES } from './data-file.ts';

/** Names of a project's config file; where a directory has several, the first of them counts. */
export const PROJECT_FILES = [
  'glovebox.config.yaml',
  'glovebox.config.yml',
  'glovebox.config.json',
  '.gloveboxrc',
  '.gloveboxrc.yaml',
  '.gloveboxrc.yml',
  '.gloveboxrc.json',
  'package.json',
] as const;

/** Names of the user's own config file in the user's config directory; the first that exists counts. */
export const USER_FILES = [
  'config.yaml',
  'config.yml',
  'config.json',
  'glovebox.config.yaml',
  'glovebox.config.yml',
  'glovebox.config.json',
] as const;

/**
 * The config file of the project that `directory` belongs to: in the directory itself or the nearest one above that
 * has one. A `package.json` counts if it has a field `glovebox`. Absolute; undefined when there is none. What has the
 * name and is no file counts as well, so that whoever made it is told, instead of building with other settings.
 */
export async function findProjectFile(directory: string): Promise<string | undefined> {
  for (const current of walk.up(path.resolve(directory))) {
    for (const name of PROJECT_FILES) {
      const file = path.join(current, name);
      const counts = name === 'package.json' ? await hasGloveboxField(file) : await hasEntry(file);
      if (counts) return file;
    }
  }
  return undefined;
}

/** The user's own config file in `directory`. Absolute; undefined when there is none. */
export async function findUserFile(directory: string): Promise<string | undefined> {
  for (const name of USER_FILES) {
    const file = path.resolve(directory, name);
    if (await hasEntry(file)) return file;
  }
  return undefined;
}

/** A `package.json` that is broken or huge is somebody else's business: it is passed by like one without the field. */
async function hasGloveboxField(file: string): Promise<boolean> {
  try {
    const content: unknown = JSON.parse(await readTextFile(file, MAX_DATA_FILE_BYTES));
    return typeof content === 'object' && content !== null && Object.hasOwn(content, 'glovebox');
  } catch {
    return false;
  }
}
