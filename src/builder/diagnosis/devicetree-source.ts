// Places of nodes, labels and properties in a devicetree source.

/** A place in a source. 1-based. */
export interface SourcePlace {
  line: number;
  column: number;
}

/** The beginning of each node with this label. */
export function labelPlaces(text: readonly string[], label: string): SourcePlace[] {
  // A node may have several labels.
  return places(text, new RegExp(`(?<![\\w&])${escapeRegExp(label)}(?=\\s*:)`, 'g'));
}

/**
 * The beginning of the first node with the last name in this path, whatever its parents; undefined if there is none.
 */
export function nodePlace(text: readonly string[], node: string): SourcePlace | undefined {
  const name = node.split('/').at(-1) ?? '';
  return name === ''
    ? undefined
    : places(text, new RegExp(`(?<![\\w,.+@-])${escapeRegExp(name)}(?=\\s*\\{)`, 'g'))[0];
}

/** The place of a property: in the node of this path if the source has it, else anywhere. */
export function propertyPlace(
  text: readonly string[],
  property: string,
  node: string,
): SourcePlace | undefined {
  const all = places(text, new RegExp(`(?<![\\w,.+#?-])${escapeRegExp(property)}(?=\\s*[=;])`, 'g'));
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

/** The text as a regular expression that matches it. */
export function escapeRegExp(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\/-]/g, '\\$&');
}
