// Build matrix file: `build.yaml` as fields and lists with their line numbers, within bounds whatever the file
// contains.
import { existsSync, statSync } from 'node:fs';
import path from 'node:path';
import type { Alias, Document, LineCounter, Node, Pair } from 'yaml';
import { yamlProblem } from '../../config/yaml-problem.ts';
import { GloveboxError } from '../../errors.ts';
import { readTextFile, TextFileError } from '../../system/text-file.ts';
import { didYouMeanField, FIELDS, isField } from './fields.ts';

/** `build.yaml` is missing, empty, malformed or impossible to satisfy. The message begins with file and line. */
export class MatrixError extends GloveboxError {
  readonly file: string;
  /** 1-based; undefined when the file could not be read. */
  readonly line: number | undefined;

  constructor(file: string, line: number | undefined, what: string) {
    super('GLOVEBOX_MATRIX', `${file}${line === undefined ? '' : `:${line}`}: ${what}`);
    this.file = file;
    this.line = line;
  }
}

/** A text and its line. */
export interface Value {
  text: string;
  line: number;
}

/** Fields of a target by name in lower case, including those that the workflow ignores, and the line of the first. */
export interface Entry {
  values: Map<string, Value>;
  line: number;
}

/** A field that ZMK's workflow does not read. It still takes part in the matrix, as any field does on GitHub. */
export interface IgnoredField {
  /** As written at its first occurrence. */
  name: string;
  /** The lines on which it occurs, in order. */
  lines: number[];
}

/** The file as written, before GitHub's matrix rules. */
export interface MatrixFile {
  file: string;
  /** The lists to combine, in the order of the file, which is the order of the combinations. */
  lists: Map<string, Value[]>;
  include: Entry[];
  exclude: Entry[];
  ignored: IgnoredField[];
}

/** Bytes: 256 for each of 256 targets, GitHub's own limit. Parsing YAML is slow. */
const MAX_SIZE = 64 * 1024;

/**
 * Limit on visited nodes, including those behind aliases, so that a few lines of aliases cannot expand to millions of
 * entries.
 */
const MAX_STEPS = 20_000;

/** Limit on mappings merged into one another by `<<`; each takes stack space. */
const MAX_MERGES = 100;

/** Limit on entries of `include` or `exclude`. */
const MAX_ENTRIES = 1_024;

const EXAMPLE =
  'It lists what to build, such as:\n  include:\n    - board: nice_nano_v2\n      shield: corne_left';

/** Reads a build matrix. Rejects with {@link MatrixError} for every error in it. */
export async function readMatrixFile(file: string): Promise<MatrixFile> {
  const text = await readText(file);
  // Loaded on demand: a compile thread never reads a matrix.
  const { LineCounter, parseDocument } = await import('yaml');
  const lineCounter = new LineCounter();
  let document: Document;
  try {
    // Duplicate keys are checked here: the parser's own check takes quadratic time.
    document = parseDocument(text, { lineCounter, prettyErrors: false, uniqueKeys: false, version: '1.2' });
  } catch (error) {
    throw new MatrixError(file, undefined, `cannot be read as YAML: ${(error as Error).message}.`);
  }
  const [problem] = document.errors;
  if (problem !== undefined) {
    const { line } = lineCounter.linePos(problem.pos[0]);
    throw new MatrixError(file, line, `is not valid YAML: ${yamlProblem(problem)}.`);
  }
  const reader = new Reader(file, text, document, lineCounter, await import('yaml'));
  return reader.read();
}

async function readText(file: string): Promise<string> {
  try {
    return await readTextFile(file, MAX_SIZE);
  } catch (error) {
    if (!(error instanceof TextFileError)) throw error;
    const why = {
      missing: missing(file),
      'not-a-file': 'is not a file.',
      'too-large': `is larger than ${MAX_SIZE / 1024} KiB, which no build needs.`,
      'not-text': 'is not UTF-8 text.',
      unreadable: `cannot be read: ${error.message}.`,
    }[error.problem];
    throw new MatrixError(file, error.line, why);
  }
}

// A file of the config was given in place of its directory: a keymap, or build.yaml itself.
function directoryAbove(file: string, name: string): string | undefined {
  const directory = path.dirname(file);
  if (directory === file) return undefined;
  return existsSync(path.join(directory, name)) ? directory : directoryAbove(directory, name);
}

