// Fitting text that others wrote (a compiler's lines, names, messages) into lines of a terminal.
import { relative, sep } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import prettyMilliseconds from 'pretty-ms';

const WIDE =
  /[\p{Emoji_Presentation}\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6]/u;

let segmenter: Intl.Segmenter | undefined;
/** What a reader sees as one character each. Most programs never print any that need this, which is slow to set up. */
function graphemes(text: string): Intl.Segments {
  segmenter ??= new Intl.Segmenter(undefined, { granularity: 'grapheme' });
  return segmenter.segment(text);
}

/** A line without escape sequences and control characters, so that no compiler can move the cursor or recolour the screen. Tabs become spaces. */
export function sanitizeLine(line: string): string {
  return (
    stripVTControlCharacters(line)
      .replaceAll('\t', '  ')
      // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what has to go.
      .replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, ' ')
      .trimEnd()
  );
}

/** Columns that `text` takes on a terminal; it must be without escape sequences. */
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

/** `text` cut to at most `columns` columns, with an ellipsis where something is missing. */
export function truncate(text: string, columns: number): string {
  if (columns <= 0) {
    return '';
  }
  if (textWidth(text) <= columns) {
    return text;
  }
  return `${beginning(text, columns - 1)}…`;
}

/** `text` in lines of at most `columns` columns, parted between words where that can be. All but the first are indented. */
export function wrapped(text: string, columns: number): string[] {
  const lines: string[] = [];
  const indent = columns > 20 ? '    ' : '';
  let rest = text;
  while (textWidth(rest) > columns) {
    const fitting = beginning(rest, columns);
    const blanks = fitting.length - fitting.trimStart().length;
    const gap = rest[fitting.length] === ' ' ? fitting.length : fitting.lastIndexOf(' ');
    // A path can be longer than a line, and one character wider.
    const end = gap > blanks ? gap : fitting.length;
    if (end <= blanks) break;
    lines.push(rest.slice(0, end).trimEnd());
    rest = indent + rest.slice(end).trimStart();
  }
  return [...lines, truncate(rest, columns)];
}

/** As much of `text` as fits. */
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

/** `text` cut or filled with spaces to exactly `columns` columns. */
export function padded(text: string, columns: number): string {
  const cut = truncate(text, columns);
  return cut + ' '.repeat(Math.max(0, columns - textWidth(cut)));
}

/** Milliseconds for a person who reads them once: `12ms`, `1.2s`, `1m 5.3s`. */
export function formatDuration(milliseconds: number): string {
  return prettyMilliseconds(Math.max(0, Math.round(milliseconds)));
}

/** Milliseconds for a clock that is redrawn all the time: tenths at first, `0.4s`, `12.0s`, then `1m 5s`. */
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

/** The shorter way to say a path: relative to `cwd` when it lies below it, else absolute as it was. */
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
