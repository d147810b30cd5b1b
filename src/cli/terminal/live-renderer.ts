// Live renderer: redraws the build in place on a terminal.
import type { BuildEvent } from '../../builder/events.ts';
import { verifiedText } from './explanation.ts';
import { frameLines, targetLines } from './frame.ts';
import { LiveRegion } from './live-region.ts';
import { BuildProgress } from './progress.ts';
import type { Renderer, RenderOptions } from './renderer.ts';
import { summaryLines } from './summary.ts';
import { sanitizeLine } from './text.ts';
import { warningLine } from './warning.ts';

const REDRAW_MS = 100;

export interface LiveOptions extends RenderOptions {
  /** Calls `tick` repeatedly until the returned function is called. Default: every 100 ms. */
  ticker?: (tick: () => void) => () => void;
}

/**
 * Draws at the ticker's pace, regardless of the number of events, so that a compiler that prints ten thousand lines a
 * second costs ten frames a second. Final output (warnings, verbose output, the summary) stays in the scrollback.
 */
export class LiveRenderer implements Renderer {
  readonly #options: LiveOptions;
  readonly #progress = new BuildProgress();
  readonly #region: LiveRegion;
  #stopTicking: (() => void) | undefined;
  #stopping = false;
  #closed = false;

  constructor(options: LiveOptions) {
    this.#options = options;
    this.#region = new LiveRegion(options.stream);
  }

  event(event: BuildEvent): void {
    this.#progress.apply(event);
    const { style, verbose } = this.#options;
    switch (event.type) {
      case 'build-started':
        this.#stopTicking ??= (this.#options.ticker ?? everyTenth)(() => this.#redraw());
        this.#redraw();
        return;
      case 'warning':
        this.#above(warningLine(event, style));
        return;
      case 'target-verified':
        this.#above(`${event.target}: ${verifiedText(event, style)}`);
        return;
      case 'target-output':
        if (verbose) {
          this.#above(`${style.dim(`${event.target} │`)} ${sanitizeLine(event.line)}`.trimEnd());
        }
        return;
      case 'target-missed':
        for (const reason of verbose ? event.why : []) {
          this.#above(`${event.target}: not in the cache: ${sanitizeLine(reason)}`);
        }
        return;
      case 'build-finished':
        this.close();
        return;
      default:
        return;
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
    // All targets, however many: the scrollback has room for them.
    const targets = [...this.#progress.targets.values()];
    const lines = targetLines(targets, this.#frameOptions(Number.POSITIVE_INFINITY));
    const summary = summaryLines(this.#progress, this.#options);
    for (const line of summary.length > 0 ? [...lines, '', ...summary] : lines) {
      this.#options.stream.write(`${line}\n`);
    }
    this.#region.done();
  }

  #above(text: string): void {
    this.#region.clear();
    this.#options.stream.write(`${text}\n`);
    this.#redraw();
  }

  #redraw(): void {
    if (this.#closed || this.#progress.started === undefined) {
      return;
    }
    // The cursor rests on the line below the frame.
    const lines = (this.#options.stream.rows ?? 24) - 1;
    this.#region.draw(frameLines(this.#progress, this.#frameOptions(lines)));
  }

  #frameOptions(lines: number) {
    const { style, cwd, clock, stream } = this.#options;
    // The last column stays empty: many terminals wrap when it is written.
    const columns = Math.max(1, (stream.columns ?? 80) - 1);
    return { style, cwd, columns, lines, now: clock(), stopping: this.#stopping };
  }
}

/** The default ticker. */
export function everyTenth(tick: () => void): () => void {
  const timer = setInterval(tick, REDRAW_MS);
  return () => clearInterval(timer);
}