function missing(file: string): string {
  const directory = path.dirname(file);
  if (statSync(directory, { throwIfNoEntry: false })?.isFile()) {
    const config = directoryAbove(directory, path.basename(file));
    const remedy =
      config === undefined
        ? `Name the directory that holds ${path.basename(file)}`
        : `Name the directory ${config}`;
    return `does not exist: ${directory} is a file. ${remedy}.`;
  }
  if (!existsSync(directory)) return `does not exist: there is no directory ${directory}.`;
  const other = file.endsWith('.yaml') ? file.replace(/yaml$/, 'yml') : undefined;
  if (other === undefined || !existsSync(other)) return `does not exist. ${EXAMPLE}`;
  return `does not exist, but ${path.basename(other)} does: rename it, or name it with --build-file.`;
}

type Yaml = typeof import('yaml');
type MaybeNode = Node | null | undefined;

class Reader {
  readonly #file: string;
  readonly #text: string;
  readonly #document: Document;
  readonly #lines: LineCounter;
  readonly #yaml: Yaml;
  readonly #targets = new Map<Alias, Node>();
  readonly #ignored = new Map<string, IgnoredField>();
  #steps = 0;

  constructor(file: string, text: string, document: Document, lines: LineCounter, yaml: Yaml) {
    this.#file = file;
    this.#text = text;
    this.#document = document;
    this.#lines = lines;
    this.#yaml = yaml;
    this.#findTargets();
  }

  read(): MatrixFile {
    const root = this.#resolve(this.#document.contents as MaybeNode);
    if (root === undefined) throw new MatrixError(this.#file, 1, `is empty. ${EXAMPLE}`);
    if (this.#yaml.isSeq(root)) {
      this.#fail(
        root,
        "'include:' is missing: write it on a line of its own above this list, and indent the list.",
      );
    }
    const lists = new Map<string, Value[]>();
    const entries: { include: Entry[]; exclude: Entry[] } = { include: [], exclude: [] };
    for (const [name, { key, value }] of this.#fields(root, 'the file')) {
      if (name === 'include' || name === 'exclude') entries[name] = this.#entries(name, key, value);
      else lists.set(name, this.#list(name, key, value));
    }
    if (lists.size === 0 && entries.include.length === 0) {
      throw new MatrixError(this.#file, this.#line(root), `names nothing to build. ${EXAMPLE}`);
    }
    return { file: this.#file, lists, ...entries, ignored: [...this.#ignored.values()] };
  }

  #list(name: string, key: Node, value: MaybeNode): Value[] {
    const node = this.#resolve(value);
    if (!this.#yaml.isSeq(node)) {
      const one = this.#yaml.isScalar(node) && typeof node.value === 'string' ? node.value : 'one, another';
      const hint = isField(name) ? '' : didYouMeanField(name, [...FIELDS, 'include', 'exclude']);
      this.#fail(
        node ?? key,
        `${quoted(name)} must be a list, such as ${quoted(`${name}: [${one}]`)}. What belongs to one target goes into 'include'.${hint}`,
      );
    }
    if (node.items.length === 0)
      this.#fail(node, `${quoted(name)} is an empty list. Name one, or leave it out.`);
    if (!isField(name)) this.#ignore(key);
    return node.items.map(item => this.#value(name, item as Node, node));
  }

  #entries(name: string, key: Node, value: MaybeNode): Entry[] {
    const node = this.#resolve(value);
    if (!this.#yaml.isSeq(node)) {
      this.#fail(
        node ?? key,
        `'${name}' must be a list of targets, each beginning with '- board:' and indented.`,
      );
    }
    if (node.items.length > MAX_ENTRIES) {
      this.#fail(node, `'${name}' has ${node.items.length} entries; ${MAX_ENTRIES} are allowed.`);
    }
    return node.items.map(raw => {
      const item = this.#resolve(raw as Node);
      if (item === undefined) this.#fail((raw as Node) ?? node, `This entry of '${name}' is empty.`);
      const values = new Map<string, Value>();
      for (const [field, pair] of this.#fields(item, `an entry of '${name}'`)) {
        values.set(field, this.#value(field, pair.value, pair.key));
        if (!isField(field)) this.#ignore(pair.key);
      }
      if (values.size === 0) this.#fail(item, `This entry of '${name}' is empty.`);
      return { values, line: this.#line(item) };
    });
  }

  /** Records an ignored field, so that it is reported once. */
  #ignore(key: Node): void {
    const name = String(this.#yaml.isScalar(key) ? key.value : '');
    const known = this.#ignored.get(name.toLowerCase()) ?? { name, lines: [] };
    const line = this.#line(key);
    if (!known.lines.includes(line)) known.lines.push(line);
    this.#ignored.set(name.toLowerCase(), known);
  }

  #value(name: string, raw: MaybeNode, near: Node): Value {
    const node = this.#resolve(raw);
    const line = this.#line((raw as Node | null) ?? near);
    // Ignored fields may hold anything. Their source text is enough for comparisons.
    if (!isField(name)) return { text: this.#source(node), line };
    // Empty means unset, as in the workflow's shell.
    if (node === undefined) return { text: '', line };
    if (this.#yaml.isScalar(node)) {
      const { value, source } = node;
      if (typeof value === 'string') return { text: this.#printable(name, value, node), line };
      // A number written in canonical form can only mean that text.
      if (Number.isSafeInteger(value) && String(value) === source) return { text: source, line };
      this.#fail(
        node,
        `'${name}' must be text, and ${quoted(String(source ?? value))} is not: put it in quotes.`,
      );
    }
    this.#fail(
      node,
      `'${name}' must be one text here, not a ${this.#yaml.isSeq(node) ? 'list' : 'mapping'}.`,
    );
  }

  #printable(name: string, text: string, node: Node): string {
    // Arguments for CMake may be folded over lines.
    const forbidden = name === 'cmake-args' ? /\0/ : /\p{Cc}/u;
    if (forbidden.test(text)) this.#fail(node, `'${name}' contains a control character.`);
    if (name !== 'cmake-args' && text.startsWith('-')) {
      this.#fail(node, `'${name}' begins with '-', which programs take for an option: ${quoted(text)}.`);
    }
    return text;
  }

