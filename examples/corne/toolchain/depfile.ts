// Makefile-style dependency files: read from the compiler, and written for Glovebox.

/** The prerequisites in a dependency file written by clang. */
export function parseDepfile(source: string): string[] {
  const [, prerequisites = ''] = /^[^\n]*?:(?=\s)([\s\S]*)$/.exec(source.replace(/\\\r?\n/g, ' ')) ?? [];
  const paths = prerequisites.match(/(?:\\[ #\\]|\$\$|[^\s])+/g) ?? [];
  return paths.map(path => path.replace(/\\([ #])/g, '$1').replaceAll('$$', '$'));
}

/** A dependency file with the inputs of `target`. */
export function formatDepfile(target: string, paths: Iterable<string>): string {
  const escaped = [...new Set(paths)].sort().map(escapePath);
  return `${escapePath(target)}: ${escaped.join(' \\\n  ')}\n`;
}

function escapePath(path: string): string {
  return path.replace(/([ #])/g, '\\$1').replaceAll('$', '$$$$');
}
