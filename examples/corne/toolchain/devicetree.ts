// Reader of devicetree source into nodes, properties and line numbers: the subset that keymaps need.
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { Language, Parser, type Node as SyntaxNode } from 'web-tree-sitter';
import { BuildError } from './errors.ts';

/** A token of a value: `&kp`, `LC(A)`, `200`. */
export interface Cell {
  text: string;
  /** 1-based. */
  line: number;
}

export interface Property {
  name: string;
  line: number;
  /** The cells of each pair of angle brackets. A string or bare reference is a group of one cell. */
  groups: Cell[][];
}

export interface DeviceNode {
  /** `/`, a name, or a reference such as `&lt`. */
  name: string;
  label?: string;
  line: number;
  properties: Map<string, Property>;
  children: DeviceNode[];
}

export interface DeviceTree {
  nodes: DeviceNode[];
  /** Values of `#define NAME value`. */
  definitions: Map<string, string>;
}

/** Reads a devicetree. Throws a `BuildError` with file and line for invalid or unsupported syntax. */
export async function readDeviceTree(file: string, source: string): Promise<DeviceTree> {
  const parser = await devicetreeParser();
  const tree = parser.parse(source);
  if (!tree) throw new BuildError('cannot be parsed', { file });
  const reader = new Reader(file);
  const problem = firstProblem(tree.rootNode);
  if (problem) throw reader.error(problem, 'is not devicetree syntax');
  const nodes = reader.nodes(tree.rootNode);
  tree.delete();
  parser.delete();
  return { nodes, definitions: reader.definitions };
}

/** All nodes of the tree, parents first. */
export function* allNodes(nodes: DeviceNode[]): Generator<DeviceNode> {
  for (const node of nodes) {
    yield node;
    yield* allNodes(node.children);
  }
}

let language: Promise<Language> | undefined;

/** A new parser for the caller. */
async function devicetreeParser(): Promise<Parser> {
  language ??= loadLanguage();
  const devicetree = await language;
  return new Parser().setLanguage(devicetree);
}

/** Loaded only once: the library fails when it is initialised twice at the same time. */
async function loadLanguage(): Promise<Language> {
  await Parser.init();
  const wasm = fileURLToPath(import.meta.resolve('tree-sitter-devicetree/tree-sitter-devicetree.wasm'));
  return Language.load(await readFile(wasm));
}

class Reader {
  readonly definitions = new Map<string, string>();
  readonly #file: string;

  constructor(file: string) {
    this.#file = file;
  }

  nodes(parent: SyntaxNode): DeviceNode[] {
    const found: DeviceNode[] = [];
    for (const child of parent.namedChildren) {
      switch (child.type) {
        case 'node':
          found.push(this.#node(child));
          break;
        case 'preproc_def':
          this.definitions.set(text(child, 'name'), text(child, 'value'));
          break;
        case 'preproc_include':
          // ZMK's own headers only define names that this firmware knows. A file of the author's would be missed.
          if (text(child, 'path').startsWith('"'))
            throw this.error(child, 'is not followed by this small firmware');
          break;
        case 'comment':
        case 'property':
        case 'identifier':
        case 'reference':
        case 'unit_address':
        case 'file_version':
          break;
        default:
          throw this.error(child, 'is not understood by this small firmware');
      }
    }
    return found;
  }

  #node(syntax: SyntaxNode): DeviceNode {
    const properties = new Map<string, Property>();
    for (const child of syntax.namedChildren) {
      if (child.type !== 'property') continue;
      const property = this.#property(child);
      properties.set(property.name, property);
    }
    const label = syntax.childForFieldName('label')?.text;
    return {
      name: text(syntax, 'name'),
      ...(label === undefined ? {} : { label }),
      line: syntax.startPosition.row + 1,
      properties,
      children: this.nodes(syntax),
    };
  }

  #property(syntax: SyntaxNode): Property {
    const groups = syntax.childrenForFieldName('value').flatMap(value => {
      if (value.type === ',') return [];
      const cells = value.type === 'integer_cells' ? value.namedChildren : [value];
      return [
        cells.filter(cell => cell.type !== 'comment').map(cell => ({ text: cell.text, line: lineOf(cell) })),
      ];
    });
    return { name: text(syntax, 'name'), line: lineOf(syntax), groups };
  }

  error(syntax: SyntaxNode, what: string): BuildError {
    const excerpt = syntax.isMissing ? `a missing ${syntax.type}` : `'${firstLine(syntax.text)}'`;
    return new BuildError(`${excerpt} ${what}`, { file: this.#file, line: lineOf(syntax) });
  }
}

/** The first node that the grammar skipped or inserted. */
function firstProblem(syntax: SyntaxNode): SyntaxNode | undefined {
  if (syntax.isError || syntax.isMissing) return syntax;
  if (!syntax.hasError) return undefined;
  for (const child of syntax.children) {
    const problem = firstProblem(child);
    if (problem) return problem;
  }
  return syntax;
}

function text(syntax: SyntaxNode, field: string): string {
  return syntax.childForFieldName(field)?.text.trim() ?? '';
}

function lineOf(syntax: SyntaxNode): number {
  return syntax.startPosition.row + 1;
}

function firstLine(source: string): string {
  return source.split('\n', 1)[0]!.slice(0, 60);
}
