// Diagnosis of a failed target, in words and with its source line.
import type { Diagnosis } from '../../builder/diagnosis/diagnosis.ts';
import type { BuildEvent } from '../../builder/events.ts';
import type { Style } from './style.ts';
import { sanitizeLine, textWidth, truncate } from './text.ts';

// Rows of a keymap are long, and a wrapped line would hide the marker below it.
const MAX_SOURCE_COLUMNS = 160;

/** One line about a failure: the mistake and its place if known, else how the compiler ended. */
export function failureText(
  { diagnosis, message }: Extract<BuildEvent, { type: 'target-failed' }>,
  shown: (file: string) => string,
): string {
  if (diagnosis === undefined) {
    return sanitizeLine(message.split(/\r?\n/)[0] ?? '');
  }
  const { file, line, column } = diagnosis;
  const place = [file && shown(file), line, column].filter(part => part !== undefined).join(':');
  return sanitizeLine(place === '' ? diagnosis.message : `${place}: ${diagnosis.message}`);
}

/** The source line with its number and a marker below the column; empty without source. */
export function sourceLines({ source, line, column }: Diagnosis, style: Style): string[] {
  if (source === undefined || line === undefined) {
    return [];
  }
  const text = truncate(sanitizeLine(source), MAX_SOURCE_COLUMNS);
  const number = String(line);
  const lines = [`${style.dim(`${number} │`)} ${text}`.trimEnd()];
  if (column !== undefined) {
    const before = textWidth(leading(source, column));
    if (before < textWidth(text)) {
      lines.push(`${' '.repeat(number.length)} ${style.dim('│')} ${' '.repeat(before)}${style.bad('^')}`);
    }
  }
  return lines;
}

/** The displayed text before a column. */
function leading(source: string, column: number): string {
  const before = source.slice(0, column - 1);
  // Trailing spaces are trimmed for display, but the marker needs them.
  const clean = sanitizeLine(`${before}.`);
  return clean.slice(0, -1);
}
