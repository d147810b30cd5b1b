// A small preprocessor for C and devicetree. It looks for files as the real ones do, by paths as they are spelled, and
// reports the files that it read. Its output is a function of these files and of nothing else.
import { existsSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';

/** An error that the real build reports as well. */
export class ZmkError extends Error {}

/** A preprocessed source. */
export interface Preprocessed {
  /** Lines, with those of all includes in place. */
  text: string[];
  /** The files that the preprocessor records. */
  read: string[];
}

export interface PreprocessOptions {
  /** The directories in which headers are looked for. */
  include: readonly string[];
  /** The directories for includes that are not recorded; by default the working directory of the assembler. */
  others?: readonly string[];
}

/** Preprocesses a source. Throws {@link ZmkError}. */
export function preprocess(source: string, { include, others = [] }: PreprocessOptions): Preprocessed {
  const made: Preprocessed = { text: [], read: [] };
  visit(source, 0);
  return made;

  function visit(file: string, depth: number): void {
    if (depth > 40) throw new ZmkError(`${file}: #include nested depth exceeds maximum`);
    if (!made.read.includes(file)) made.read.push(file);
    const beside = path.dirname(file);
    let skipping = false;
    for (const line of textOf(file).split('\n')) {
      const [, asked] = /^\s*#if __has_include\((.*)\)/.exec(line) ?? [];
      if (asked !== undefined) skipping = find(asked, beside) === undefined;
      if (/^\s*#if 0/.test(line)) skipping = true;
      if (/^\s*#endif/.test(line)) skipping = false;
      if (skipping) continue;
      made.text.push(line);
      const [, name] = /^\s*#\s*include\s*("[^"]*"|<[^>]*>)/.exec(line) ?? [];
      if (name !== undefined) {
        const found = find(name, beside);
        if (found === undefined)
          throw new ZmkError(`${file}: fatal error: ${name.slice(1, -1)}: No such file or directory`);
        visit(found, depth + 1);
      }
      take(line, beside, depth);
    }
  }

  /**
   * Includes of other tools, which record nothing: sources of the devicetree compiler, and any file of it and of the
   * assembler.
   */
  function take(line: string, beside: string, depth: number): void {
    const code = line.replace(/\/\/.*/, '');
    const [, source] = /\/include\/ "([^"]*)"/.exec(code) ?? [];
    const [, data] =
      /\/incbin\/\("([^"]*)"\)|\.incbin \\"([^"\\]*)\\"/.exec(code)?.filter(text => text) ?? [];
    for (const name of [source, data]) {
      if (name === undefined) continue;
      const found = [beside, ...include, ...others].map(place => `${place}/${name}`).find(isFile);
      if (found === undefined) throw new ZmkError(`${name}: file not found`);
      if (depth > 40) throw new ZmkError('Includes nested too deeply');
      made.text.push(...textOf(found).split('\n'));
    }
  }

  function find(name: string, beside: string): string | undefined {
    const places = name.startsWith('"') ? [beside, ...include] : include;
    return places.map(place => `${place}/${name.slice(1, -1)}`).find(isFile);
  }
}

export function textOf(file: string): string {
  if (!isFile(file)) throw new ZmkError(`${file}: No such file or directory`);
  return readFileSync(file, 'utf8');
}

export function isFile(file: string): boolean {
  return existsSync(file) && statSync(file).isFile();
}
