// Parser of preprocessed devicetree source, after Zephyr's dtlib. It recovers from mistakes, so that as much as
// possible can be shown. Names that no macro defines are not mistakes: their definition may be in a file that was
// not read.
import type { Problem, Token } from '../preprocessor/token.ts';
import { IDENTIFIER, REFERENCE, Scanner, StopError } from './scanner.ts';
import { SourceText } from './source-text.ts';
import { createNode, type DeviceNode, nodesOf, type Property } from './tree.ts';
import { ValueReader } from './values.ts';

/** An undefined name in the place of a node or property. */
export interface UnknownName {
  name: string;
  /** The token where it is used. */
  token: Token;
}

export interface Devicetree {
  root: DeviceNode;
  /**
   * All nodes with a label. Nodes that the source only extends (`&kp { … };`) are defined elsewhere and have no
   * parent.
   */
  labels: ReadonlyMap<string, DeviceNode>;
  problems: Problem[];
  unknown: UnknownName[];
  /** Whether some parts could not be read at all. */
  isIncomplete: boolean;
}

const MAX_DEPTH = 100;

/** Parses preprocessed tokens. Never throws, whatever they contain. */
export function parseDevicetree(tokens: readonly Token[]): Devicetree {
  const parser = new Parser(new SourceText(tokens));
  try {
    parser.run();
  } catch (error) {
    if (!(error instanceof StopError)) throw error;
  }
  return parser;
}

