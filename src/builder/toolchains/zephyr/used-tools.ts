// Parts of the compiler that a build used: the programs that it runs, such as the assembler and the linker, and the
// libraries that were linked. An update of these does not change the version that the compiler prints.
import { existsSync } from 'node:fs';
import path from 'node:path';
import { execFileBuffered } from '../../../system/exec-file.ts';
import { CannotStartError } from '../../../system/process.ts';
import { parseCmakeCache, readRecord, type UsedTools } from '../observed/index.ts';
import { findProgram } from '../programs.ts';

/** Programs that GCC runs, and that Zephyr's own rules run from GCC's directory. */
const PROGRAMS = ['cc1', 'cc1plus', 'collect2', 'lto1', 'lto-wrapper', 'as', 'ld', 'ld.bfd'];

/** Queries the compiler `$1` with its options, which follow the separator `$2`; the separator also divides the answers. */
const SCRIPT = `
compiler=$1
mark=$2
shift 2
"$compiler" "$@" -print-search-dirs
echo "$mark"
"$compiler" "$@" -E -v -x c /dev/null 2>&1`;

const MARK = '--- glovebox ---';

/**
 * The programs and libraries that a build in this directory used, the places where another one would have been found
 * first, and the compiler's own headers; or, as the end of a sentence, why they are unknown.
 *
 * @param isComplete whether the build was completed
 * @param environment the build's environment
 */
export async function usedTools(
  build: string,
  isComplete: boolean,
  environment: Readonly<Record<string, string>>,
  signal?: AbortSignal,
): Promise<UsedTools | { untraceable: string }> {
  const compiler = compilerOf(build);
  if (compiler === undefined) return { untraceable: 'its build does not say which compiler it used.' };
  const unknown = {
    untraceable: `the compiler ${compiler} does not say which programs and libraries it uses.`,
  };
  const manifest = readRecord(build, 'build.ninja')?.toString('utf8') ?? '';
  const options = machineOptions(manifest);
  let output: string;
  try {
    const { stdout } = await execFileBuffered({
      command: '/bin/sh',
      // The compiler's own headers are distinguished from the user's even if a build does not use them.
      args: ['-c', SCRIPT, 'sh', compiler, MARK, ...options.filter(option => option !== '-nostdinc')],
      ...{ cwd: '/', env: { ...environment, LC_ALL: 'C' } },
      ...(signal === undefined ? {} : { signal }),
    });
    output = stdout.toString();
  } catch (error) {
    if (error instanceof CannotStartError) return unknown;
    throw error;
  }
  const [search = '', verbose = ''] = output.split(`${MARK}\n`);
  const places = directoriesIn(search, 'programs');
  if (places.length === 0) return unknown;
  const files = new Set([compiler]);
  const absent = new Set<string>();
  for (const program of PROGRAMS) {
    const looked = lookedIn(places, program);
    for (const place of looked) absent.add(place);
    const found = places[looked.length];
    const file =
      found === undefined
        ? await findProgram(program, '/', environment)
        : `${found.replace(/\/$/, '')}/${program}`;
    if (file !== undefined) files.add(file);
  }
  const folders = (environment.PATH ?? '').split(path.delimiter).filter(folder => path.isAbsolute(folder));
  const inPath = lookedIn(folders, path.basename(compiler));
  for (const place of inPath) absent.add(place);
  const libraries = linkedFiles(build);
  if (isComplete && libraries.length === 0) {
    return { untraceable: 'its build left no map of the linker, which would say what it linked.' };
  }
  const linked = [...libraryDirectories(manifest), ...directoriesIn(search, 'libraries')];
  for (const library of libraries) {
    files.add(library);
    for (const place of lookedIn(linked, path.basename(library))) absent.add(place);
  }
  const own = headerDirectories(verbose);
  const headers = options.includes('-nostdinc') ? [] : [...own];
  const install = /^install: (.+)$/m.exec(search)?.[1];
  if (install !== undefined) own.push(path.normalize(install));
  return { compiler, files: [...files], absent: [...absent], headers, own, inPath };
}

/** The C compiler of a build. Absolute. */
export function compilerOf(build: string): string | undefined {
  const cache = parseCmakeCache(readRecord(build, 'CMakeCache.txt')?.toString('utf8') ?? '');
  const compiler = cache.get('CMAKE_C_COMPILER');
  return compiler !== undefined && path.isAbsolute(compiler) ? compiler : undefined;
}

/** The compilers that a build chose, as one text that differs if one of them is another program. */
export function compilersIn(build: string): string {
  const cache = parseCmakeCache(readRecord(build, 'CMakeCache.txt')?.toString('utf8') ?? '');
  return ['C', 'CXX', 'ASM'].map(language => cache.get(`CMAKE_${language}_COMPILER`) ?? '').join('\n');
}

/** The places where GCC would have found a name earlier; all places, if it found none. */
function lookedIn(directories: readonly string[], name: string): string[] {
  // Not normalized: there may be a link before a `..`.
  const places = directories.map(directory => `${directory.replace(/\/$/, '')}/${name}`);
  const found = places.findIndex(place => existsSync(place));
  return found < 0 ? places : places.slice(0, found);
}

/** The directories of a line of `-print-search-dirs`: `programs: =/a/:/b/`. */
function directoriesIn(text: string, kind: 'programs' | 'libraries'): string[] {
  const [, list = ''] = new RegExp(`^${kind}: =(.*)$`, 'm').exec(text) ?? [];
  return [...new Set(list.split(':').filter(directory => path.isAbsolute(directory)))];
}

/** The compiler's own header directories, from its verbose output. */
function headerDirectories(text: string): string[] {
  const [, list = ''] =
    /^#include <\.\.\.> search starts here:\n([\s\S]*?)^End of search list/m.exec(text) ?? [];
  const directories = list.split('\n').map(line => line.trim().replace(/ \(framework directory\)$/, ''));
  return directories
    .filter(directory => path.isAbsolute(directory))
    .map(directory => path.normalize(directory));
}

/** The options that select the compiler's libraries and headers. */
function machineOptions(manifest: string): string[] {
  for (const [, flags] of manifest.matchAll(/^ +(?:FLAGS|LINK_FLAGS) = (.*)$/gm)) {
    const words = flags!
      .split(' ')
      .filter(word => /^(?:-m[\w=,.+-]+|--?sysroot=\S+|--?specs=\S+|-nostdinc)$/.test(word));
    if (words.some(word => word.startsWith('-m'))) return words;
  }
  return [];
}

/** The linker's search directories. */
function libraryDirectories(manifest: string): string[] {
  const found = new Set<string>();
  for (const [, line] of manifest.matchAll(/^ +(?:LINK_LIBRARIES|LINK_PATH|LINK_FLAGS) = (.*)$/gm)) {
    for (const [, quoted, plain] of line!.matchAll(/(?:^| )-L ?(?:"([^"]+)"|(\S+))/g)) {
      const directory = (quoted ?? plain)!;
      if (path.isAbsolute(directory)) found.add(directory);
    }
  }
  return [...found];
}

/** Libraries and objects outside the build, from the linker's map files. Absolute; empty before anything is linked. */
function linkedFiles(build: string): string[] {
  const found = new Set<string>();
  for (const name of ['zmk', 'zephyr', 'zephyr_final']) {
    const map = readRecord(build, `zephyr/${name}.map`)?.toString('utf8') ?? '';
    for (const [, file] of map.matchAll(/^LOAD (.+)$/gm)) if (path.isAbsolute(file!)) found.add(file!);
  }
  return [...found].filter(file => existsSync(file));
}
