// Where the nodes, labels and properties of a devicetree source are that a message names.

/** A place in a source. 1-based. */
export interface SourcePlace {
  line: number;
  column: number;
}

/** Where each node with this label begins. */
export function labelPlaces(text: readonly string[], label: string): SourcePlace[] {
  // Several labels may stand before one node.
  return places(text, new RegExp(`(?<![\\w&])${escaped(label)}(?=\\s*:)`, 'g'));
}

/** Where a node of this path begins: by its name, and where that is not there, by its place in the tree no more. */
export function nodePlace(text: readonly string[], node: string): SourcePlace | undefined {
  const name = node.split('/').at(-1) ?? '';
  return name === ''
    ? undefined
    : places(text, new RegExp(`(?<![\\w,.+@-])${escaped(name)}(?=\\s*\\{)`, 'g'))[0];
}

/** Where a property is given: in the node of this path if that is there, else anywhere. */
export function propertyPlace(
  text: readonly string[],
  property: string,
  node: string,
): SourcePlace | undefined {
  const all = places(text, new RegExp(`(?<![\\w,.+#?-])${escaped(property)}(?=\\s*[=;])`, 'g'));
  const from = nodePlace(text, node);
  const inside =
    from && all.find(({ line, column }) => line > from.line || (line === from.line && column > from.column));
  return inside ?? all[0];
}

function places(text: readonly string[], pattern: RegExp): SourcePlace[] {
  return text.flatMap((line, index) =>
    Array.from(line.matchAll(pattern), match => ({ line: index + 1, column: match.index + 1 })),
  );
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\/-]/g, '\\$&');
}
