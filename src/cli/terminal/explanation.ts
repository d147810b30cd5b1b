// Explanations of why each target was compiled or not.
import type { BuildEvent } from '../../builder/events.ts';
import type { BuildPath, CcacheStatistics } from '../../builder/toolchains/toolchain.ts';
import type { BuildProgress, TargetProgress } from './progress.ts';
import type { Style } from './style.ts';
import { padded, sanitizeLine, textWidth } from './text.ts';

/** Longer names must not shift all other reasons to the right. */
const MAX_NAME_COLUMNS = 48;

/** `Why:` and one line per target, more for several reasons; empty while nothing is known. */
export function explanationLines(progress: BuildProgress, style: Style): string[] {
  const explained = [...progress.targets.values()].map(target => ({
    name: target.name,
    reasons: reasonsOf(target, progress.finished?.remoteCache !== undefined),
  }));
  const told = explained.filter(({ reasons }) => reasons.length > 0);
  if (told.length === 0) {
    return [];
  }
  const columns = Math.min(MAX_NAME_COLUMNS, Math.max(...told.map(({ name }) => textWidth(name))));
  const lines = told.flatMap(({ name, reasons }) =>
    reasons.map((reason, index) => {
      const first = textWidth(name) > columns ? name : padded(name, columns);
      return `  ${index === 0 ? style.bold(first) : ' '.repeat(columns)}  ${reason}`;
    }),
  );
  return ['Why:', ...lines];
}

/** `nothing changed since 2026-11-22 14:03:12`, in local time. */
export function unchangedSince(compiledAt: number): string {
  // The Swedish format is ISO 8601 in local time.
  return `nothing changed since ${new Date(compiledAt).toLocaleString('sv-SE')}`;
}

/** How a target is compiled; undefined when it goes without saying. */
export function pathText(path: BuildPath): string | undefined {
  if (path.kind === 'pristine')
    return path.why === undefined ? undefined : `everything is compiled: ${path.why}`;
  const { compiled, objects, causes } = path;
  const why = causes.length === 0 ? '' : `: ${causes.map(sanitizeLine).join(', ')}`;
  return `${compiled} of ${objects} objects${why}`;
}

/** `190 of 277 from ccache (12 without the preprocessor)`. */
export function ccacheText({ direct, preprocessed, missed }: CcacheStatistics): string {
  const found = direct + preprocessed;
  const how = direct === 0 ? '' : ` (${direct} without the preprocessor)`;
  return `${found} of ${found + missed} from ccache${how}`;
}

/** How a comparison ended. */
export function verifiedText(
  { different }: Extract<BuildEvent, { type: 'target-verified' }>,
  style: Style,
): string {
  if (different.length === 0) return style.good('the same when compiled from scratch');
  return style.bad(`not the same when compiled from scratch: ${different.map(sanitizeLine).join(', ')}`);
}

/** @param isShared whether other machines can use the result */
function reasonsOf(target: TargetProgress, isShared: boolean): string[] {
  const { bound } = target.finished ?? {};
  const reasons = originOf(target);
  if (bound === undefined || !isShared) return reasons;
  const kept = `kept for this machine only: ${sanitizeLine(bound)}`;
  return reasons.length === 0 ? [kept] : [...reasons, `  ${kept}`];
}

function originOf({ state, why, path, finished }: TargetProgress): string[] {
  if (finished?.source === 'cache') {
    return [`from the cache: ${unchangedSince(finished.compiledAt)}`];
  }
  if (finished?.source === 'remote') {
    const signer = sanitizeLine(finished.signer ?? 'no key');
    return [`from the remote cache, signed by ${signer}: ${unchangedSince(finished.compiledAt)}`];
  }
  const began =
    state !== 'finished'
      ? state
      : finished?.source === 'waited'
        ? 'compiled by another build'
        : finished?.source === 'agent'
          ? `compiled by ${sanitizeLine(finished.agent ?? 'an agent')}`
          : 'compiled';
  const how = path === undefined ? undefined : pathText(path);
  return [
    ...why.map((reason, index) => `${index === 0 ? `${began}: ` : '  '}${sanitizeLine(reason)}`),
    ...(how === undefined ? [] : [`  ${how}`]),
    ...(finished?.ccache === undefined ? [] : [`  ${ccacheText(finished.ccache)}`]),
  ];
}
