// Colours, or none: every renderer and command asks here instead of writing escape sequences.
import { styleText } from 'node:util';
import type { TerminalEnvironment } from '../../config/environment.ts';

export type Paint = (text: string) => string;

/** What a text can be made to mean. Each gives its text back unchanged when colours are off. */
export interface Style {
  bold: Paint;
  dim: Paint;
  good: Paint;
  bad: Paint;
  warning: Paint;
  active: Paint;
}

/** A style that colours, or one that does not. Who decides which is the caller's `useColors`. */
export function createStyle(colors: boolean): Style {
  const paint =
    (format: Parameters<typeof styleText>[0]): Paint =>
    text =>
      colors && text !== '' ? styleText(format, text, { validateStream: false }) : text;
  return {
    bold: paint('bold'),
    dim: paint('dim'),
    good: paint('green'),
    bad: paint('red'),
    warning: paint('yellow'),
    active: paint('cyan'),
  };
}

/** Whether escape sequences for colour may be written to `stream`: what the environment says, then whether it is a terminal. */
export function useColors(stream: { readonly isTTY?: boolean }, environment: TerminalEnvironment): boolean {
  return environment.forceColor || (!environment.noColor && stream.isTTY === true);
}
