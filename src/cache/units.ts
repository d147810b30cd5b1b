// Units: times and sizes as people write them, in numbers. Light: every worker thread imports it.
import { inspect } from 'node:util';
import bytes from 'bytes';
import ms, { type StringValue } from 'ms';
import { InvalidArgumentError } from '../errors.ts';
import type { ByteSize, Duration } from './cache.ts';

/** The longest time that is not `'never'`: a thousand years, so that adding it to a date always gives a date. */
export const MAX_DURATION_MS = 1000 * 365.25 * 24 * 60 * 60 * 1000;

/** The forms that {@link parseDuration} takes, for messages. */
export const DURATION_FORMS =
  "a positive number of milliseconds, a string such as '500ms', '90s', '1h' or '7d', or 'never'";

/** The forms that {@link parseSize} takes, for messages. */
export const SIZE_FORMS =
  "a positive whole number of bytes, or a string such as '512KB', '500MB', '2GB' or '1GiB' (powers of 1024)";

// `bytes` reads whatever digits a string begins with (`'12 parsecs'` is 12), so the whole string is checked first.
const SIZE = /^(\d+(?:\.\d+)?) *(b|kb|mb|gb|tb|kib|mib|gib|tib)?$/i;

/**
 * The milliseconds that `value` stands for; null for `'never'`. A string without a unit is milliseconds.
 *
 * @param name what the value is called in the message, such as `ttl`
 * @throws InvalidArgumentError for zero, negatives, NaN, infinities, more than a thousand years, and anything else
 */
export function parseDuration(value: Duration, name = 'duration'): number | null {
  if (value === 'never') return null;
  const duration =
    typeof value === 'number'
      ? value
      : typeof value === 'string' && value !== ''
        ? ms(value as StringValue)
        : undefined;
  if (duration === undefined || !(duration > 0) || duration > MAX_DURATION_MS) {
    throw new InvalidArgumentError(`${name} is ${show(value)}, but must be ${DURATION_FORMS}.`);
  }
  return duration;
}

/**
 * The bytes that `value` stands for, a whole number (fractions of a byte are cut off). Units are powers of 1024 and
 * case does not matter: `KB` is the same as `KiB`. A string without a unit is bytes.
 *
 * @param name what the value is called in the message, such as `maxSize`
 * @throws InvalidArgumentError for anything that is less than one byte, more than 2^53 - 1, or not a size at all
 */
export function parseSize(value: ByteSize, name = 'size'): number {
  const size = typeof value === 'number' ? value : typeof value === 'string' ? sizeOf(value) : undefined;
  if (size === undefined || !Number.isSafeInteger(size) || size < 1) {
    throw new InvalidArgumentError(`${name} is ${show(value)}, but must be ${SIZE_FORMS}.`);
  }
  return size;
}

/** A size in words, as {@link parseSize} takes it: `1.5MB`. */
export function formatSize(size: number): string {
  return bytes.format(size) ?? `${size}B`;
}

function sizeOf(text: string): number | undefined {
  const match = SIZE.exec(text);
  if (match === null) return undefined;
  const unit = (match[2] ?? 'b').toLowerCase().replace('ib', 'b');
  return bytes.parse(`${match[1]}${unit}`) ?? undefined;
}

function show(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value);
  return inspect(value, { depth: 0, breakLength: Number.POSITIVE_INFINITY });
}
