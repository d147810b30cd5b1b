// The project's documentation, parsed for the tests that verify it.
import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';

export const ROOT = path.resolve(import.meta.dirname, '../..');

/** A Markdown file. */
export interface Document {
  /** Relative to the repository. */
  file: string;
  text: string;
}

/** A fenced block of a document. */
export interface Block {
  /** The info string after the fence: `sh`, `js`, `yaml`, `text`; empty for pictures. */
  language: string;
  text: string;
}

const FILES = ['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md', 'SECURITY.md', 'docs/*.md', 'examples/*.md'];

export const documents: readonly Document[] = FILES.flatMap(pattern => globSync(pattern, { cwd: ROOT }))
  .sort()
  .map(readDocument);

export function readDocument(file: string): Document {
  return { file, text: readFileSync(path.join(ROOT, file), 'utf8') };
}

/** The fenced blocks, in order; those within a list without its indentation. */
export function blocksOf({ text }: Document): Block[] {
  return [...text.matchAll(/^( *)```(\w*)\n([\s\S]*?)^\1```$/gm)].map(([, indent, language, block]) => ({
    language: language!,
    text: block!.replaceAll(new RegExp(`^${indent}`, 'gm'), ''),
  }));
}

/** The lines of all `sh` blocks. */
export function commandsOf(document: Document): string[] {
  return blocksOf(document)
    .filter(({ language }) => language === 'sh')
    .flatMap(({ text }) => text.trim().split('\n'))
    .map(line => line.replace(/\s+#.*$/, ''));
}

/** The text between single backticks, outside of fenced blocks; a span over two lines is joined. */
export function codeSpansOf({ text }: Document): string[] {
  const prose = text.replace(/^```[\s\S]*?^```$/gm, '');
  return [...prose.matchAll(/`([^`]+)`/g)].map(([, code]) => code!.replace(/\s+/g, ' '));
}

/** A program and its output: the first `js` block since the last `text` block; those after it are its modules. */
export interface Program {
  /** The file name in its first line. */
  name: string;
  output: string;
}

/** Modules that have their own test: transformer.test.ts. */
const TESTED_ELSEWHERE = ['transform.js'];

/** The programs of a document, and the `js` blocks that belong to none, which no test would run. */
export function programsOf(document: Document): { programs: Program[]; stray: string[] } {
  const programs: Program[] = [];
  let open: string[] = [];
  const stray: string[] = [];
  for (const { language, text } of blocksOf(document)) {
    if (language === 'js') {
      const name = /^\/\/ ([\w.-]+)\n/.exec(text)?.[1] ?? `without a name: ${text}`;
      if (!TESTED_ELSEWHERE.includes(name)) open.push(name);
    } else if (language === 'text') {
      if (open.length === 0) stray.push(`output of nothing: ${text}`);
      else programs.push({ name: open[0]!, output: text });
      open = [];
    }
  }
  return { programs, stray: [...stray, ...open] };
}
