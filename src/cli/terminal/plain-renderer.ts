// Plain renderer: prints one line per event in order, for pipes, CI and terminals without cursor movement.
import type { BuildEvent } from '../../builder/events.ts';
import { failureText } from './diagnosis.ts';
import { pathText, unchangedSince, verifiedText } from './explanation.ts';
import { memoryWords } from './memory.ts';
import { BuildProgress } from './progress.ts';
import type { Renderer, RenderOptions } from './renderer.ts';
import type { Style } from './style.ts';
import { summaryLines } from './summary.ts';
import { formatDuration, plural, sanitizeLine, shortPath } from './text.ts';
import { warningLine } from './warning.ts';
import { changedLine, problemLines, watchLines } from './watch-lines.ts';

/** Prints lines that never change. Every line about a target names it. */
export class PlainRenderer implements Renderer {
  readonly #options: RenderOptions;
  readonly #progress = new BuildProgress();

  constructor(options: RenderOptions) {
    this.#options = options;
  }

  event(event: BuildEvent): void {
    this.#progress.apply(event);
    for (const line of this.#lines(event)) {
      this.#options.stream.write(`${line}\n`);
    }
  }

  stopping(): void {
    this.#options.stream.write('Stopping the compilers\n');
  }

  close(): void {}

  #lines(event: BuildEvent): string[] {
    const { style, cwd, verbose, explain } = this.#options;
    switch (event.type) {
      case 'build-started': {
        const targets = plural(event.targets.length, 'target');
        const where = shortPath(event.configDirectory, cwd);
        return [`Building ${targets} in ${where} (${event.toolchain}, ${event.jobs} at once)`];
      }
      case 'target-missed':
        return verbose
          ? this.#about(event.target, ...event.why.map(reason => `not in the cache: ${reason}`))
          : [];
      case 'target-waiting':
        return this.#about(event.target, `waiting for process ${event.pid}, which is compiling the same`);
      case 'target-queued':
        return event.why === undefined
          ? []
          : this.#about(event.target, `in the queue again: ${sanitizeLine(event.why)}`);
      case 'target-preparing':
        return event.text === ''
          ? []
          : this.#about(event.target, `${sanitizeLine(event.agent)}: ${sanitizeLine(event.text)}`);
      case 'target-compiling': {
        const why = this.#progress.targets.get(event.target)?.detail ?? '';
        const where = event.agent === undefined ? '' : ` on ${sanitizeLine(event.agent)}`;
        return this.#about(event.target, `compiling${where}${why === '' || verbose ? '' : ` (${why})`}`);
      }
      case 'target-held':
        return this.#about(event.target, `waiting for ${event.behind}, which compiles the same objects`);
      case 'target-resumed':
        return [];
      case 'target-path': {
        const how = pathText(event.path);
        return explain && how !== undefined ? this.#about(event.target, how) : [];
      }
      case 'target-verified':
        return this.#about(event.target, verifiedText(event, style));
      case 'target-output':
        return verbose ? [`${style.dim(`${event.target} │`)} ${sanitizeLine(event.line)}`.trimEnd()] : [];
      case 'target-finished':
        return this.#about(
          event.target,
          [
            `${style.good(finishedWords(event))} in ${formatDuration(event.duration)}`,
            memoryWords(event.memory),
          ]
            .filter(part => part !== '')
            .join(', '),
        );
      case 'target-failed':
        return this.#about(
          event.target,
          `${style.bad('failed')}${event.agent === undefined ? '' : ` on ${sanitizeLine(event.agent)}`}: ${failureText(event, file => shortPath(file, cwd))}`,
        );
      case 'target-cancelled':
        return this.#about(event.target, style.warning('cancelled'));
      case 'target-planned':
        return this.#about(
          event.target,
          plannedWords(event.plan, style),
          ...(explain && event.compiledAt !== undefined ? [`  ${unchangedSince(event.compiledAt)}`] : []),
          ...event.why.map(reason => `  ${sanitizeLine(reason)}`),
        );
      case 'warning':
        return [warningLine(event, style)];
      case 'build-finished': {
        const summary = summaryLines(this.#progress, { style, cwd, explain });
        return this.#progress.targets.size > 0 ? ['', ...summary] : summary;
      }
      case 'watch-changed':
        return [changedLine(event)];
      case 'watch-problem':
        return problemLines(event, style);
      case 'watch-waiting':
        return watchLines(this.#progress, { style, cwd, explain });
      case 'target-checking':
        return [];
    }
  }

  #about(target: string, ...texts: string[]): string[] {
    return texts.map(text => `${this.#options.style.bold(target)}: ${text}`);
  }
}

function plannedWords(plan: Extract<BuildEvent, { type: 'target-planned' }>['plan'], style: Style): string {
  if (plan === 'compile') return style.active('would be compiled');
  return style.good(plan === 'cache' ? 'in the cache' : 'in the remote cache');
}

function finishedWords({ source, signer, agent }: Extract<BuildEvent, { type: 'target-finished' }>): string {
  return {
    compiled: 'compiled',
    agent: `compiled by ${sanitizeLine(agent ?? 'an agent')}`,
    cache: 'from the cache',
    waited: 'from the cache (another build compiled it)',
    remote: `from the remote cache (signed by ${sanitizeLine(signer ?? 'no key')})`,
  }[source];
}
