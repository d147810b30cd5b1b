// build.yaml as fields and lists that know their lines, within bounds whatever the file contains.
import { existsSync, statSync } from 'node:fs';
import path from 'node:path';
import type { Alias, Document, LineCounter, Node, Pair } from 'yaml';
import { nearestWord } from '../../config/nearest.ts';
import { readTextFile, TextFileError } from '../../config/text-file.ts';
import { yamlProblem } from '../../config/yaml-problem.ts';
import { MatrixError, quoted } from './matrix-error.ts';

/** What a target of the matrix can be given. */
export const FIELDS = ['board', 'shield', 'snippet', 'cmake-args', 'artifact-name'] as const;
export type Field = (typeof FIELDS)[number];

/** A text and the line it is from. */
export interface Value {
  text: string;
  line: number;
}

/** Some fields of a target, and the line they begin at. */
export interface Entry {
  values: Map<Field, Value>;
  line: number;
}

/** The file as it is written, before GitHub's matrix rules. */
export interface MatrixFile {
  file: string;
  /** The lists whose combinations are built, in the order of the file, which is the order of the combinations. */
  lists: Map<Field, Value[]>;
  include: Entry[];
  exclude: Entry[];
}

/** Bytes. A build of 256 targets, GitHub's own limit, has 256 for each; and a parser of YAML is slow. */
const MAX_SIZE = 64 * 1024;

/** Nodes looked at, aliases followed included, so that a few lines of aliases cannot stand for millions of entries. */
const MAX_STEPS = 20_000;

/** Mappings that are merged into one another by `<<`; each takes a piece of the stack. */
const MAX_MERGES = 100;

/** Entries of `include` or `exclude`. */
const MAX_ENTRIES = 1_024;

const EXAMPLE =
  'It lists what to build, such as:\n  include:\n    - board: nice_nano_v2\n      shield: corne_left';

