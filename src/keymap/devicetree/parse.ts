// Reads preprocessed devicetree source, as Zephyr's dtlib does. It goes on after mistakes, so that as much as possible
// can be shown, and tells names that no macro explains from mistakes: they are in a file that was not read.
import type { Place, Token } from '../preprocessor/token.ts';
import { usedAt, usedUntil } from '../preprocessor/token.ts';
import { SourceText } from './source-text.ts';
import { type Cell, createNode, type DeviceNode, nodesOf, type Property, type Value } from './tree.ts';

export interface SyntaxProblem {
  place: Place;
  message: string;
}

/** A name, among nodes and properties, that no macro explains. */
export interface UnknownName {
  name: string;
  /** Where it is used. */
  token: Token;
  /** The node that it stands in; undefined outside of all. */
  node?: DeviceNode;
}

export interface Devicetree {
  root: DeviceNode;
  /** All nodes with a label. Those that are only extended (`&kp { … };`) are made elsewhere, and hang on no other. */
  labels: ReadonlyMap<string, DeviceNode>;
  problems: SyntaxProblem[];
  unknown: UnknownName[];
}

/** Nodes in nodes. */
const MAX_DEPTH = 100;
const MAX_PROBLEMS = 20;
const MAX_SHOWN = 30;

/** Reads tokens that are preprocessed. Never throws for what they are. */
export function parseDevicetree(tokens: readonly Token[]): Devicetree {
  const parser = new Parser(new SourceText(tokens));
  try {
    parser.run();
  } catch (error) {
    if (!(error instanceof StopError)) throw error;
  }
  return parser;
}

/** There is no point in reading on; a problem says why. */
class StopError extends Error {}

const SPACE = /\s+/y;
const LABEL = /([A-Za-z_]\w*)\s*:/y;
const NAME = /\\?[\w,.+*#?@-]+/y;
const REFERENCE = /&(?:([A-Za-z_]\w*)|\{([^}]*)\})/y;
const IDENTIFIER = /[A-Za-z_]\w*/y;
const NUMBER = /(?:0[xX][\da-fA-F]+|\d+)(?:ULL|LL|UL|U|L)?(?!\w)/y;
const CHARACTER = /'(?:\\.|[^'\\])*'/y;
const STRING = /"((?:\\.|[^"\\])*)"/sy;
const KEYWORD =
  /\/(dts-v1|plugin|memreserve|delete-node|delete-property|omit-if-no-ref|bits|incbin|include)\//y;

class Parser implements Devicetree {
  readonly root: DeviceNode;
  readonly labels = new Map<string, DeviceNode>();
  readonly problems: SyntaxProblem[] = [];
  readonly unknown: UnknownName[] = [];

  readonly #source: SourceText;
  readonly #text: string;
  #at = 0;

  constructor(source: SourceText) {
    this.#source = source;
    this.#text = source.text;
    const place = source.tokens[0]?.place ?? {
      file: { name: '', text: '', isSystem: false },
      line: 1,
      column: 1,
    };
    this.root = createNode('', place);
  }

