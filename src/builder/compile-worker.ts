// The file of the compile threads. Here and not beside the pool, because it has to be as deep as what is bundled (see bundle.ts).

/** The published files are .js; in the sources, and in tests, they are .ts. */
export function compileWorker(): URL {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  return new URL(`../../workers/compile.${extension}`, import.meta.url);
}
