// A model of ccache, as far as ccache can return a wrong object. In direct mode it returns an object when the source,
// its options and every included file are unchanged, and does not check whether another file would be included now. It
// knows the compiler by the size and time of the outermost program, or by the string that it is given instead. The real
// ccache is tested in ccache.test.ts.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Preprocessed } from './preprocessor.ts';
import type { CompileObject } from './zmk.ts';

export interface ModelCcache {
  directory: string;
  /** `CCACHE_COMPILERCHECK`. */
  check: string | undefined;
  /** `OBJCPLUS_INCLUDE_PATH`, which counts in direct mode only. */
  direct: string | undefined;
  /** The build directory, which has the same path in all builds. */
  build: string;
}

/** Newest last, as ccache appends them. */
type Manifest = { included: [file: string, digest: string][]; object: string }[];

/**
 * A compiler whose objects come from the cache, or are compiled and stored there.
 *
 * @param compiler its outermost program
 */
export function withCcache(
  cache: ModelCcache,
  compiler: string,
  preprocess: (source: string, include: readonly string[]) => Preprocessed,
  compile: (made: Preprocessed) => string,
): CompileObject {
  return (source, include) =>
    compileOne(cache, source, include, compiler, () => preprocess(source, include), compile);
}

function compileOne(
  { directory, check, direct, build }: ModelCcache,
  source: string,
  include: readonly string[],
  compiler: string,
  preprocess: () => Preprocessed,
  compile: (made: Preprocessed) => string,
): { object: string; read: string[] } {
  const { size, mtimeMs } = statSync(compiler);
  const seen = (file: string) => (file.startsWith(`${build}/`) ? file.slice(build.length) : file);
  const common = [check ?? `${size} ${mtimeMs}`, ...include.map(seen)];
  const manifestFile = path.join(
    directory,
    digest([...common, direct ?? '', seen(source), digestOf(source)]),
  );
  const manifest: Manifest = existsSync(manifestFile) ? JSON.parse(readFileSync(manifestFile, 'utf8')) : [];
  for (const { included, object } of manifest.reverse()) {
    if (included.every(([file, before]) => digestOf(file) === before)) {
      return { object: readFileSync(object, 'utf8'), read: included.map(([file]) => file) };
    }
  }
  const made = preprocess();
  const object = path.join(directory, digest([...common, ...made.text]));
  mkdirSync(directory, { recursive: true });
  if (!existsSync(object)) writeFileSync(object, compile(made));
  manifest.reverse().push({ included: made.read.map(file => [file, digestOf(file)]), object });
  writeFileSync(manifestFile, JSON.stringify(manifest));
  return { object: readFileSync(object, 'utf8'), read: made.read };
}

function digestOf(file: string): string {
  try {
    return digest([readFileSync(file, 'latin1')]);
  } catch {
    return 'none';
  }
}

function digest(parts: readonly string[]): string {
  return createHash('sha256').update(parts.join('\0')).digest('hex');
}