  /** The text of a node in the file. */
  #source(node: Node | undefined): string {
    return node?.range ? this.#text.slice(node.range[0], node.range[1]).trim() : '';
  }

  /** The pairs of a mapping by name, in lower case as on GitHub; those of `<<` come last and replace nothing. */
  #fields(node: Node, where: string, depth = 0): Map<string, { key: Node; value: MaybeNode }> {
    const found = new Map<string, { key: Node; value: MaybeNode }>();
    const merged: MaybeNode[] = [];
    if (!this.#yaml.isMap(node))
      this.#fail(node, `${where} must be fields with values. Known are ${FIELDS.join(', ')}.`);
    for (const { key, value } of node.items as Pair<Node, MaybeNode>[]) {
      this.#step(key);
      const resolved = this.#resolve(key);
      if (!this.#yaml.isScalar(resolved))
        this.#fail(key, `the name of a field in ${where} must be a text. Known are ${FIELDS.join(', ')}.`);
      const name = String(resolved.value).toLowerCase();
      if (name === '<<') merged.push(value);
      else if (found.has(name)) this.#fail(key, `${quoted(name)} is given twice in ${where}.`);
      else found.set(name, { key: resolved, value });
    }
    for (const value of merged) {
      const source = this.#resolve(value);
      const sources = this.#yaml.isSeq(source) ? source.items : [source];
      for (const one of sources) {
        const map = this.#resolve(one as Node);
        if (map === undefined) this.#fail(node, `'<<' in ${where} must name a mapping.`);
        if (depth === MAX_MERGES)
          this.#fail(node, `'<<' in ${where} merges more than ${MAX_MERGES} mappings into one another.`);
        for (const [name, pair] of this.#fields(map, where, depth + 1)) {
          if (!found.has(name)) found.set(name, pair);
        }
      }
    }
    return found;
  }

  /** The value of a node: aliases followed, `null` and nothing undefined. */
  #resolve(node: MaybeNode): Node | undefined {
    this.#step(node);
    const target = this.#yaml.isAlias(node) ? this.#targets.get(node) : (node ?? undefined);
    if (this.#yaml.isAlias(node) && target === undefined)
      this.#fail(node, `no anchor '&${node.source}' comes before this.`);
    if (this.#yaml.isScalar(target) && target.value === null) return undefined;
    return target;
  }

  #step(node: MaybeNode): void {
    if (++this.#steps > MAX_STEPS) {
      this.#fail(node ?? undefined, 'the aliases (*) here stand for more entries than any build has.');
    }
  }

  /**
   * An alias refers to the last node with its anchor before it. One pass finds all of them; the parser needs one pass
   * each.
   */
  #findTargets(): void {
    const anchors = new Map<string, Node>();
    this.#yaml.visit(this.#document, {
      Node: (_key, node) => {
        if (this.#yaml.isAlias(node)) {
          const target = anchors.get(node.source);
          if (target !== undefined) this.#targets.set(node, target);
        } else if (node.anchor !== undefined) anchors.set(node.anchor, node as Node);
      },
    });
  }

  #line(node: Node | undefined): number {
    return node?.range ? this.#lines.linePos(node.range[0]).line : 1;
  }

  #fail(node: Node | undefined, message: string): never {
    throw new MatrixError(this.#file, this.#line(node), message);
  }
}

/** A text of the file for a message: quoted, shortened, and without control characters for a terminal. */
export function quoted(text: string): string {
  const short = text.length > 80 ? `${text.slice(0, 80).toWellFormed()}…` : text;
  return `'${short.replaceAll(/\p{Cc}/gu, '\ufffd')}'`;
}
