// Validates cache options and user configuration given by a program. Without it, a misspelled option would silently
// keep its default.
import { show } from '../cache/arguments.ts';
import type { CacheOptions } from '../cache/options.ts';
import { InvalidArgumentError } from '../errors.ts';
import { didYouMean } from './closest-match.ts';

const isBoolean = (value: unknown) => typeof value === 'boolean';
const isPath = (value: unknown) => typeof value === 'string' && value !== '' && !value.includes('\0');

// Options without a check are validated where they are parsed.
const OPTIONS: Record<keyof CacheOptions, { is: string; check?: (value: unknown) => boolean }> = {
  tag: { is: 'a string', check: value => typeof value === 'string' },
  cacheRoot: { is: 'the path of a directory, not empty and without NUL characters', check: isPath },
  enabled: { is: 'true or false', check: isBoolean },
  maxSize: { is: 'a size' },
  timeout: { is: 'a time' },
  policy: { is: 'the name of a policy', check: value => typeof value === 'string' },
  ttl: { is: 'a time' },
  backend: { is: "'sqlite' or 'memory'", check: value => typeof value === 'string' },
  allowUntrusted: { is: 'true or false', check: isBoolean },
  localTierSize: { is: 'a size, or 0' },
  remote: { is: 'true or false', check: isBoolean },
  clock: {
    is: 'a function that returns milliseconds since the epoch',
    // A function such as `Date` returns a string.
    check: value => typeof value === 'function' && Number.isFinite(value()),
  },
};

/** Throws InvalidArgumentError, naming the option and the value, when an option is unknown or invalid. */
export function assertCacheOptions(options: CacheOptions): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    const meant = typeof options === 'string' ? ` Did you mean { tag: ${show(options)} }?` : '';
    throw new InvalidArgumentError(`Cache options must be an object; got ${show(options)}.${meant}`);
  }
  for (const [name, value] of Object.entries(options)) {
    if (!Object.hasOwn(OPTIONS, name)) {
      const names = Object.keys(OPTIONS);
      const meant = didYouMean(name, names) || ` The options are ${names.join(', ')}.`;
      throw new InvalidArgumentError(`A cache has no option ${show(name)}.${meant}`);
    }
    const { is, check } = OPTIONS[name as keyof CacheOptions];
    if (value !== undefined && check && !check(value)) {
      throw new InvalidArgumentError(`${name} must be ${is}; got ${show(value)}.`);
    }
    // Null would silently mean the default.
    if (value === null)
      throw new InvalidArgumentError(`${name} must be ${is}; got null. Leave it out instead.`);
  }
}

/** Throws InvalidArgumentError unless the value is a configuration. */
export function assertUserConfig(userConfig: unknown): void {
  const { cache } = (userConfig ?? {}) as { cache?: { tags?: unknown } };
  if (typeof cache === 'object' && typeof cache?.tags === 'object') return;
  throw new InvalidArgumentError(
    `A configuration must come from loadUserConfig() or createUserConfig(); got ${show(userConfig)}.`,
  );
}
