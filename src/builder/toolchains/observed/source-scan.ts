// Scanner for references in sources that no record lists: includes that were looked for in vain, and files read by
// tools other than the preprocessor.
import type { Uncertainty } from './uncertainty.ts';

/** Characters. Longer texts are not handwritten sources. */
const MAX_TEXT = 64 * 1024 * 1024;

/** The references in a source of C, assembler or devicetree. */
export interface SourceScan {
  /**
   * Names in `#include "name"` and `__has_include`: looked for beside the file itself, then in the header directories.
   */
  includes: string[];
  /** Names in `#include <name>` and `__has_include`: looked for in the header directories. */
  angled: string[];
  /** Names of files included verbatim by the devicetree compiler, the assembler or the compiler. */
  taken: string[];
  /** Values of macros that may be names of includes. */
  defined: string[];
  /** Whether an include's name comes from a macro. */
  isComputed: boolean;
  /** Whether the name of a verbatim file is unknown, so that it may be anywhere. */
  isUntraceable: boolean;
  uncertainty: Uncertainty | undefined;
}

/** Words of directives that include files without the preprocessor. */
const TAKING = /\/include\/|incbin|\bembed\b|__has_embed|\.include(?=[\s"\\])|^\s*INCLUDE\s/m;

/** The file name of a directive, if it is literal. */
const NAMED = '("([^"]+)"|<([^>]+)>)?';
const TAKEN = [
  String.raw`\/include\/\s*${NAMED}`,
  String.raw`\/incbin\/\s*\(\s*${NAMED}`,
  String.raw`\bincbin\s*\(\s*(?:\w+\s*,\s*)?${NAMED}`,
  String.raw`#\s*embed\b\s*${NAMED}`,
  String.raw`__has_embed\s*\(\s*${NAMED}`,
].map(directive => new RegExp(directive, 'g'));
const OF_ASSEMBLER = new RegExp(String.raw`\.(?:incbin|include)(?=[\s"\\])\s*${NAMED}`, 'g');
/** Inside a C string: a quote that does not belong to the assembler ends the string, and a macro follows. */
const OF_INLINE_ASSEMBLER = /\.(?:incbin|include)(?=[\s"\\])\s*(\\"([^"\\]+)\\")?()/g;

/** In a linker script. Names need not be quoted. */
const LINKER_INCLUDE = /^\s*INCLUDE\s+"?([^\s";]+)/gm;

/**
 * The references of a source under any condition. Scanned twice, with and without comments, because an apparent comment
 * may be inside a string.
 */
export function scanSource(text: string, isAssembler = false): SourceScan {
  const found: SourceScan = {
    ...{ includes: [], angled: [], taken: [], defined: [] },
    ...{ isComputed: false, isUntraceable: false, uncertainty: undefined },
  };
  if (text.length > MAX_TEXT) return { ...found, isUntraceable: true };
  // The preprocessor treats it as a blank.
  const joined = text.replaceAll('\0', ' ').replaceAll(/\\[ \t]*\r?\n/g, '');
  const bare = joined.replaceAll(/\/\*[\s\S]*?\*\//g, ' ');
  // Even in an apparent comment, since it may not be one.
  if (TAKING.test(joined)) found.uncertainty = 'contents';
  const code = bare.replaceAll(/\/\/.*$/gm, '');
  const taken = new Set<string>();
  for (const directive of [...TAKEN, isAssembler ? OF_ASSEMBLER : OF_INLINE_ASSEMBLER]) {
    for (const [, , quoted, angled] of joined.matchAll(directive)) {
      if (quoted ?? angled) taken.add((quoted ?? angled)!);
    }
    if ([...code.matchAll(directive)].some(([, name]) => name === undefined)) found.isUntraceable = true;
  }
  for (const [, name] of joined.matchAll(LINKER_INCLUDE)) taken.add(name!);
  found.taken = [...taken];
  const includes = new Set<string>();
  const between = new Set<string>();
  for (const line of [...joined.split(/\r?\n/), ...bare.split(/\r?\n/)]) {
    const directive = /^\s*(?:#|%:|\?\?=)\s*(?:include|include_next|import)\b(.*)$/.exec(line);
    const asked = [
      ...(directive ? [directive[1]!] : []),
      ...[...line.matchAll(/__has_include(?:_next)?\s*\(([^)]*)\)/g)].map(([, argument]) => argument!),
    ];
    for (const argument of asked) {
      const [, quoted, angled] = /^\s*(?:"([^"]+)"|<([^>]+)>)/.exec(argument) ?? [];
      if (quoted !== undefined) includes.add(quoted);
      else if (angled !== undefined) between.add(angled);
      else found.isComputed = true;
    }
    if (/^\s*(?:#|%:|\?\?=)\s*define\b/.test(line)) {
      for (const [, quoted, angled] of line.matchAll(/"([^"]+)"|<([^>]+)>/g)) {
        found.defined.push((quoted ?? angled)!);
      }
    }
  }
  found.includes = [...includes];
  found.angled = [...between];
  if (found.isComputed) found.uncertainty ??= 'names';
  return found;
}

/** The references in a Kconfig file. */
export interface KconfigScan {
  /** Names of optional sources, relative to the file (`orsource`) or to Zephyr. */
  optional: string[];
  /** Arguments of programs that it runs, as far as they may be file names. */
  arguments: string[];
  uncertainty: Uncertainty | undefined;
}

/** The uncertainty that a Kconfig file causes: optional and globbed sources, and programs that it runs. */
export function scanKconfig(text: string): KconfigScan {
  if (text.length > MAX_TEXT) return { optional: [], arguments: [], uncertainty: 'contents' };
  const programs = [...text.matchAll(/\$\(\s*(?:shell|python)\b(.*)$/gm)].map(([, rest]) => rest!);
  const sources = [...text.matchAll(/^\s*(o?r?source|gr?source)\s+"([^"]*)"/gm)];
  const open = sources.filter(([, kind, name]) => !/^r?source$/.test(kind!) || /[*?[]/.test(name!));
  return {
    optional: open.map(([, , name]) => name!),
    arguments: programs.flatMap(rest => rest.match(/[^\s,'"()`;|&<>]*\/[^\s,'"()`;|&<>]+/g) ?? []),
    uncertainty:
      programs.length > 0
        ? 'contents'
        : open.length > 0 || /^\s*(?:osource|orsource|gsource|grsource)\b/m.test(text)
          ? 'names'
          : undefined,
  };
}
