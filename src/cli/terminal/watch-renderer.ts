// Watch renderer: one steady screen with the state of each target, its problems, and whether it waits for a change.
import { stripVTControlCharacters } from 'node:util';
import type { BuildEvent } from '../../builder/events.ts';
import { frameLines, targetLines } from './frame.ts';
import { LiveRegion } from './live-region.ts';
import { everyTenth, type LiveOptions } from './live-renderer.ts';
import { BuildProgress } from './progress.ts';
import type { Renderer } from './renderer.ts';
import { textWidth, truncate, wrapped } from './text.ts';
import { warningLine } from './warning.ts';
import { changedLine, problemLines, watchLines } from './watch-lines.ts';

/**
 * Redraws one frame in place for every change; the scrollback stays unchanged. Nothing is redrawn while no build is
 * running.
 */
export class WatchRenderer implements Renderer {
  readonly #options: LiveOptions;
  readonly #progress = new BuildProgress();
  readonly #region: LiveRegion;
  /** Warning lines, with the target of each. */
  readonly #warnings = new Map<string, string | undefined>();
  #stopTicking: (() => void) | undefined;
  #stopping = false;
  #closed = false;

  constructor(options: LiveOptions) {
    this.#options = options;
    this.#region = new LiveRegion(options.stream);
  }

  event(event: BuildEvent): void {
    this.#progress.apply(event);
    if (event.type === 'warning') {
      this.#warnings.set(warningLine(event, this.#options.style), event.target);
    }
    if (event.type === 'target-checking') {
      // The warning may not apply to the new firmware.
      for (const [line, target] of this.#warnings) if (target === event.target) this.#warnings.delete(line);
      this.#stopTicking ??= (this.#options.ticker ?? everyTenth)(() => this.#redraw());
    }
    if (event.type === 'watch-waiting') {
      this.#stopTicking?.();
      this.#stopTicking = undefined;
    }
    // Compiler output is drawn with the next tick.
    if (event.type !== 'target-output') {
      this.#redraw();
    }
  }

  stopping(): void {
    this.#stopping = true;
    this.#redraw();
  }

  close(): void {
    if (this.#closed) {
      return;
    }
    this.#closed = true;
    this.#stopTicking?.();
    this.#region.clear();
    for (const line of targetLines([...this.#progress.targets.values()], this.#frameOptions(0))) {
      this.#options.stream.write(`${line}\n`);
    }
    this.#region.done();
  }

  #redraw(): void {
    if (this.#closed || this.#progress.started === undefined) {
      return;
    }
    const { stream, style, cwd, explain } = this.#options;
    // The cursor rests on the line below.
    const room = (stream.rows ?? 24) - 1;
    const columns = this.#columns;
    const { watch, changed } = this.#progress;
    const below: string[] = [...this.#warnings.keys()].slice(-2);
    if (changed !== undefined) {
      below.push(style.dim(truncate(`${timeOfDay(changed.at)} ${changedLine(changed)}`, columns)));
    }
    if (watch?.type === 'watch-problem') {
      below.push(...problemLines(watch, style), style.bold('Waiting for changes (Ctrl-C ends)'));
    }
    if (watch?.type === 'watch-waiting') {
      below.push(...watchLines(this.#progress, { style, cwd, explain }));
    }
    const lines = below.flatMap((line, index) =>
      // A wrapped source line would hide its marker, and the status always takes one line.
      index === below.length - 1 || isSource(line) ? [fitted(line, columns)] : folded(line, columns),
    );
    const frame = frameLines(
      this.#progress,
      this.#frameOptions(Math.max(1, room - Math.min(lines.length, 8) - 1)),
    );
    // The beginning is cut, because the last line shows the status.
    const left = Math.max(0, room - frame.length - 1);
    const shown = lines.length <= left ? lines : lines.slice(lines.length - left);
    const gap = shown.length > 0 ? [''] : [];
    this.#region.draw([...frame, ...gap, ...shown]);
  }

  get #columns(): number {
    // The last column stays empty: many terminals wrap when it is written.
    return Math.max(1, (this.#options.stream.columns ?? 80) - 1);
  }

  #frameOptions(lines: number) {
    const { style, cwd, clock } = this.#options;
    return { style, cwd, columns: this.#columns, lines, now: clock(), stopping: this.#stopping };
  }
}

/** Truncates a long line and removes its colours. */
function fitted(line: string, columns: number): string {
  const plain = stripVTControlCharacters(line);
  return textWidth(plain) <= columns ? line : truncate(plain, columns);
}

/** Wraps a long line and removes its colours. */
function folded(line: string, columns: number): string[] {
  const plain = stripVTControlCharacters(line);
  return textWidth(plain) <= columns ? [line] : wrapped(plain, columns);
}

function isSource(line: string): boolean {
  return /^\s*\d*\s*│/.test(stripVTControlCharacters(line));
}

function timeOfDay(at: number): string {
  return new Date(at).toTimeString().slice(0, 8);
}
