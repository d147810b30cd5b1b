// The devicetree grammar, ready to parse. A WebAssembly module, so it is the same on every machine.
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Parser } from 'web-tree-sitter';

/** Counts up whenever the same source would give another layout than before, so that older ones in caches are not used. */
const READER_VERSION = 1;

let parser: Promise<Parser> | undefined;
let bytes: Promise<Buffer> | undefined;

/** The parser, the same for all calls in this thread: it is synchronous, so no two use it at once. */
export function devicetreeParser(): Promise<Parser> {
  parser ??= createParser();
  return parser;
}

/** Identifies what a layout is read by: the grammar, and our reading of it. */
export async function grammarVersion(): Promise<string> {
  return `${READER_VERSION}-${createHash('sha256')
    .update(await grammar())
    .digest('hex')}`;
}

async function createParser(): Promise<Parser> {
  const { Language, Parser } = await import('web-tree-sitter');
  await Parser.init();
  return new Parser().setLanguage(await Language.load(await grammar()));
}

function grammar(): Promise<Buffer> {
  bytes ??= readFile(grammarFile());
  return bytes;
}

/** The published package holds a copy of the grammar; a checkout has it in its development dependencies. */
function grammarFile(): string {
  const packed = fileURLToPath(new URL('./tree-sitter-devicetree.wasm', import.meta.url));
  if (existsSync(packed)) return packed;
  return fileURLToPath(import.meta.resolve('tree-sitter-devicetree/tree-sitter-devicetree.wasm'));
}
