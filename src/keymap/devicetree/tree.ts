// A devicetree as its source describes it, after all that source says about a node has been put together.
import type { Place } from '../preprocessor/token.ts';

export interface DeviceNode {
  /** With its unit address, such as `left@0`; empty for the root. */
  name: string;
  place: Place;
  labels: Set<string>;
  /** In the order in which they were first given, without those that were deleted. */
  properties: Map<string, Property>;
  children: Map<string, DeviceNode>;
  parent?: DeviceNode;
}

export interface Property {
  name: string;
  place: Place;
  /** Parted by commas; empty when there is only the name. */
  values: Value[];
  /** The tokens behind its name, up to its semicolon, as indices of the first and the last. */
  first: number;
  last: number;
}

export type Value =
  | { kind: 'cells'; cells: Cell[] }
  | { kind: 'string'; text: string }
  /** A name that no macro explains, in the place of a value. */
  | { kind: 'unknown'; cell: Cell }
  /** Bytes, the path of a node, or the content of a file: what matters to no key. */
  | { kind: 'other' };

/**
 * Something between `<` and `>`. `reference`: `&name`; `number`: a literal, or an expression in brackets; `name` and
 * `call`: a name that no macro explains, without and with arguments.
 */
export interface Cell {
  kind: 'reference' | 'number' | 'name' | 'call';
  /** The label of a reference, the name of what is unknown, else the text. */
  text: string;
  /** The first and the last of the tokens that it consists of, as indices. */
  first: number;
  last: number;
}

/** Makes a node with nothing in it. */
export function createNode(name: string, place: Place, parent?: DeviceNode): DeviceNode {
  const node: DeviceNode = { name, place, labels: new Set(), properties: new Map(), children: new Map() };
  if (parent !== undefined) node.parent = parent;
  return node;
}

/** A node and all below it, in the order of the source. */
export function* nodesOf(node: DeviceNode): Generator<DeviceNode> {
  const waiting = [node];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    yield next;
    for (const child of [...next.children.values()].reverse()) waiting.push(child);
  }
}

/** The strings of a property; empty when there is none. */
export function stringsOf(node: DeviceNode, name: string): string[] {
  const values = node.properties.get(name)?.values ?? [];
  return values.flatMap(value => (value.kind === 'string' ? value.text : []));
}

/** Whether Zephyr takes the node for one that is in use. */
export function isEnabled(node: DeviceNode): boolean {
  const [status = 'okay'] = stringsOf(node, 'status');
  return status === 'okay' || status === 'ok';
}
