// Status lines of a watched build between two changes.
import type { BuildEvent } from '../../builder/events.ts';
import { explanationLines } from './explanation.ts';
import type { BuildProgress } from './progress.ts';
import type { Style } from './style.ts';
import { failureLines, type SummaryOptions } from './summary.ts';
import { plural, sanitizeLine } from './text.ts';

type Event<Type extends BuildEvent['type']> = Extract<BuildEvent, { type: Type }>;

/** More changes would not be read. */
const MAX_CHANGES = 3;

/** The saved changes and the targets built because of them: `config/corne.keymap changed: building left, right`. */
export function changedLine({ changes, targets }: Event<'watch-changed'>): string {
  const shown = changes.slice(0, MAX_CHANGES).map(sanitizeLine).join(', ');
  const more = changes.length > MAX_CHANGES ? ` and ${changes.length - MAX_CHANGES} more` : '';
  const what = shown === '' ? 'Something changed' : shown + more;
  return `${what}: ${targets.length === 0 ? 'nothing to build' : `building ${targets.join(', ')}`}`;
}

/** The reason that nothing can be built. */
export function problemLines({ message }: Event<'watch-problem'>, style: Style): string[] {
  const [first = '', ...rest] = message.split('\n').map(sanitizeLine);
  return [`${style.bad('✖')} ${first}`, ...rest.map(line => `  ${line}`)];
}

/** The failures, and the state of all targets. */
export function watchLines(progress: BuildProgress, options: SummaryOptions): string[] {
  const { style } = options;
  const lines: string[] = [];
  for (const target of progress.targets.values()) {
    if (target.failed !== undefined) {
      lines.push(...failureLines(target, target.failed, options));
    }
  }
  if (options.explain) {
    lines.push(...explanationLines(progress, style));
  }
  const failed = progress.count('failed');
  const ready = progress.count('finished');
  const mark = failed > 0 ? style.bad('✖') : style.good('✔');
  const parts = [`${ready} of ${plural(progress.targets.size, 'target')} ready`];
  if (failed > 0) {
    parts.push(style.bad(`${failed} failed`));
  }
  return [...lines, `${mark} ${style.bold(parts.join(', '))}. Waiting for changes (Ctrl-C ends)`];
}
