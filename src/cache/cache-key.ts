// Cache key: a digest of everything that a result depends on.
import { createHash } from 'node:crypto';
import { statSync } from 'node:fs';
import { inspect } from 'node:util';
import { isUint8Array } from 'node:util/types';
import { InvalidArgumentError } from '../errors.ts';
import { hashFile } from '../system/hash-file.ts';
import { kindOf } from './arguments.ts';
import { isPlainObject } from './values/uncloneable.ts';

/** A file whose content is to be part of a key. Made by {@link fileContent}. */
export interface FileContent {
  readonly [FILE]: string;
}
const FILE = Symbol('file content');

/**
 * Stands for the content of the regular file at `path` in {@link cacheKey}. The path itself is not part of the key.
 *
 * Throws {@link InvalidArgumentError} if `path` is not a string.
 */
export function fileContent(path: string): FileContent {
  if (typeof path !== 'string')
    throw new InvalidArgumentError(`The path for fileContent() must be a string; got ${inspect(path)}.`);
  return { [FILE]: path };
}

/** The parts of a key: plain data, bytes, and contents of files. */
export type KeyPart =
  | string
  | number
  | bigint
  | boolean
  | null
  | undefined
  | Uint8Array
  | FileContent
  | readonly KeyPart[]
  | { readonly [property: string]: KeyPart };

/**
 * `Part`, if it is a {@link KeyPart} or an interface that consists of such; anything else in it is `never`, and does
 * not compile.
 */
export type KeyPartOf<Part> = [Part] extends [KeyPart]
  ? Part
  : Part extends KeyPart
    ? Part
    : Part extends ((...args: never) => unknown) | (abstract new (...args: never) => unknown)
      ? never
      : Part extends object
        ? { readonly [Name in keyof Part]: KeyPartOf<Part[Name]> }
        : never;

/**
 * A stable key, 64 hexadecimal digits, made of everything a result depends on: the same parts give the same key in
 * every process and on every machine. The order of an object's properties does not matter; the order of parts and
 * of array items does. Parts cannot run into one another: `('ab', 'c')` and `('a', 'bc')` differ, and so do `1` and `'1'`.
 *
 * Rejects with {@link InvalidArgumentError} for a part it cannot digest (a function, a class instance, a cycle, a device
 * or pipe instead of a file), and with the file system's error for a file that cannot be read.
 */
export async function cacheKey<Parts extends readonly unknown[]>(
  ...parts: Parts & { readonly [Index in keyof Parts]: KeyPartOf<Parts[Index]> }
): Promise<string> {
  const pieces: Piece[] = [];
  digest(parts as readonly KeyPart[], '$', 0, piece => pieces.push(piece));
  const hash = createHash('sha256');
  // A few large updates are faster. Each piece begins with its type, so that two halves of a character never meet.
  let text = '';
  const flush = () => {
    hash.update(text);
    text = '';
  };
  for (const piece of pieces) {
    if (typeof piece === 'string') text += piece;
    else if (isUint8Array(piece)) {
      flush();
      hash.update(piece);
    } else text += `f${await hashContent(piece[FILE])};`;
    if (text.length > LARGEST_UPDATE) flush();
  }
  flush();
  return hash.digest('hex');
}

/** The hash of a file. A device may have no end. */
async function hashContent(path: string): Promise<string> {
  const stats = statSync(path);
  if (stats.isFile() || stats.isDirectory()) return hashFile(path);
  throw new InvalidArgumentError(`fileContent() needs a regular file; ${path} is ${kindOf(stats)}.`);
}

const LARGEST_UPDATE = 64 * 1024;

type Piece = string | Uint8Array | FileContent;

// A part that is nested deeper than this most likely contains itself.
const MAX_DEPTH = 1000;

// Every item is written with its type and, where it varies, its length, so that no two structures write the same text.
function digest(part: KeyPart, path: string, depth: number, write: (piece: Piece) => void): void {
  if (depth > MAX_DEPTH) {
    throw new InvalidArgumentError(
      `${path.slice(0, 60)}… is nested more than ${MAX_DEPTH} deep: it may contain itself. Pass the parts that matter.`,
    );
  }
  if (part === null || typeof part === 'undefined' || typeof part === 'boolean') write(`${part};`);
  else if (typeof part === 'number') write(`n${Object.is(part, -0) ? '-0' : part};`);
  else if (typeof part === 'bigint') write(`i${part};`);
  else if (typeof part === 'string') digestText(part, write);
  else if (isUint8Array(part)) {
    write(`b${part.byteLength}:`);
    write(part);
  } else if (Array.isArray(part)) {
    write(`a${part.length}:`);
    for (const [index, item] of part.entries())
      digest(item as KeyPart, `${path}[${index}]`, depth + 1, write);
  } else if (typeof part === 'object' && FILE in part) write(part as FileContent);
  else if (typeof part === 'object' && isPlainObject(part)) {
    const record = part as { readonly [property: string]: KeyPart };
    const names = Object.keys(record).sort();
    write(`o${names.length}:`);
    for (const name of names) {
      digestText(name, write);
      digest(record[name], `${path}.${name}`, depth + 1, write);
    }
  } else
    throw new InvalidArgumentError(
      `${path} is ${whatIs(part)}, which has no stable digest. Pass strings, numbers, plain objects, bytes or fileContent(path).`,
    );
}

function digestText(text: string, write: (piece: Piece) => void): void {
  if (text.isWellFormed()) {
    write(`s${Buffer.byteLength(text)}:${text}`);
    return;
  }
  // In UTF-8 all halves of surrogate pairs would be the same replacement character.
  write(`w${text.length}:`);
  write(Buffer.from(text, 'utf16le'));
}

function whatIs(part: unknown): string {
  return typeof part === 'object' ? `a ${part?.constructor?.name ?? 'class'} instance` : `a ${typeof part}`;
}
