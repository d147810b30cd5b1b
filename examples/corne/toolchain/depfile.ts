// Makefile-style dependency files: what the compiler says it read, and what we say we read.

/** The prerequisites in a dependency file that clang wrote. */
export function parseDepfile(source: string): string[] {
  const [, prerequisites = ''] = /^[^\n]*?:(?=\s)([\s\S]*)$/.exec(source.replace(/\\\r?\n/g, ' ')) ?? [];
  const paths = prerequisites.match(/(?:\\[ #\\]|\$\$|[^\s])+/g) ?? [];
  return paths.map(path => path.replace(/\\([ #])/g, '$1').replaceAll('$$', '$'));
}

/** A dependency file that says what `target` was made of. */
export function formatDepfile(target: string, paths: Iterable<string>): string {
  const escaped = [...new Set(paths)].sort().map(escapePath);
  return `${escapePath(target)}: ${escaped.join(' \\\n  ')}\n`;
}

function escapePath(path: string): string {
  return path.replace(/([ #])/g, '\\$1').replaceAll('$', '$$$$');
}
