// What is wrong with a target, in words and in the source.
import type { Diagnosis } from '../../builder/diagnosis/diagnosis.ts';
import type { BuildEvent } from '../../builder/events.ts';
import type { Style } from './style.ts';
import { sanitizeLine, textWidth, truncate } from './text.ts';

// A keymap's rows are long, and a line that wraps hides the mark below it.
const MAX_SOURCE_COLUMNS = 160;

/** The one line about a failure: what is wrong, and where if that is known; else how the compiler ended. */
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

/** The source line with its number, and a mark below the column; nothing when there is no source. */
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

/** What is before a column, as it is shown. */
function leading(source: string, column: number): string {
  const before = source.slice(0, column - 1);
  // The blanks at the end of a line are not shown, but those before the mark are.
  const clean = sanitizeLine(`${before}.`);
  return clean.slice(0, -1);
}
