// Watch renderer: one steady screen with the state of each target, its problems, and whether it waits for a change.
import { stripVTControlCharacters } from 'node:util';
import type { BuildEvent } from '../../builder/events.ts';
import { frameLines, targetLines } from './frame.ts';
import { FrameRenderer } from './frame-renderer.ts';
import { textWidth, truncate, wrapped } from './text.ts';
import { warningLine } from './warning.ts';
import { changedLine, problemLines, watchLines } from './watch-lines.ts';

/**
 * Redraws one frame in place for every change; the scrollback stays unchanged. Nothing is redrawn while no build is
 * running.
 */
export class WatchRenderer extends FrameRenderer {
  /** Warning lines, with the target of each. */
  readonly #warnings = new Map<string, string | undefined>();

  override event(event: BuildEvent): void {
    this.progress.apply(event);
    if (event.type === 'warning') {
      this.#warnings.set(warningLine(event, this.options.style), event.target);
    }
    if (event.type === 'target-checking') {
      // The warning may not apply to the new firmware.
      for (const [line, target] of this.#warnings) if (target === event.target) this.#warnings.delete(line);
      this.startTicking();
    }
    if (event.type === 'watch-waiting') this.stopTicking();
    // Compiler output is drawn with the next tick.
    if (event.type !== 'target-output') {
      this.redraw();
    }
  }

  protected override finalLines(): string[] {
    return targetLines([...this.progress.targets.values()], this.frameOptions(0));
  }

  protected override frame(room: number): string[] {
    const { style, cwd, explain } = this.options;
    const { columns } = this;
    const { watch, changed } = this.progress;
    const below: string[] = [...this.#warnings.keys()].slice(-2);
    if (changed !== undefined) {
      below.push(style.dim(truncate(`${timeOfDay(changed.at)} ${changedLine(changed)}`, columns)));
    }
    if (watch?.type === 'watch-problem') {
      below.push(...problemLines(watch, style), style.bold('Waiting for changes (Ctrl-C ends)'));
    }
    if (watch?.type === 'watch-waiting') {
      below.push(...watchLines(this.progress, { style, cwd, explain }));
    }
    const lines = below.flatMap((line, index) =>
      // A wrapped source line would hide its marker, and the status always takes one line.
      index === below.length - 1 || isSource(line) ? [fitted(line, columns)] : folded(line, columns),
    );
    const frame = frameLines(
      this.progress,
      this.frameOptions(Math.max(1, room - Math.min(lines.length, 8) - 1)),
    );
    // The beginning is cut, because the last line shows the status.
    const left = Math.max(0, room - frame.length - 1);
    const shown = lines.length <= left ? lines : lines.slice(lines.length - left);
    const gap = shown.length > 0 ? [''] : [];
    return [...frame, ...gap, ...shown];
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