  run(): void {
    while (!this.#isEnd()) this.#topLevel();
  }

  #topLevel(): void {
    const start = this.#at;
    const keyword = this.#match(KEYWORD)?.[1];
    if (keyword === 'delete-node') {
      const found = this.#match(REFERENCE);
      if (found === undefined) this.#unexpected();
      else this.#remove(this.#nodeOf(found));
      this.#end();
      return;
    }
    if (keyword !== undefined) {
      this.#skipStatement();
      return;
    }
    const labels = this.#takeLabels();
    const reference = this.#match(REFERENCE);
    const isRoot = reference === undefined && this.#text[this.#at] === '/' && this.#take('/');
    if (reference !== undefined || isRoot) {
      const place = this.#placeOf(start);
      const node = reference === undefined ? this.root : (this.#nodeOf(reference) ?? createNode('', place));
      const label = reference?.[1];
      if (label !== undefined && !this.labels.has(label)) this.labels.set(label, node);
      this.#addLabels(node, labels);
      if (this.#take('{')) {
        this.#body(node, 1);
      } else {
        this.#missing('{');
        this.#skipStatement();
      }
      return;
    }
    if (!this.#unknownName(undefined)) this.#skipUnreadable();
  }

  /** What is between `{` and `};`. */
  #body(node: DeviceNode, depth: number): void {
    if (depth > MAX_DEPTH) this.#stop(this.#placeOf(this.#at), `nodes are nested deeper than ${MAX_DEPTH}`);
    const made = new Set<string>();
    for (;;) {
      if (this.#isEnd()) {
        const message = "the file ends here, but a '{' before it is still open";
        this.#stop(this.#endOfLast(), message);
      }
      if (this.#take('}')) {
        this.#end();
        return;
      }
      this.#statement(node, depth, made);
    }
  }

  #statement(node: DeviceNode, depth: number, made: Set<string>): void {
    const start = this.#at;
    const keyword = this.#match(KEYWORD)?.[1];
    if (keyword === 'delete-node' || keyword === 'delete-property') {
      const reference = this.#match(REFERENCE);
      const name = reference === undefined ? this.#match(NAME)?.[0] : undefined;
      if (reference !== undefined) this.#remove(this.#nodeOf(reference));
      else if (name === undefined) this.#unexpected();
      else if (keyword === 'delete-node') this.#remove(node.children.get(name));
      else node.properties.delete(name);
      this.#end();
      return;
    }
    if (keyword !== undefined && keyword !== 'omit-if-no-ref') {
      this.#skipStatement();
      return;
    }
    const labels = this.#takeLabels();
    if (this.#match(KEYWORD) !== undefined) labels.push(...this.#takeLabels());
    const before = this.#at;
    const name = this.#match(NAME)?.[0];
    if (name === undefined) {
      this.#skipUnreadable();
      return;
    }
    const place = this.#placeOf(before);
    if (this.#take('{')) {
      if (made.has(name)) this.#complain(place, `the node '${name}' is twice between the same brackets`);
      made.add(name);
      const known = node.children.get(name);
      const child = known ?? createNode(name, place, node);
      node.children.set(name, child);
      this.#addLabels(child, labels);
      this.#body(child, depth + 1);
    } else if (this.#take('=')) {
      const property: Property = { name, place, values: [] };
      node.properties.set(name, property);
      this.#values(property.values);
    } else if (this.#take(';')) {
      node.properties.set(name, { name, place, values: [] });
    } else {
      this.#at = start;
      if (!this.#unknownName(node)) {
        this.#match(NAME);
        if (this.#at === start) this.#skipUnreadable();
        else this.#missing(';');
      }
    }
  }

  /** What is between `=` and `;`. */
  #values(values: Value[]): void {
    for (;;) {
      this.#takeLabels();
      const value = this.#value();
      if (value === undefined) {
        this.#unexpected();
        this.#skipStatement();
        return;
      }
      values.push(value);
      this.#takeLabels();
      if (this.#take(';')) return;
      if (this.#take(',')) continue;
      if (/[<["]/.test(this.#text[this.#at] ?? '')) {
        this.#missing(',');
        continue;
      }
      this.#missing(';');
      return;
    }
  }

  #value(): Value | undefined {
    const string = this.#match(STRING);
    if (string !== undefined) return { kind: 'string', text: string[1]!.replace(/\\(.)/gs, '$1') };
    if (this.#take('<')) return { kind: 'cells', cells: this.#cells() };
    if (this.#take('[')) {
      this.#skipTo(']');
      return { kind: 'other' };
    }
    if (this.#match(REFERENCE) !== undefined) return { kind: 'other' };
    const keyword = this.#match(KEYWORD)?.[1];
    if (keyword === 'bits') {
      this.#match(NUMBER);
      if (!this.#take('<')) return undefined;
      this.#cells();
      return { kind: 'other' };
    }
    if (keyword === 'incbin') {
      if (this.#take('(')) this.#skipBrackets();
      return { kind: 'other' };
    }
    const cell = this.#unknownCell();
    return cell && { kind: 'unknown', cell };
  }

  #cells(): Cell[] {
    const cells: Cell[] = [];
    for (;;) {
      this.#skipSpace();
      if (this.#take('>')) return cells;
      const start = this.#at;
      if (this.#match(LABEL) !== undefined) continue;
      const cell = this.#cell(start);
      if (cell !== undefined) {
        cells.push(cell);
        continue;
      }
      const next = this.#text[this.#at];
      if (next === undefined || next === ';' || next === '{' || next === '}') {
        this.#missing('>');
        return cells;
      }
      this.#unexpected();
      this.#at++;
    }
  }

  #cell(start: number): Cell | undefined {
    const reference = this.#match(REFERENCE);
    if (reference !== undefined)
      return this.#cellFrom(start, 'reference', reference[1] ?? reference[2] ?? '');
    if (this.#match(NUMBER) !== undefined || this.#match(CHARACTER) !== undefined) {
      return this.#cellFrom(start, 'number');
    }
    if (this.#take('(')) {
      this.#skipBrackets();
      return this.#cellFrom(start, 'number');
    }
    return this.#unknownCell();
  }

  /** A name, with what is in brackets directly behind it. */
  #unknownCell(): Cell | undefined {
    this.#skipSpace();
    const start = this.#at;
    const name = this.#match(IDENTIFIER)?.[0];
    if (name === undefined) return undefined;
    if (this.#text[this.#at] !== '(') return this.#cellFrom(start, 'name', name);
    this.#at++;
    this.#skipBrackets();
    return this.#cellFrom(start, 'call', name);
  }

  #cellFrom(start: number, kind: Cell['kind'], text?: string): Cell {
    const written = text ?? this.#text.slice(start, this.#at);
    const first = this.#source.indexAt(start);
    return { kind, text: written, first, last: this.#source.indexAt(this.#at - 1) };
  }

  /** Takes a name that no macro explains from among nodes and properties; false when there is none. */
  #unknownName(node: DeviceNode | undefined): boolean {
    this.#skipSpace();
    const start = this.#at;
    const name = this.#match(IDENTIFIER)?.[0];
    if (name === undefined) return false;
    this.#skipSpace();
    const next = this.#text[this.#at] ?? '';
    const isCall = next === '(';
    // A property without its semicolon is a mistake; macros without arguments are in capitals.
    if (!isCall && (!/^[A-Z_][A-Z\d_]*$/.test(name) || /[-,.+*?@=]/.test(next))) {
      this.#at = start;
      return false;
    }
    const token = this.#source.tokens[this.#source.indexAt(start)]!;
    this.unknown.push({ name, token, ...(node && { node }) });
    if (isCall) {
      this.#at++;
      this.#skipBrackets();
    }
    this.#take(';');
    return true;
  }

  #takeLabels(): string[] {
    const labels: string[] = [];
    for (let found = this.#match(LABEL); found !== undefined; found = this.#match(LABEL))
      labels.push(found[1]!);
    return labels;
  }

  #addLabels(node: DeviceNode, labels: readonly string[]): void {
    for (const label of labels) {
      node.labels.add(label);
      const extended = this.labels.get(label);
      // `&name { … };` before the node itself: it is the same node.
      if (
        extended !== undefined &&
        extended !== node &&
        extended.parent === undefined &&
        extended !== this.root
      ) {
        for (const [name, property] of extended.properties) {
          if (!node.properties.has(name)) node.properties.set(name, property);
        }
      }
      this.labels.set(label, node);
    }
  }

  #nodeOf([, label, path]: RegExpExecArray): DeviceNode | undefined {
    if (label !== undefined) return this.labels.get(label);
    let node: DeviceNode | undefined = this.root;
    for (const name of path!.split('/').filter(part => part !== '')) node = node?.children.get(name);
    return node;
  }

  #remove(node: DeviceNode | undefined): void {
    if (node === undefined) return;
    node.parent?.children.delete(node.name);
    for (const { labels } of nodesOf(node)) for (const label of labels) this.labels.delete(label);
  }

  #end(): void {
    if (!this.#take(';')) this.#missing(';');
  }

  #isEnd(): boolean {
    this.#skipSpace();
    return this.#at >= this.#text.length;
  }

  #skipSpace(): void {
    SPACE.lastIndex = this.#at;
    this.#at += SPACE.exec(this.#text)?.[0].length ?? 0;
  }

  #match(pattern: RegExp): RegExpExecArray | undefined {
    this.#skipSpace();
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text);
    if (found === null) return undefined;
    this.#at += found[0].length;
    return found;
  }

