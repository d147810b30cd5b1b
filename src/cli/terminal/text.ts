// Fits external text (compiler output, names, messages) into terminal lines.
import { relative, sep } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import prettyMilliseconds from 'pretty-ms';

const WIDE =
  /[\p{Emoji_Presentation}\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6]/u;

let segmenter: Intl.Segmenter | undefined;
/** User-perceived characters. Created on demand: the segmenter is slow to set up, and most output does not need it. */
function graphemes(text: string): Intl.Segments {
  segmenter ??= new Intl.Segmenter(undefined, { granularity: 'grapheme' });
  return segmenter.segment(text);
}

/**
 * Removes escape sequences and control characters, so that a compiler cannot move the cursor or change colours. Tabs
 * become spaces.
 */
export function sanitizeLine(line: string): string {
  return (
    stripVTControlCharacters(line)
      .replaceAll('\t', '  ')
      // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what has to go.
      .replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, ' ')
      .trimEnd()
  );
}

/** Width of `text` in terminal columns. It must not contain escape sequences. */
export function textWidth(text: string): number {
  if (/^[ -~]*$/.test(text)) {
    return text.length;
  }
  let width = 0;
  for (const { segment } of graphemes(text)) {
    width += graphemeWidth(segment);
  }
  return width;
}

/** Truncates `text` to at most `columns` columns, with an ellipsis when shortened. */
export function truncate(text: string, columns: number): string {
  if (columns <= 0) {
    return '';
  }
  if (textWidth(text) <= columns) {
    return text;
  }
  return `${beginning(text, columns - 1)}…`;
}

/**
 * Wraps `text` into lines of at most `columns` columns, between words where possible. All lines but the first are
 * indented.
 */
export function wrapped(text: string, columns: number): string[] {
  const lines: string[] = [];
  const indent = columns > 20 ? '    ' : '';
  let rest = text;
  while (textWidth(rest) > columns) {
    const fitting = beginning(rest, columns);
    const blanks = fitting.length - fitting.trimStart().length;
    const gap = rest[fitting.length] === ' ' ? fitting.length : fitting.lastIndexOf(' ');
    // A path can be longer than a line, and one character wider than a column.
    const end = gap > blanks ? gap : fitting.length;
    if (end <= blanks) break;
    lines.push(rest.slice(0, end).trimEnd());
    rest = indent + rest.slice(end).trimStart();
  }
  return [...lines, truncate(rest, columns)];
}

/** The longest prefix of `text` that fits. */
function beginning(text: string, columns: number): string {
  let kept = '';
  let width = 0;
  for (const { segment } of graphemes(text)) {
    width += graphemeWidth(segment);
    if (width > columns) {
      break;
    }
    kept += segment;
  }
  return kept;
}

/** Truncates or pads `text` to exactly `columns` columns. */
export function padded(text: string, columns: number): string {
  const cut = truncate(text, columns);
  return cut + ' '.repeat(Math.max(0, columns - textWidth(cut)));
}

/** Formats milliseconds for a final message: `12ms`, `1.2s`, `1m 5.3s`. */
export function formatDuration(milliseconds: number): string {
  return prettyMilliseconds(Math.max(0, Math.round(milliseconds)));
}

/** Formats milliseconds for a running clock: tenths at first, `0.4s`, `12.0s`, then `1m 5s`. */
export function formatElapsed(milliseconds: number): string {
  const elapsed = Math.max(0, milliseconds);
  return elapsed < 59_950
    ? `${(elapsed / 1000).toFixed(1)}s`
    : prettyMilliseconds(elapsed, { secondsDecimalDigits: 0 });
}

/** `1 target`, `2 targets`. */
export function plural(count: number, noun: string, plural = `${noun}s`): string {
  return `${count} ${count === 1 ? noun : plural}`;
}

/** The shorter form of a path: relative to `cwd` when inside it, else unchanged. */
export function shortPath(path: string, cwd: string): string {
  const below = relative(cwd, path);
  if (below === '') {
    return '.';
  }
  return below === '..' || below.startsWith(`..${sep}`) ? path : below;
}

function graphemeWidth(segment: string): number {
  return WIDE.test(segment) ? 2 : 1;
}
