// Terminal styles. The only module that writes colour sequences, so that colours can be switched off in one place.
import { styleText } from 'node:util';
import type { TerminalEnvironment } from '../../config/environment.ts';

export type Paint = (text: string) => string;

/** Styles by meaning. Without colours, each returns its text unchanged. */
export interface Style {
  bold: Paint;
  dim: Paint;
  good: Paint;
  bad: Paint;
  warning: Paint;
  active: Paint;
}

/** Creates a style with or without colours; see {@link useColors}. */
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

/** Whether `stream` gets colours: the environment decides first, then whether it is a terminal. */
export function useColors(stream: { readonly isTTY?: boolean }, environment: TerminalEnvironment): boolean {
  return environment.forceColor || (!environment.noColor && stream.isTTY === true);
}