  #take(character: string): boolean {
    this.#skipSpace();
    if (this.#text[this.#at] !== character) return false;
    this.#at++;
    return true;
  }

  /** Goes behind the bracket that closes the one before. */
  #skipBrackets(): void {
    const open = this.#at - 1;
    let depth = 1;
    const bracket = /[()]|[;{}]|"(?:\\.|[^"\\])*"/g;
    bracket.lastIndex = this.#at;
    for (let found = bracket.exec(this.#text); found !== null; found = bracket.exec(this.#text)) {
      if (found[0] === '(') depth++;
      if (found[0] === ')' && --depth === 0) {
        this.#at = found.index + 1;
        return;
      }
    }
    this.#stop(this.#placeOf(open), "the bracket that opens here is not closed: ')' is missing");
  }

  #skipTo(character: string): void {
    const end = this.#text.indexOf(character, this.#at);
    if (end < 0) this.#stop(this.#placeOf(this.#at - 1), `'${character}' is missing behind this`);
    this.#at = end + 1;
  }

  /** Goes behind the next semicolon, or to the bracket that ends the node. */
  #skipStatement(): void {
    let depth = 0;
    const part = /[{};]|"(?:\\.|[^"\\])*"/g;
    part.lastIndex = this.#at;
    for (let found = part.exec(this.#text); found !== null; found = part.exec(this.#text)) {
      this.#at = found.index + found[0].length;
      if (found[0] === '{') depth++;
      if (found[0] === ';' && depth === 0) return;
      if (found[0] === '}' && depth-- === 0) {
        this.#at--;
        return;
      }
    }
    this.#at = this.#text.length;
  }

  #skipUnreadable(): void {
    this.#unexpected();
    const start = this.#at;
    this.#skipStatement();
    // A bracket that ends nothing.
    if (this.#at === start) this.#at++;
  }

  #unexpected(): void {
    this.#skipSpace();
    if (this.#at >= this.#text.length) {
      this.#stop(this.#endOfLast(), "the file ends here, but a '{', '<' or '=' before it is still open");
    }
    const place = this.#placeOf(this.#at);
    const line = place.file.text.split('\n', place.line)[place.line - 1] ?? '';
    const rest = line.slice(place.column - 1).trim();
    const shown = rest.length > MAX_SHOWN ? `${rest.slice(0, MAX_SHOWN)}…` : rest;
    this.#complain(place, `cannot be read from here: ${shown}`);
  }

  /** The place is where the last good token ends. */
  #missing(character: string): void {
    const before = this.#text.slice(0, this.#at).trimEnd().length;
    const token = this.#source.tokens[this.#source.indexAt(Math.max(0, before - 1))]!;
    this.#complain(usedUntil(token), `'${character}' is missing here`);
  }

  #placeOf(offset: number): Place {
    const token = this.#source.tokens[this.#source.indexAt(offset)];
    return token === undefined ? this.root.place : usedAt(token);
  }

  #endOfLast(): Place {
    const last = this.#source.tokens.at(-1);
    return last === undefined ? this.root.place : usedUntil(last);
  }

  #complain(place: Place, message: string): void {
    this.problems.push({ place, message });
    if (this.problems.length >= MAX_PROBLEMS) throw new StopError();
  }

  #stop(place: Place, message: string): never {
    this.problems.push({ place, message });
    throw new StopError();
  }
}
