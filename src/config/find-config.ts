// Finds config files. All supported formats are data: a file that would have to be executed is never a config file.
import path from 'node:path';
import * as walk from 'empathic/walk';
import { hasEntry } from '../system/paths.ts';
import { readTextFile } from '../system/text-file.ts';
import { MAX_DATA_FILE_BYTES } from './data-file.ts';

/** Names of a project's config file. If a directory has several, the first in this order wins. */
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

/** Names of the user's own config file in the user's config directory; the first that exists wins. */
export const USER_FILES = [
  'config.yaml',
  'config.yml',
  'config.json',
  'glovebox.config.yaml',
  'glovebox.config.yml',
  'glovebox.config.json',
] as const;

/**
 * The project's config file in `directory`, or in the nearest parent that has one. A `package.json` counts if it
 * has a field `glovebox`. Absolute; undefined when there is none. A directory with such a name counts too, so that
 * the mistake is reported instead of building with other settings.
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

/** A `package.json` that is broken or huge is skipped, as one without the field is. */
async function hasGloveboxField(file: string): Promise<boolean> {
  try {
    const content: unknown = JSON.parse(await readTextFile(file, MAX_DATA_FILE_BYTES));
    return typeof content === 'object' && content !== null && Object.hasOwn(content, 'glovebox');
  } catch {
    return false;
  }
}
