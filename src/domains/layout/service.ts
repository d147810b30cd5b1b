// The layouts of keymap files, parsed once for each content.
import type { Cache } from '../../cache/cache.ts';
import { GloveboxError } from '../../cache/errors.ts';
import { cacheKey } from '../../cache/keys.ts';
import { readTextFile, TextFileError } from '../../config/text-file.ts';
import type { UserConfig } from '../../config/user-config.ts';
import { createCacheFromUserConfig, createDefaultCache } from '../../coordinator/index.ts';
import { grammarVersion } from './grammar.ts';
import type { Layout } from './layout.ts';
import { MAX_KEYMAP_LENGTH, parseKeymap } from './parse.ts';
import { asLayout } from './stored.ts';

/** The namespace of layouts. */
export const LAYOUT_TAG = 'layout';

/** A keymap file cannot be read; the message names it and says why. */
export class KeymapFileError extends GloveboxError {
  /** As it was given. */
  readonly file: string;

  constructor(file: string, why: string, { line, ...options }: ErrorOptions & { line?: number } = {}) {
    super('GLOVEBOX_KEYMAP_FILE', `${file}${line === undefined ? '' : `:${line}`}: ${why}`, options);
    this.file = file;
  }
}

export interface LayoutServiceOptions {
  /** Where layouts are kept. Default: the shared cache of the tag `layout`. */
  cache?: Cache;
  /** What the default cache is configured by. Default: what the environment says. */
  userConfig?: UserConfig;
}

/** Gives layouts of keymap files. Any number of threads can have one; they share what they know. */
export class LayoutService {
  readonly #cache: Cache;

  constructor(cache: Cache) {
    this.#cache = cache;
  }

  /**
   * The layout of a keymap file, from the cache when a file of the same content was parsed before. A keymap with
   * errors gives a layout with `errors`, which is not stored. Included files are not read, so they do not matter.
   *
   * @throws KeymapFileError when the file cannot be read
   */
  async layoutOf(file: string): Promise<Layout> {
    const source = await readSource(file);
    const key = await cacheKey('layout', await grammarVersion(), source);
    const known = asLayout(await this.#cache.get(key));
    if (known !== undefined) return known;
    const layout = await parseKeymap(source);
    if (layout.errors.length === 0) await this.#cache.set(key, layout);
    return layout;
  }
}

/** The layout service over the shared cache, or over one that is given. */
export function createLayoutService({ cache, userConfig }: LayoutServiceOptions = {}): LayoutService {
  if (cache !== undefined) return new LayoutService(cache);
  const options = { tag: LAYOUT_TAG };
  return new LayoutService(
    userConfig ? createCacheFromUserConfig(userConfig, options) : createDefaultCache(options),
  );
}

async function readSource(file: string): Promise<string> {
  try {
    // UTF-8 has up to three bytes for each of the characters that are counted.
    return await readTextFile(file, MAX_KEYMAP_LENGTH * 3);
  } catch (error) {
    if (!(error instanceof TextFileError)) throw error;
    const { problem, message, size, line } = error;
    const why = {
      missing: 'there is no such file.',
      'not-a-file': 'this is no plain file.',
      'too-large': `it has ${size} bytes, far more than a keymap can have.`,
      'not-text': 'this is not UTF-8 text. Save it as UTF-8.',
      unreadable: `it cannot be read (${message}).`,
    }[problem];
    throw new KeymapFileError(file, why, { cause: error, ...(line !== undefined && { line }) });
  }
}
