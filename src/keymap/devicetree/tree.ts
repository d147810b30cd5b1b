// Devicetree nodes, merged from all statements about each node.
import type { Place } from '../preprocessor/token.ts';

export interface DeviceNode {
  /** Includes the unit address, such as `left@0`. Empty for the root. */
  name: string;
  place: Place;
  labels: Set<string>;
  /** In order of first definition, without deleted ones. */
  properties: Map<string, Property>;
  children: Map<string, DeviceNode>;
  parent?: DeviceNode;
}

export interface Property {
  name: string;
  place: Place;
  /** The comma-separated values; empty when there is only the name. */
  values: Value[];
  /** Token indices of the first and last token between its name and its semicolon. */
  first: number;
  last: number;
}

export type Value =
  | { kind: 'cells'; cells: Cell[] }
  | { kind: 'string'; text: string }
  /** An undefined name in the place of a value. */
  | { kind: 'unknown'; cell: Cell }
  /** Bytes, a node path, or file content. No key depends on it. */
  | { kind: 'other' };

/**
 * One item between `<` and `>`. `reference`: `&name`. `number`: a literal, or an expression in brackets. `name` and
 * `call`: an undefined name, without and with arguments.
 */
export interface Cell {
  kind: 'reference' | 'number' | 'name' | 'call';
  /** The label of a reference, an undefined name, or else the text. */
  text: string;
  /** Token indices of its first and last token. */
  first: number;
  last: number;
}

/** Creates an empty node. */
export function createNode(name: string, place: Place, parent?: DeviceNode): DeviceNode {
  const node: DeviceNode = { name, place, labels: new Set(), properties: new Map(), children: new Map() };
  if (parent !== undefined) node.parent = parent;
  return node;
}

/** Yields a node and all its descendants in source order. */
export function* nodesOf(node: DeviceNode): Generator<DeviceNode> {
  const waiting = [node];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    yield next;
    for (const child of [...next.children.values()].reverse()) waiting.push(child);
  }
}

/** The strings of a property; empty when it is missing. */
export function stringsOf(node: DeviceNode, name: string): string[] {
  const values = node.properties.get(name)?.values ?? [];
  return values.flatMap(value => (value.kind === 'string' ? value.text : []));
}

/** The cells of a property; empty when it is missing. */
export function cellsOf(node: DeviceNode, name: string): Cell[] {
  const values = node.properties.get(name)?.values ?? [];
  return values.flatMap(value => (value.kind === 'cells' ? value.cells : []));
}

/** Whether Zephyr treats the node as enabled. */
export function isEnabled(node: DeviceNode): boolean {
  const [status = 'okay'] = stringsOf(node, 'status');
  return status === 'okay' || status === 'ok';
}
