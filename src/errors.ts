// Errors that a caller of Glovebox can expect to handle.

/**
 * Base class of all errors that Glovebox throws on purpose. `code` is stable; `message` names the value and the
 * remedy.
 */
export class GloveboxError extends Error {
  /** Stable identifier for programs: it stays when the message is reworded. */
  readonly code: string;

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.code = code;
  }
}

/** An invalid key, tag, option or TTL. Thrown by the call, before anything is stored. */
export class InvalidArgumentError extends GloveboxError {
  constructor(message: string, options?: ErrorOptions) {
    super('GLOVEBOX_INVALID_ARGUMENT', message, options);
  }
}

/** A value that structured cloning rejects. `path` is the place in the value, such as `$.rules[3].run`. */
export class UncloneableValueError extends GloveboxError {
  readonly path: string;

  /** The kind of the part that cannot be stored, such as `a function`. */
  readonly what: string;

  /** @param key the value's key, where several values were given */
  constructor(path: string, what: string, key?: string) {
    const under = key === undefined ? '' : ` under ${JSON.stringify(key)}`;
    super(
      'GLOVEBOX_UNCLONEABLE_VALUE',
      `${path} is ${what}, which cannot be stored${under}. Store plain data: leave it out or convert it first.`,
    );
    this.path = path;
    this.what = what;
  }
}

/**
 * Maximum size of a value in bytes: 2 GiB less one, the most that Node reads, writes and hashes at once. Files
 * stored with `putFile` may be of any size.
 */
export const LARGEST_VALUE = 2 ** 31 - 1;

/**
 * A value larger than {@link LARGEST_VALUE}. Files of any size can be stored by path, with `putFile` and `getFile`.
 */
export class ValueTooLargeError extends GloveboxError {
  constructor(what: string, size: number, remedy: string) {
    super(
      'GLOVEBOX_VALUE_TOO_LARGE',
      `${what} has ${(size / 2 ** 30).toFixed(2)} GiB, but a value may have at most 2 GiB. ${remedy}`,
    );
  }
}

/** The entry is of a different kind than the operation needs, such as a string for `increment`. */
export class WrongKindError extends GloveboxError {
  constructor(message: string) {
    super('GLOVEBOX_WRONG_KIND', message);
  }
}

/** Callers state different size limits, policies or backends for one store. The message names both. */
export class ConflictingOptionsError extends GloveboxError {
  constructor(message: string) {
    super('GLOVEBOX_CONFLICTING_OPTIONS', message);
  }
}

/**
 * `getOrSet` was called while producing a value that this call itself waits for. `keys` is the cycle, beginning
 * with the requested key.
 */
export class CircularWaitError extends GloveboxError {
  readonly keys: readonly string[];

  constructor(keys: readonly string[]) {
    const [asked, ...others] = keys.map(key => `'${key}'`);
    const message =
      others.length === 0
        ? `getOrSet(${asked}) was called while producing ${asked} itself, and would wait for ever. Call the producing function instead.`
        : `getOrSet(${asked}) would wait for ever: the producer of ${asked} waits for ${others.join(', which waits for ')}, which waits for ${asked}. Produce one of them outside the other.`;
    super('GLOVEBOX_CIRCULAR_WAIT', message);
    this.keys = keys;
  }
}

/** Another caller has taken the lease of a key over: the reason with which the `signal` of a producer aborts. */
export class LostLeaseError extends GloveboxError {
  constructor(key: string) {
    super(
      'GLOVEBOX_LOST_LEASE',
      `Another caller produces '${key}' now, because this one was stopped or took longer than that one waits: what it makes is not stored. Set a longer 'wait' in getOrSet().`,
    );
  }
}

/** The cache was used after `close()` or `resetSharedCacheInstances()`. */
export class ClosedCacheError extends GloveboxError {
  constructor(tag: string) {
    super(
      'GLOVEBOX_CLOSED',
      `The cache '${tag}' is closed. Call openCache({ tag: '${tag}' }) to open it again.`,
    );
  }
}

/** A write that was not stored. Emitted in the `error` event of `glovebox/keyv`. */
export class NotStoredError extends GloveboxError {
  constructor(what: string, reason: string) {
    super('GLOVEBOX_NOT_STORED', `${what} was not stored: ${reason}`);
  }
}