/** Reads `build.yaml` in the directory. Rejects with {@link MatrixError} for everything that is wrong with it. */
export async function readMatrixFile(configDirectory: string): Promise<MatrixFile> {
  const file = path.join(configDirectory, 'build.yaml');
  const text = await readText(file);
  // A worker thread that compiles never reads a matrix.
  const { LineCounter, parseDocument } = await import('yaml');
  const lineCounter = new LineCounter();
  let document: Document;
  try {
    // Duplicate keys are looked for here: the parser's own look takes quadratic time.
    document = parseDocument(text, { lineCounter, prettyErrors: false, uniqueKeys: false, version: '1.2' });
  } catch (error) {
    throw new MatrixError(file, undefined, `cannot be read as YAML: ${(error as Error).message}.`);
  }
  const [problem] = document.errors;
  if (problem !== undefined) {
    const { line } = lineCounter.linePos(problem.pos[0]);
    throw new MatrixError(file, line, `is not valid YAML: ${yamlProblem(problem)}.`);
  }
  const reader = new Reader(file, document, lineCounter, await import('yaml'));
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

function missing(file: string): string {
  const directory = path.dirname(file);
  if (statSync(directory, { throwIfNoEntry: false })?.isFile()) {
    return `does not exist: ${directory} is a file. Name the directory that holds it, ${path.dirname(directory)}.`;
  }
  if (!existsSync(directory)) return `does not exist: there is no directory ${directory}.`;
  const otherName = existsSync(path.join(directory, 'build.yml'));
  return otherName ? 'does not exist, but build.yml does: rename it.' : `does not exist. ${EXAMPLE}`;
}

type Yaml = typeof import('yaml');
type MaybeNode = Node | null | undefined;

class Reader {
  readonly #file: string;
  readonly #document: Document;
  readonly #lines: LineCounter;
  readonly #yaml: Yaml;
  readonly #targets = new Map<Alias, Node>();
  #steps = 0;

  constructor(file: string, document: Document, lines: LineCounter, yaml: Yaml) {
    this.#file = file;
    this.#document = document;
    this.#lines = lines;
    this.#yaml = yaml;
    this.#findTargets();
  }

  read(): MatrixFile {
    const root = this.#resolve(this.#document.contents as MaybeNode);
    if (root === undefined) throw new MatrixError(this.#file, 1, `is empty. ${EXAMPLE}`);
    const allowed = [...FIELDS, 'include', 'exclude'];
    const matrix: MatrixFile = { file: this.#file, lists: new Map(), include: [], exclude: [] };
    for (const [name, { key, value }] of this.#fields(root, allowed, 'the file')) {
      if (name === 'include' || name === 'exclude') matrix[name] = this.#entries(name, key, value);
      else matrix.lists.set(name as Field, this.#list(name as Field, key, value));
    }
    if (matrix.lists.size === 0 && matrix.include.length === 0) {
      throw new MatrixError(this.#file, this.#line(root), `names nothing to build. ${EXAMPLE}`);
    }
    return matrix;
  }

  #list(name: Field, key: Node, value: MaybeNode): Value[] {
    const node = this.#resolve(value);
    if (!this.#yaml.isSeq(node)) {
      const one = this.#yaml.isScalar(node) && typeof node.value === 'string' ? node.value : 'one, another';
      this.#fail(
        node ?? key,
        `'${name}' must be a list, such as ${quoted(`${name}: [${one}]`)}. What belongs to one target goes into 'include'.`,
      );
    }
    if (node.items.length === 0) this.#fail(node, `'${name}' is an empty list. Name one, or leave it out.`);
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
      const values = new Map<Field, Value>();
      for (const [field, pair] of this.#fields(item, FIELDS, `an entry of '${name}'`)) {
        values.set(field as Field, this.#value(field, pair.value, pair.key));
      }
      if (values.size === 0) this.#fail(item, `This entry of '${name}' is empty.`);
      return { values, line: this.#line(item) };
    });
  }

  #value(name: string, raw: MaybeNode, near: Node): Value {
    const node = this.#resolve(raw);
    const line = this.#line((raw as Node | null) ?? near);
    // Empty is the same as not given, as it is in the workflow's shell.
    if (node === undefined) return { text: '', line };
    if (this.#yaml.isScalar(node)) {
      const { value, source } = node;
      if (typeof value === 'string') return { text: this.#printable(name, value, node), line };
      // A number that is written as it would be printed cannot be anything else than that text.
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

  /** The pairs of a mapping by name; those of `<<` come last and replace nothing. */
  #fields(
    node: Node,
    allowed: readonly string[],
    where: string,
    depth = 0,
  ): Map<string, { key: Node; value: MaybeNode }> {
    const found = new Map<string, { key: Node; value: MaybeNode }>();
    const merged: MaybeNode[] = [];
    if (!this.#yaml.isMap(node))
      this.#fail(node, `${where} must be fields with values. ${this.#allow(allowed)}`);
    for (const { key, value } of node.items as Pair<Node, MaybeNode>[]) {
      this.#step(key);
      const resolved = this.#resolve(key);
      const name = this.#yaml.isScalar(resolved) ? String(resolved.value) : undefined;
      if (name === '<<') merged.push(value);
      else if (name === undefined || !allowed.includes(name)) {
        const meant = name === undefined ? undefined : nearestWord(name, allowed);
        const hint = meant === undefined ? '' : ` Did you mean '${meant}'?`;
        const named = name === undefined ? '' : ` ${quoted(name)}`;
        this.#fail(key, `unknown field${named} in ${where}.${hint} ${this.#allow(allowed)}`);
      } else if (found.has(name)) this.#fail(key, `'${name}' is given twice in ${where}.`);
      else found.set(name, { key, value });
    }
    for (const value of merged) {
      const source = this.#resolve(value);
      const sources = this.#yaml.isSeq(source) ? source.items : [source];
      for (const one of sources) {
        const map = this.#resolve(one as Node);
        if (map === undefined) this.#fail(node, `'<<' in ${where} must name a mapping.`);
        if (depth === MAX_MERGES)
          this.#fail(node, `'<<' in ${where} merges more than ${MAX_MERGES} mappings into one another.`);
        for (const [name, pair] of this.#fields(map, allowed, where, depth + 1)) {
          if (!found.has(name)) found.set(name, pair);
        }
      }
    }
    return found;
  }

  #allow(allowed: readonly string[]): string {
    return `Allowed: ${allowed.join(', ')}.`;
  }

  /** What a node stands for: aliases followed, `null` and nothing undefined. */
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

  /** An alias means the last node with its anchor before it. Found in one pass: the parser's way is one pass each. */
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
