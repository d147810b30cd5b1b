// Layout service: layouts of keymap files, parsed once for each content of the keymap and its includes.
import path from 'node:path';
import type { Cache } from '../../cache/cache.ts';
import { cacheKey } from '../../cache/cache-key.ts';
import type { UserConfig } from '../../config/user-config.ts';
import { GloveboxError } from '../../errors.ts';
import { hashOfLookup, type Layout, MAX_KEYMAP_LENGTH, readKeymap } from '../../keymap/index.ts';
import { openConfiguredCache } from '../../registry.ts';
import { readTextFile, TextFileError } from '../../system/text-file.ts';
import { findSearchPath, type SearchPathOptions } from './search-path.ts';
import { asLayout, asPlaces } from './stored-layout.ts';

/** The namespace of layouts. */
export const LAYOUT_TAG = 'layout';

/** Raised whenever the same source would give a different layout, so that older cached ones are not used. */
const READER_VERSION = 3;

/** A keymap file cannot be read; the message names it and the reason. */
export class KeymapFileError extends GloveboxError {
  /** As given by the caller. */
  readonly file: string;

  constructor(file: string, why: string, { line, ...options }: ErrorOptions & { line?: number } = {}) {
    super('GLOVEBOX_KEYMAP_FILE', `${file}${line === undefined ? '' : `:${line}`}: ${why}`, options);
    this.file = file;
  }
}

export interface LayoutServiceOptions {
  /** The cache of layouts. Default: the shared cache of the tag `layout`. */
  cache?: Cache;
  /** Configuration of the default cache and the workspace. Default: from the environment. */
  userConfig?: UserConfig;
}

/** Layouts of keymap files. Services in any number of threads share the cache. */
export class LayoutService {
  readonly #cache: Cache;
  readonly #userConfig: UserConfig | undefined;

  constructor(cache: Cache, userConfig?: UserConfig) {
    this.#cache = cache;
    this.#userConfig = userConfig;
  }

  /**
   * The layout of a keymap file, from the cache if neither its content, nor an included file, nor a name looked for in
   * vain has changed. A keymap with errors gives a layout with `errors`, which is not stored.
   *
   * @param file absolute
   *
   * @throws KeymapFileError if the file cannot be read
   */
  async layoutOf(file: string, options: Omit<SearchPathOptions, 'userConfig'> = {}): Promise<Layout> {
    const source = await readSource(file);
    const search = await findSearchPath(file, { ...options, userConfig: this.#userConfig });
    const searchOptions = { home: path.dirname(file), searchDirectories: search.directories };
    // Places refer to directories by number, so that the locations of config and workspace do not matter.
    const isOwn = search.directories.map(directory => search.own.includes(directory));
    const base = [READER_VERSION, search.hasZmk, isOwn, source] as const;

    const placesKey = await cacheKey('layout places', ...base);
    const places = asPlaces(await this.#cache.get(placesKey));
    if (places !== undefined) {
      const hashes = await Promise.all(places.map(place => hashOfLookup(place, searchOptions)));
      const lookups = places.map((place, index) => ({ ...place, hash: hashes[index]! }));
      const known = asLayout(await this.#cache.get(await cacheKey('layout', ...base, lookups)));
      if (known !== undefined) return known;
    }
    const { layout, lookups } = await readKeymap(source, {
      file,
      searchDirectories: search.directories,
      ownDirectories: search.own,
      hasZmk: search.hasZmk,
    });
    if (layout.errors.length === 0) {
      await this.#cache.setMany([
        [placesKey, { places: lookups.map(({ directory, path: way }) => ({ directory, path: way })) }],
        [
          await cacheKey(
            'layout',
            ...base,
            lookups.map(lookup => ({ ...lookup })),
          ),
          layout,
        ],
      ]);
    }
    return layout;
  }
}

/** Creates the layout service on the shared cache, or on a given one. */
export function createLayoutService({ cache, userConfig }: LayoutServiceOptions = {}): LayoutService {
  const options = { tag: LAYOUT_TAG };
  return new LayoutService(cache ?? openConfiguredCache(userConfig, options), userConfig);
}

async function readSource(file: string): Promise<string> {
  try {
    // UTF-8 takes up to three bytes for each counted character.
    return await readTextFile(file, MAX_KEYMAP_LENGTH * 3);
  } catch (error) {
    if (!(error instanceof TextFileError)) throw error;
    const { problem, message, size, line } = error;
    const why = {
      missing: 'there is no such file.',
      'not-a-file': 'this is not a plain file.',
      'too-large': `it has ${size} bytes, far more than a keymap can have.`,
      'not-text': 'this is not UTF-8 text. Save it as UTF-8.',
      unreadable: `it cannot be read (${message}).`,
    }[problem];
    throw new KeymapFileError(file, why, { cause: error, ...(line !== undefined && { line }) });
  }
}
