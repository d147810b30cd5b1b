// Uncloneable values: inspects a value before it is encoded, and names by its path a part that structured cloning would
// refuse or silently lose. Kinds of objects are told by their internal slots: `instanceof` knows those of one realm
// only, and test runners have several.
import { EventEmitter } from 'node:events';
import {
  isArrayBuffer,
  isBigIntObject,
  isBooleanObject,
  isDate,
  isGeneratorObject,
  isMap,
  isNativeError,
  isNumberObject,
  isProxy,
  isRegExp,
  isSet,
  isSharedArrayBuffer,
  isStringObject,
} from 'node:util/types';

export interface Uncloneable {
  /** Such as `$.rules[3].run`. */
  path: string;
  /** Such as `a function`. */
  what: string;
}

export interface Inspection {
  /** The first part that cannot be stored; undefined when all of it can. */
  uncloneable: Uncloneable | undefined;
  /** Bytes that its texts and buffers take at least. */
  bytes: number;
}

/** Inspects every part of `value`, up to the first that cannot be stored. Cycles are allowed. */
export function inspectValue(value: unknown): Inspection {
  if (typeof value !== 'object' || value === null) return { uncloneable: describe(value, '$'), bytes: 0 };
  let bytes = 0;
  // An explicit stack: a value may be nested deeper than the call stack. The serializer reports that.
  const seen = new Set<object>([value]);
  const stack: { object: object; path: string }[] = [{ object: value, path: '$' }];
  for (let next = stack.pop(); next; next = stack.pop()) {
    const { object, path } = next;
    const uncloneable = describe(object, path);
    if (uncloneable) return { uncloneable, bytes };
    bytes += bytesOf(object, seen);
    for (const [key, item] of children(object)) {
      if (typeof item === 'object' && item !== null) {
        if (seen.has(item)) continue;
        seen.add(item);
        stack.push({ object: item, path: path + key });
      } else if (typeof item === 'string') {
        bytes += item.length;
      } else if (typeof item === 'function' || typeof item === 'symbol') {
        return { uncloneable: describe(item, path + key), bytes };
      }
    }
  }
  return { uncloneable: undefined, bytes };
}

// A buffer is written once, however many views of it there are. For a Buffer its own bytes are written.
function bytesOf(object: object, seen: Set<object>): number {
  if (isArrayBuffer(object) || Buffer.isBuffer(object)) return object.byteLength;
  if (!ArrayBuffer.isView(object) || seen.has(object.buffer)) return 0;
  seen.add(object.buffer);
  return object.buffer.byteLength;
}

/** Whether this is a plain object, of any realm. */
export function isPlainObject(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype || isObjectPrototype(prototype as object);
}

function* children(object: object): Generator<[key: string, item: unknown]> {
  if (Array.isArray(object)) {
    for (const key of Object.keys(object)) {
      const isIndex = /^\d+$/.test(key);
      yield [isIndex ? `[${key}]` : property(key), (object as unknown as Record<string, unknown>)[key]];
    }
  } else if (isMap(object)) {
    let index = 0;
    for (const [key, item] of object) {
      yield [`.keys()[${index}]`, key];
      yield [typeof key === 'string' ? `.get(${JSON.stringify(key)})` : `.values()[${index}]`, item];
      index++;
    }
  } else if (isSet(object)) {
    let index = 0;
    for (const item of object) yield [`.values()[${index++}]`, item];
  } else if (isNativeError(object)) {
    // Cloning keeps name, message, stack and cause of an error, and drops the rest.
    if ('cause' in object) yield ['.cause', object.cause];
  } else if (!ArrayBuffer.isView(object)) {
    for (const key of Object.keys(object)) yield [property(key), (object as Record<string, unknown>)[key]];
  }
}

