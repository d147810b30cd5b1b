// What the user's own sources ask for that no record tells: includes that were looked for in vain, and files that tools
// other than the preprocessor read.
import type { Doubt } from './doubts.ts';

/** Characters. Beyond that it is no source text that somebody wrote. */
const MAX_TEXT = 4 * 1024 * 1024;

/** A source of C, assembler or devicetree. */
export interface SourceText {
  /** Names in `#include "name"` and `__has_include`: looked for beside the file itself, and then elsewhere. */
  includes: string[];
  doubt: Doubt | undefined;
}

/**
 * What a source asks of the preprocessor, on its way through any condition. Read twice, with comments and without,
 * because what looks like a comment may be in a string.
 */
export function readSourceText(text: string): SourceText {
  if (text.length > MAX_TEXT || text.includes('\0')) return { includes: [], doubt: 'contents' };
  // dtc's own includes, and files that are taken in as they are, by dtc, the assembler or the compiler.
  if (/\/include\/|incbin|\bembed\b/.test(text)) return { includes: [], doubt: 'contents' };
  const joined = text.replaceAll(/\\[ \t]*\r?\n/g, '');
  const bare = joined.replaceAll(/\/\*[\s\S]*?\*\//g, ' ');
  const includes = new Set<string>();
  let doubt: Doubt | undefined;
  for (const line of [...joined.split(/\r?\n/), ...bare.split(/\r?\n/)]) {
    const directive = /^\s*(?:#|%:|\?\?=)\s*(?:include|include_next|import)\b(.*)$/.exec(line);
    if (directive) {
      const [, quoted, angled] = /^\s*(?:"([^"]+)"|<([^>]+)>)/.exec(directive[1]!) ?? [];
      if (quoted !== undefined) includes.add(quoted);
      // A name that a macro makes.
      else if (angled === undefined) doubt = 'names';
    }
    for (const [, argument] of line.matchAll(/__has_include(?:_next)?\s*\(([^)]*)\)/g)) {
      const [, quoted, angled] = /^\s*(?:"([^"]+)"|<([^>]+)>)/.exec(argument!) ?? [];
      if (quoted !== undefined) includes.add(quoted);
      else if (angled === undefined) doubt = 'names';
    }
  }
  return { includes: [...includes], doubt };
}

/** What a Kconfig file leaves open: optional and globbed sources, and programs that it runs. */
export function doubtOfKconfig(text: string): Doubt | undefined {
  if (text.length > MAX_TEXT || /\$\(\s*(?:shell|python)\b/.test(text)) return 'contents';
  return /^\s*(?:osource|orsource|gsource|grsource)\b|^\s*r?source\b.*[*?[]/m.test(text)
    ? 'names'
    : undefined;
}
