// Whether what a caller says about a cache can be meant: a slip in a name would otherwise leave the default in place.
import { inspect } from 'node:util';
import type { CacheOptions } from '../cache/options.ts';
import { InvalidArgumentError } from '../errors.ts';
import { didYouMean } from './closest-match.ts';

const isBoolean = (value: unknown) => typeof value === 'boolean';
const isPath = (value: unknown) => typeof value === 'string' && value !== '' && !value.includes('\0');

// What each option is. Those without a check are checked where they are read, which needs their value anyway.
const OPTIONS: Record<keyof CacheOptions, { is: string; check?: (value: unknown) => boolean }> = {
  tag: { is: 'a string', check: value => typeof value === 'string' },
  cacheRoot: { is: 'the path of a directory, which is not empty', check: isPath },
  enabled: { is: 'true or false', check: isBoolean },
  maxSize: { is: 'a size' },
  timeout: { is: 'a time' },
  policy: { is: 'a policy', check: value => typeof value === 'string' },
  ttl: { is: 'a time' },
  backend: { is: "'sqlite' or 'memory'", check: value => typeof value === 'string' },
  allowUntrusted: { is: 'true or false', check: isBoolean },
  localTierSize: { is: 'a size, or 0' },
  remote: { is: 'true or false', check: isBoolean },
  clock: {
    is: 'a function that returns milliseconds since the epoch',
    // `Date`, for one, returns a string.
    check: value => typeof value === 'function' && Number.isFinite(value()),
  },
};

/** Throws InvalidArgumentError, naming the option and the value, for what no cache can be made of. */
export function assertCacheOptions(options: CacheOptions): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    const meant = typeof options === 'string' ? ` Did you mean { tag: ${show(options)} }?` : '';
    throw new InvalidArgumentError(`The options of a cache are an object; got ${show(options)}.${meant}`);
  }
  for (const [name, value] of Object.entries(options)) {
    if (!Object.hasOwn(OPTIONS, name)) {
      const names = Object.keys(OPTIONS);
      const meant = didYouMean(name, names) || ` There are ${names.join(', ')}.`;
      throw new InvalidArgumentError(`A cache has no option ${show(name)}.${meant}`);
    }
    const { is, check } = OPTIONS[name as keyof CacheOptions];
    if (value !== undefined && check && !check(value)) {
      throw new InvalidArgumentError(`${name} is ${is}; got ${show(value)}.`);
    }
    // They would stand for the default by mistake.
    if (value === null) throw new InvalidArgumentError(`${name} is ${is}; got null. Leave it out instead.`);
  }
}

/** Throws InvalidArgumentError unless this is a configuration. */
export function assertUserConfig(userConfig: unknown): void {
  const { cache } = (userConfig ?? {}) as { cache?: { tags?: unknown } };
  if (typeof cache === 'object' && typeof cache?.tags === 'object') return;
  throw new InvalidArgumentError(
    `A configuration is what loadUserConfig() resolves to, or createUserConfig() gives; got ${show(userConfig)}.`,
  );
}

function show(value: unknown): string {
  const text = inspect(value, { depth: 0, breakLength: Number.POSITIVE_INFINITY });
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}