function property(key: string): string {
  return /^[A-Za-z_$][\w$]*$/.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`;
}

function describe(value: unknown, path: string): Uncloneable | undefined {
  if (typeof value === 'function') return { path, what: 'a function' };
  if (typeof value === 'symbol') return { path, what: 'a symbol' };
  if (typeof value !== 'object' || value === null) return undefined;
  if (isProxy(value)) return { path, what: 'a Proxy' };
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === Array.prototype) return undefined;
  // Nearly all objects are plain ones of this realm, which need no further test.
  if (prototype !== Object.prototype && prototype !== null) {
    if (isKnown(value)) return undefined;
    if (ArrayBuffer.isView(value)) {
      return isArrayBuffer(value.buffer) ? undefined : { path, what: 'a view of shared memory' };
    }
    if (isSharedArrayBuffer(value)) return { path, what: 'shared memory (a SharedArrayBuffer)' };
    if (isGeneratorObject(value)) return { path, what: 'a generator' };
    if (!isObjectPrototype(prototype as object)) {
      return losesData(value) ? { path, what: `an instance of ${classOf(value)}` } : undefined;
    }
  }
  // Such as `Math`, whose properties are not enumerable.
  return isHollow(value) ? { path, what: tagOf(value) } : undefined;
}

function isHollow(value: object): boolean {
  for (const _ in value) return false;
  return Object.getOwnPropertyNames(value).length > 0;
}

// The kinds that cloning copies by their internal slots, the frequent ones first.
function isKnown(value: object): boolean {
  return (
    Array.isArray(value) ||
    isDate(value) ||
    isMap(value) ||
    isSet(value) ||
    isNativeError(value) ||
    isRegExp(value) ||
    isArrayBuffer(value) ||
    isNumberObject(value) ||
    isStringObject(value) ||
    isBooleanObject(value) ||
    isBigIntObject(value)
  );
}

// Cloning keeps a class instance's own data in a plain object. But a platform object (Blob, AbortController, KeyObject,
// WeakMap) keeps its state elsewhere, and so may an instance without data of its own: storing those would lose it
// silently.
function losesData(value: object): boolean {
  const prototype = Object.getPrototypeOf(value) as object;
  if (isOfPlatform(prototype)) return true;
  if (Object.values(value).some(item => item !== undefined)) return false;
  return Reflect.ownKeys(value).length > Object.keys(value).length || hasMembers(prototype);
}

// Cached by prototype: the test costs more than the rest of the encoding.
const platform = new WeakMap<object, boolean>();

function isOfPlatform(prototype: object): boolean {
  let isOf = platform.get(prototype);
  if (isOf === undefined) {
    isOf = chainOf(prototype).some(isPlatformClass) || isRefusedByCloning(prototype);
    platform.set(prototype, isOf);
  }
  return isOf;
}

// The prototypes below `Object.prototype`.
function chainOf(prototype: object): object[] {
  const chain: object[] = [];
  for (let next: object | null = prototype; next && !isObjectPrototype(next); ) {
    chain.push(next);
    next = Object.getPrototypeOf(next) as object | null;
  }
  return chain;
}

// A class of the platform: written in native code, or in JavaScript by Node. The latter is a global that is not
// enumerable, as a program's own are, or the base class of streams, sockets and servers.
function isPlatformClass(prototype: object): boolean {
  if (prototype === EventEmitter.prototype) return true;
  const made: unknown = Object.getOwnPropertyDescriptor(prototype, 'constructor')?.value;
  // An object with one of these prototypes, and not its slots, is an ordinary object: some errors are still made that
  // way.
  if (typeof made !== 'function' || KNOWN_CLASSES.test(made.name)) return false;
  if (/\{\s*\[native code\]\s*\}$/.test(Function.prototype.toString.call(made))) return true;
  const global = Object.getOwnPropertyDescriptor(globalThis, made.name);
  return global?.enumerable === false && (globalThis as Record<string, unknown>)[made.name] === made;
}

const KNOWN_CLASSES =
  /^(?:Array|Date|Map|Set|RegExp|ArrayBuffer|Number|String|Boolean|BigInt|[A-Za-z]*Error)$/;

// Node marks the rest of its classes for structured cloning, by their prototypes.
function isRefusedByCloning(prototype: object): boolean {
  try {
    const clone: unknown = structuredClone(Object.create(prototype));
    return typeof clone !== 'object' || clone === null || !isPlainObject(clone);
  } catch {
    return true;
  }
}

function hasMembers(prototype: object): boolean {
  return chainOf(prototype).some(part => Reflect.ownKeys(part).some(key => key !== 'constructor'));
}

function isObjectPrototype(object: object): boolean {
  return Object.getPrototypeOf(object) === null && Object.hasOwn(object, 'isPrototypeOf');
}

// An iterator's prototype, for example, has a tag and not a class of its own.
function classOf(value: object): string {
  const made: unknown = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(value), 'constructor')?.value;
  const tag = tagOf(value);
  if (tag === 'Object' || typeof made === 'function') {
    const { name } = (typeof made === 'function' ? made : value.constructor) ?? {};
    if (name) return name;
  }
  return tag;
}

// Such as `Math` or `Array Iterator`.
function tagOf(value: object): string {
  return Object.prototype.toString.call(value).slice('[object '.length, -1);
}
