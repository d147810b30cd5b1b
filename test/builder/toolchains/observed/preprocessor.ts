// A small preprocessor, for C and for devicetree: looks for files as the real ones do, by the paths as they are spelled,
// and tells what it has read. What it makes is a function of all that it has read and of nothing else.
import { existsSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';

/** Something that the real build refuses as well. */
export class ZmkError extends Error {}

/** What became of a source. */
export interface Preprocessed {
  /** Lines, with those of everything included in their places. */
  text: string[];
  /** What the preprocessor writes down. */
  read: string[];
}

export interface PreprocessOptions {
  /** Where headers are looked for. */
  include: readonly string[];
  /** For what is taken in without being written down; by default the working directory of the assembler. */
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

  /** Taken in by others, who write nothing down: a source by the devicetree compiler, anything by that and the assembler. */
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
