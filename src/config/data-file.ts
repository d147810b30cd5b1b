// YAML and JSON files as plain data, with the position of each field. Nothing in them is ever executed.
import path from 'node:path';
import type { Document, LineCounter, Node, Pair } from 'yaml';
import { readTextFile, TextFileError } from '../system/text-file.ts';
import { ConfigError } from './config-error.ts';
import { yamlProblem } from './yaml-problem.ts';

/** Larger files are rejected: a person writes a few KiB, and the YAML parser takes a second for anything larger. */
export const MAX_DATA_FILE_BYTES = 64 * 1024;

// A hand-written file has a handful of aliases; one built to expand without bound has far more.
const MAX_ALIASES = 50;

/** 1-based. */
export interface Position {
  line: number;
  column: number;
}

/** Steps from the root of a file to a field: names and list indices. */
export type FieldPath = readonly PropertyKey[];

/** The content of a file. */
export interface DataFile {
  /** Absolute path. */
  file: string;
  /** The content; undefined when the file is empty. */
  value: unknown;
  /**
   * The position of a field's name, or of a list item. For a missing field, the position of the nearest enclosing
   * one; undefined when unknown.
   */
  position(field: FieldPath): Position | undefined;
}

/**
 * Reads a `.json` file as JSON and any other as YAML.
 *
 * @throws ConfigError when it cannot be read, is not a plain file, is too large or is malformed
 */
export async function readDataFile(file: string): Promise<DataFile> {
  return parseDataFile(await readBounded(file), file);
}

/**
 * Parses text that was read from `file`. The file name decides the format and appears in errors.
 *
 * @throws ConfigError when it is too large or malformed
 */
export async function parseDataFile(text: string, file: string): Promise<DataFile> {
  if (text.length > MAX_DATA_FILE_BYTES) throw tooLarge(file, text.length);
  const json = path.extname(file) === '.json';
  if (json) assertJson(text, file);
  const yaml = await import('yaml');
  const lines = new yaml.LineCounter();
  // `uniqueKeys` compares each key with all others of its map; `assertUniqueKeys` needs one pass.
  const document = yaml.parseDocument(text, {
    lineCounter: lines,
    uniqueKeys: false,
    prettyErrors: false,
    // The checks below report the same mistakes, and name the field.
    logLevel: 'error',
  });
  const [error] = document.errors;
  if (error !== undefined && !json)
    throw malformed(file, `${yamlProblem(error)}.`, positionAt(lines, error.pos[0]), error);
  yaml.visit(document, {
    Map: (_, map) => assertUniqueKeys(file, lines, map.items as Pair[], yaml.isScalar),
  });
  const value = json ? (text.trim() === '' ? undefined : JSON.parse(text)) : contentOf(document, file);
  return {
    file,
    value: value ?? undefined,
    position: field => positionOf(document, lines, field, yaml.isMap, yaml.isSeq),
  };
}

async function readBounded(file: string): Promise<string> {
  try {
    return await readTextFile(file, MAX_DATA_FILE_BYTES);
  } catch (error) {
    if (!(error instanceof TextFileError)) throw error;
    const { problem, message, size, line } = error;
    if (problem === 'too-large') throw tooLarge(file, size ?? MAX_DATA_FILE_BYTES + 1);
    const why = {
      missing: 'there is no such file.',
      'not-a-file': 'this is not a plain file.',
      'not-text': 'this is not UTF-8 text. Save it as UTF-8.',
      unreadable: `cannot read it (${message}).`,
    }[problem];
    const where = line === undefined ? {} : { line, column: 1 };
    throw new ConfigError(file, [{ field: '', message: why, ...where }], { cause: error });
  }
}

function contentOf(document: Document.Parsed, file: string): unknown {
  try {
    return document.toJS({ maxAliasCount: MAX_ALIASES });
  } catch (error) {
    const message = `the aliases (*name) cannot be resolved: ${(error as Error).message}. At most ${MAX_ALIASES} are allowed.`;
    throw new ConfigError(file, [{ field: '', message }], { cause: error });
  }
}

function assertJson(text: string, file: string): void {
  if (text.trim() === '') return;
  try {
    JSON.parse(text);
  } catch (error) {
    // V8 gives the offset for most errors; the newest versions give line and column.
    const at = /at position (\d+)/.exec((error as Error).message);
    const before = at === null ? undefined : text.slice(0, Number(at[1])).split('\n');
    const position = before && { line: before.length, column: before.at(-1)!.length + 1 };
    throw malformed(file, (error as Error).message.replace(/ in JSON at position .*/s, ''), position, error);
  }
}

function assertUniqueKeys(
  file: string,
  lines: LineCounter,
  pairs: readonly Pair[],
  isScalar: (node: unknown) => boolean,
): void {
  const seen = new Set<unknown>();
  for (const { key } of pairs) {
    if (!isScalar(key)) continue;
    const { value, range } = key as Node & { value: unknown };
    if (seen.has(String(value))) {
      const message = `${String(value)} is given twice in the same map. Remove one of them.`;
      throw new ConfigError(file, [{ field: String(value), message, ...positionAt(lines, range?.[0] ?? 0) }]);
    }
    seen.add(String(value));
  }
}

function positionOf(
  document: Document.Parsed,
  lines: LineCounter,
  field: FieldPath,
  isMap: (node: unknown) => boolean,
  isSeq: (node: unknown) => boolean,
): Position | undefined {
  let node: unknown = document.contents;
  let found: Node | undefined;
  for (const step of field) {
    if (isMap(node)) {
      const pairs = (node as { items: Pair<Node, Node>[] }).items;
      const pair = pairs.find(
        ({ key }) => String((key as { value?: unknown } | null)?.value) === String(step),
      );
      if (pair === undefined) break;
      found = pair.key;
      node = pair.value;
    } else if (isSeq(node)) {
      const item = (node as { items: Node[] }).items[Number(step)];
      if (item === undefined) break;
      found = item;
      node = item;
    } else break;
  }
  const offset = (found ?? document.contents)?.range?.[0];
  return offset === undefined ? undefined : positionAt(lines, offset);
}

function positionAt(lines: LineCounter, offset: number): Position {
  const { line, col } = lines.linePos(offset);
  return { line, column: col };
}

function malformed(file: string, what: string, position: Position | undefined, cause: unknown): ConfigError {
  const format = path.extname(file) === '.json' ? 'JSON' : 'YAML';
  const why = what.split('\n')[0];
  const message = `this is not valid ${format}: ${why}`;
  return new ConfigError(file, [{ field: '', message, ...position }], { cause });
}

function tooLarge(file: string, size: number): ConfigError {
  const message = `it has ${size} bytes, but at most ${MAX_DATA_FILE_BYTES} are allowed.`;
  return new ConfigError(file, [{ field: '', message }]);
}