const NAME = /\\?[\w,.+*#?@-]+/y;
const KEYWORD =
  /\/(dts-v1|plugin|memreserve|delete-node|delete-property|omit-if-no-ref|bits|incbin|include)\//y;

class Parser implements Devicetree {
  readonly root: DeviceNode;
  readonly labels = new Map<string, DeviceNode>();
  readonly unknown: UnknownName[] = [];

  readonly #scanner: Scanner;
  readonly #values: ValueReader;

  constructor(source: SourceText) {
    this.#scanner = new Scanner(source);
    this.#values = new ValueReader(this.#scanner);
    this.root = createNode('', this.#scanner.placeOf(0));
  }

  get problems(): Problem[] {
    return this.#scanner.problems;
  }

  get isIncomplete(): boolean {
    return this.unknown.length > 0 || this.#scanner.hasSkipped;
  }

  run(): void {
    while (!this.#scanner.isEnd()) this.#topLevel();
  }

  #topLevel(): void {
    const start = this.#scanner.at;
    const keyword = this.#scanner.match(KEYWORD)?.[1];
    if (keyword === 'delete-node') {
      const found = this.#scanner.match(REFERENCE);
      if (found === undefined) this.#scanner.unexpected();
      else this.#remove(this.#nodeOf(found));
      this.#end();
      return;
    }
    if (keyword !== undefined) {
      this.#scanner.skipStatement();
      return;
    }
    const labels = this.#scanner.takeLabels();
    const reference = this.#scanner.match(REFERENCE);
    const isRoot =
      reference === undefined && this.#scanner.text[this.#scanner.at] === '/' && this.#scanner.take('/');
    if (reference !== undefined || isRoot) {
      const place = this.#scanner.placeOf(start);
      const node = reference === undefined ? this.root : (this.#nodeOf(reference) ?? createNode('', place));
      const label = reference?.[1];
      if (label !== undefined && !this.labels.has(label)) this.labels.set(label, node);
      this.#addLabels(node, labels);
      if (this.#scanner.take('{')) {
        this.#body(node, 1);
      } else {
        this.#scanner.missing('{');
        this.#scanner.skipStatement();
      }
      return;
    }
    if (!this.#unknownName()) this.#scanner.skipUnreadable();
  }

  /** Reads the statements between `{` and `};`. */
  #body(node: DeviceNode, depth: number): void {
    if (depth > MAX_DEPTH) {
      this.#scanner.stop(this.#scanner.endOfLast(), `nodes are nested deeper than ${MAX_DEPTH}`);
    }
    const made = new Set<string>();
    for (;;) {
      if (this.#scanner.isEnd()) {
        const message = "the file ends here, but a '{' before it is still open";
        this.#scanner.stop(this.#scanner.endOfLast(), message);
      }
      if (this.#scanner.take('}')) {
        this.#end();
        return;
      }
      this.#statement(node, depth, made);
    }
  }

  #statement(node: DeviceNode, depth: number, made: Set<string>): void {
    const keyword = this.#scanner.match(KEYWORD)?.[1];
    if (keyword === 'delete-node' || keyword === 'delete-property') {
      const reference = this.#scanner.match(REFERENCE);
      const name = reference === undefined ? this.#scanner.match(NAME)?.[0] : undefined;
      if (reference !== undefined) this.#remove(this.#nodeOf(reference));
      else if (name === undefined) this.#scanner.unexpected();
      else if (keyword === 'delete-node') this.#remove(node.children.get(name));
      else node.properties.delete(name);
      this.#end();
      return;
    }
    if (keyword !== undefined && keyword !== 'omit-if-no-ref') {
      this.#scanner.skipStatement();
      return;
    }
    const labels = this.#scanner.takeLabels();
    if (this.#scanner.match(KEYWORD) !== undefined) labels.push(...this.#scanner.takeLabels());
    const before = this.#scanner.at;
    const name = this.#scanner.match(NAME)?.[0];
    if (name === undefined) {
      this.#scanner.skipUnreadable();
      return;
    }
    const place = this.#scanner.placeOf(before);
    const first = this.#scanner.source.indexAt(this.#scanner.at - 1) + 1;
    if (this.#scanner.take('{')) {
      if (made.has(name)) {
        this.#scanner.complain(place, `the node '${name}' is defined twice in the same block`);
      }
      made.add(name);
      const known = node.children.get(name);
      const child = known ?? createNode(name, place, node);
      node.children.set(name, child);
      this.#addLabels(child, labels);
      this.#body(child, depth + 1);
    } else if (this.#scanner.take('=')) {
      const property: Property = { name, place, values: [], first, last: first };
      node.properties.set(name, property);
      this.#values.read(property.values);
      property.last = this.#scanner.source.indexAt(this.#scanner.at - 1);
    } else if (this.#scanner.take(';')) {
      node.properties.set(name, { name, place, values: [], first, last: first });
    } else {
      this.#scanner.at = before;
      if (!this.#unknownName()) {
        this.#scanner.match(NAME);
        this.#scanner.missing(';');
      }
    }
  }

  /** Skips an undefined name in the place of a node or property; returns false when there is none. */
  #unknownName(): boolean {
    this.#scanner.skipSpace();
    const start = this.#scanner.at;
    const name = this.#scanner.match(IDENTIFIER)?.[0];
    if (name === undefined) return false;
    this.#scanner.skipSpace();
    const next = this.#scanner.text[this.#scanner.at] ?? '';
    const isCall = next === '(';
    // A property without its semicolon is a mistake, not a macro: macros without arguments are written in capitals.
    if (!isCall && (!/^[A-Z_][A-Z\d_]*$/.test(name) || /[-,.+*?@=]/.test(next))) {
      this.#scanner.at = start;
      return false;
    }
    const token = this.#scanner.source.tokens[this.#scanner.source.indexAt(start)]!;
    this.unknown.push({ name, token });
    if (isCall) {
      this.#scanner.at++;
      this.#scanner.skipBrackets('arguments');
    }
    this.#scanner.take(';');
    return true;
  }

  #addLabels(node: DeviceNode, labels: readonly string[]): void {
    for (const label of labels) {
      node.labels.add(label);
      const extended = this.labels.get(label);
      // `&name { … };` came before the node itself: both are the same node.
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
    if (!this.#scanner.take(';')) this.#scanner.missing(';');
  }
}
