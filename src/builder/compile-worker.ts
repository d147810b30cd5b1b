// Location of the compile threads' file. It is not beside the pool because it must be as deep as the bundles (see
// bundle.ts).

/** The published files are .js; the sources, and tests, use .ts. */
export function compileWorker(): URL {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  return new URL(`../../workers/compile.${extension}`, import.meta.url);
}
