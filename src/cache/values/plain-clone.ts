// Clones of nested objects and arrays, made from a value in memory: several times faster than decoding it again.

// Deeper values are decoded each time, which does not recurse in JavaScript.
const MAX_DEPTH = 100;

/**
 * Whether {@link clonePlain} has the same result as decoding again: only plain objects, arrays without holes, strings
 * and other primitives, and no object in two places. For decoded values, whose objects never have a class.
 */
export function isPlain(value: unknown): value is object {
  return typeof value === 'object' && value !== null && isPlainTree(value, new Set(), 0);
}

function isPlainTree(value: object, seen: Set<object>, depth: number): boolean {
  if (depth > MAX_DEPTH || seen.has(value)) return false;
  seen.add(value);
  const keys = Object.keys(value);
  if (Array.isArray(value)) {
    // Other arrays have holes, or named properties.
    if (keys.length !== value.length) return false;
  } else if (Object.getPrototypeOf(value) !== Object.prototype) return false;
  return keys.every(key => {
    const part = (value as Record<string, unknown>)[key];
    return typeof part !== 'object' || part === null || isPlainTree(part, seen, depth + 1);
  });
}

/** A copy that shares nothing with `value`, for which {@link isPlain} is true. */
export function clonePlain<T extends object>(value: T): T {
  return (Array.isArray(value) ? cloneArray(value) : cloneObject(value)) as T;
}

function cloneArray(value: readonly unknown[]): unknown[] {
  const copy = value.slice();
  for (let index = 0; index < copy.length; index++) {
    const part = copy[index];
    if (typeof part === 'object' && part !== null) copy[index] = clonePlain(part);
  }
  return copy;
}

function cloneObject(value: object): object {
  // A spread defines the copied properties, so that not even `__proto__` becomes something else.
  const copy = { ...value } as Record<string, unknown>;
  // A quarter faster than a list of the keys. It may also name what a program has added to `Object.prototype`.
  for (const key in copy) {
    const part = copy[key];
    if (typeof part === 'object' && part !== null && Object.hasOwn(copy, key)) copy[key] = clonePlain(part);
  }
  return copy;
}

/** `value`, frozen with everything in it, if {@link isPlain} is true for it. */
export function freezePlain<T>(value: T): T {
  return isPlain(value) ? freezeAll(value) : value;
}

function freezeAll<T extends object>(value: T): T {
  for (const part of Object.values(value)) if (typeof part === 'object' && part !== null) freezeAll(part);
  return Object.freeze(value);
}
