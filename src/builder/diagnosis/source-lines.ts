// Source lines as the preprocessor sees them.

/** The same lines, with comments replaced by blanks. */
export function withoutComments(lines: readonly string[]): string[] {
  return lines
    .join('\n')
    .replace(/\/\*[\s\S]*?(?:\*\/|$)|\/\/[^\n]*/g, comment => comment.replace(/[^\n]/g, ' '))
    .split('\n');
}

/** Names that a source defines as macros. */
export function definedNames(lines: readonly string[]): Set<string> {
  return new Set(lines.flatMap(text => /^\s*#\s*define\s+(\w+)/.exec(text)?.[1] ?? []));
}
