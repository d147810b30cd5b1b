// Validators for untrusted cached values.

/**
 * The list with each item made by `make`; undefined when `value` is not a list, is too long, or has an item for which
 * `make` returns undefined.
 */
export function listOf<T>(
  value: unknown,
  make: (item: unknown) => T | undefined,
  limit: number,
): T[] | undefined {
  if (!Array.isArray(value) || value.length > limit) return undefined;
  const list: T[] = [];
  // By index, since the methods of arrays pass over holes.
  for (let index = 0; index < value.length; index++) {
    const item = make(value[index]);
    if (item === undefined) return undefined;
    list.push(item);
  }
  return list;
}

/** Whether it is an object and not a list. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * The value of a record's JSON; undefined when the text is not JSON. Records that every target of a build needs are kept as text: a
 * string is read from the cache, and parsed, in a fraction of the time that a structured value takes.
 */
export function parseText(value: unknown): unknown {
  if (typeof value !== 'string') return undefined;
  try {
    return JSON.parse(value);
  } catch {
    return undefined;
  }
}
