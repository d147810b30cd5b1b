// Every error that a caller of Glovebox can be expected to handle.

/** Base of all errors Glovebox throws on purpose: `code` is stable, `message` names the value and the remedy. */
export class GloveboxError extends Error {
  /** Stable identifier, for programs: it does not change when the wording of the message does. */
  readonly code: string;

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.code = code;
  }
}

/** A key, tag, option or TTL that can never work. Thrown at the call, before anything is stored. */
export class InvalidArgumentError extends GloveboxError {
  constructor(message: string, options?: ErrorOptions) {
    super('GLOVEBOX_INVALID_ARGUMENT', message, options);
  }
}

/** A value that structured cloning does not take; `path` says where in the value, such as `$.rules[3].run`. */
export class UncloneableValueError extends GloveboxError {
  readonly path: string;

  constructor(path: string, what: string) {
    super(
      'GLOVEBOX_UNCLONEABLE_VALUE',
      `${path} is ${what}, which cannot be stored. Store plain data: leave it out or convert it first.`,
    );
    this.path = path;
  }
}

/**
 * Bytes of the largest value: 2 GiB less one, which is what Node reads, writes and hashes at once. Files that `putFile`
 * stores may be of any size.
 */
export const LARGEST_VALUE = 2 ** 31 - 1;

/** A value of more bytes than {@link LARGEST_VALUE}: files of any size go by path, with `putFile` and `getFile`. */
export class ValueTooLargeError extends GloveboxError {
  constructor(what: string, size: number, remedy: string) {
    super(
      'GLOVEBOX_VALUE_TOO_LARGE',
      `${what} has ${(size / 2 ** 30).toFixed(2)} GiB, and a value at most 2 GiB. ${remedy}`,
    );
  }
}

/** The entry exists but is of another kind than the operation needs, such as `increment` on a string. */
export class WrongKindError extends GloveboxError {
  constructor(message: string) {
    super('GLOVEBOX_WRONG_KIND', message);
  }
}

/** Callers state different size limits, policies or backends for one store; the message names both. */
export class ConflictingOptionsError extends GloveboxError {
  constructor(message: string) {
    super('GLOVEBOX_CONFLICTING_OPTIONS', message);
  }
}

/**
 * `getOrSet` was called while producing a value that this one waits for: it would wait for itself. `keys` are those
 * that wait for each other, the one asked for first.
 */
export class CircularWaitError extends GloveboxError {
  readonly keys: readonly string[];

  constructor(keys: readonly string[]) {
    const [asked, ...others] = keys.map(key => `'${key}'`);
    const message =
      others.length === 0
        ? `getOrSet(${asked}) was called while producing ${asked} itself, and would wait for ever. Call the producing function instead.`
        : `getOrSet(${asked}) would wait for ever: what produces ${asked} waits for ${others.join(', which waits for ')}, which waits for ${asked}. Produce one of them outside of the other.`;
    super('GLOVEBOX_CIRCULAR_WAIT', message);
    this.keys = keys;
  }
}

/** The cache was closed by `close()` or `resetSharedCacheInstances()` and used afterwards. */
export class ClosedCacheError extends GloveboxError {
  constructor(tag: string) {
    super(
      'GLOVEBOX_CLOSED',
      `The cache '${tag}' is closed. Call createDefaultCache({ tag: '${tag}' }) to open it again.`,
    );
  }
}

/** What the `error` event of `glovebox/keyv` says of a write that was not stored. */
export class NotStoredError extends GloveboxError {
  constructor(what: string, reason: string) {
    super('GLOVEBOX_NOT_STORED', `${what} was not stored: ${reason}`);
  }
}
