// Warning texts.
import type { BuildEvent } from '../../builder/events.ts';
import type { Style } from './style.ts';
import { sanitizeLine } from './text.ts';

type Warning = Extract<BuildEvent, { type: 'warning' }>;

/** The message, with its target. */
export function warningText({ target, message }: Warning): string {
  return sanitizeLine(target === undefined ? message : `${target}: ${message}`);
}

/** The line to print. */
export function warningLine(event: Warning, style: Style): string {
  return `${style.warning('Warning:')} ${warningText(event)}`;
}
