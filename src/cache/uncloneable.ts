// Finds what structured cloning would refuse or silently lose, to name it by its path in the value.
import { isProxy } from 'node:util/types';

export interface Uncloneable {
  /** Such as `$.rules[3].run`. */
  path: string;
  /** Such as `a function`. */
  what: string;
}

/** The first part of `value` that cannot be stored, or undefined when all of it can. Cycles are fine. */
export function findUncloneable(value: unknown): Uncloneable | undefined {
  if (typeof value !== 'object' || value === null) return describe(value, '$');
  // An explicit stack: a value may be nested deeper than the call stack, and then the serializer is to say so.
  const seen = new Set<object>([value]);
  const stack: { object: object; path: string }[] = [{ object: value, path: '$' }];
  for (let next = stack.pop(); next; next = stack.pop()) {
    const { object, path } = next;
    const refused = describe(object, path);
    if (refused) return refused;
    for (const [key, item] of children(object)) {
      if (typeof item === 'object' && item !== null) {
        if (seen.has(item)) continue;
        seen.add(item);
        stack.push({ object: item, path: path + key });
      } else if (typeof item === 'function' || typeof item === 'symbol') {
        return describe(item, path + key);
      }
    }
  }
  return undefined;
}

function* children(object: object): Generator<[key: string, item: unknown]> {
  if (Array.isArray(object)) {
    for (const key of Object.keys(object)) {
      const isIndex = /^\d+$/.test(key);
      yield [isIndex ? `[${key}]` : property(key), (object as unknown as Record<string, unknown>)[key]];
    }
  } else if (object instanceof Map) {
    let index = 0;
    for (const [key, item] of object) {
      yield [`.keys()[${index}]`, key];
      yield [typeof key === 'string' ? `.get(${JSON.stringify(key)})` : `.values()[${index}]`, item];
      index++;
    }
  } else if (object instanceof Set) {
    let index = 0;
    for (const item of object) yield [`.values()[${index++}]`, item];
  } else if (object instanceof Error) {
    // Cloning takes name, message, stack and cause of an error, and leaves the rest.
    if ('cause' in object) yield ['.cause', object.cause];
  } else if (!ArrayBuffer.isView(object)) {
    for (const key of Object.keys(object)) yield [property(key), (object as Record<string, unknown>)[key]];
  }
}

function property(key: string): string {
  return /^[A-Za-z_$][\w$]*$/.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`;
}

const PLAIN = new Set<unknown>([
  null,
  Object.prototype,
  Array.prototype,
  Map.prototype,
  Set.prototype,
  Date.prototype,
  RegExp.prototype,
  ArrayBuffer.prototype,
  Boolean.prototype,
  Number.prototype,
  String.prototype,
  BigInt.prototype,
]);

function describe(value: unknown, path: string): Uncloneable | undefined {
  if (typeof value === 'function') return { path, what: 'a function' };
  if (typeof value === 'symbol') return { path, what: 'a symbol' };
  if (typeof value !== 'object' || value === null) return undefined;
  if (isProxy(value)) return { path, what: 'a Proxy' };
  const prototype: unknown = Object.getPrototypeOf(value);
  if (PLAIN.has(prototype) || value instanceof Error) return undefined;
  if (ArrayBuffer.isView(value)) {
    return value.buffer instanceof ArrayBuffer ? undefined : { path, what: 'a view of shared memory' };
  }
  return describeInstance(value, path);
}

// A class instance is kept as cloning keeps it, its own data in a plain object. But platform objects (Blob, URL,
// KeyObject, SharedArrayBuffer, WeakMap) keep their state elsewhere: storing them would lose it without a word.
function describeInstance(value: object, path: string): Uncloneable | undefined {
  const what = `an instance of ${value.constructor?.name ?? 'an unnamed class'}`;
  try {
    // Fields would only slow the question down: the prototype decides whether the platform refuses it.
    const clone: unknown = structuredClone(Object.keys(value).length === 0 ? value : probe(value));
    if (typeof clone === 'object' && clone !== null && !PLAIN.has(Object.getPrototypeOf(clone))) {
      return { path, what };
    }
    return undefined;
  } catch {
    return { path, what };
  }
}

function probe(value: object): object {
  return Object.values(value).some(item => typeof item === 'function' || typeof item === 'symbol')
    ? Object.create(Object.getPrototypeOf(value) as object)
    : value;
}
