// Frame renderer: redraws a frame in place on a terminal, until the final lines replace it. The base of the live and of
// the watch renderer.
import type { BuildEvent } from '../../builder/events.ts';
import type { FrameOptions } from './frame.ts';
import { LiveRegion } from './live-region.ts';
import { BuildProgress } from './progress.ts';
import type { Renderer, RenderOptions } from './renderer.ts';

const REDRAW_MS = 100;

export interface LiveOptions extends RenderOptions {
  /** Calls `tick` repeatedly until the returned function is called. Default: every 100 ms. */
  ticker?: (tick: () => void) => () => void;
}

/** Draws at the ticker's pace while ticking, and whenever {@link redraw} is called. */
export abstract class FrameRenderer implements Renderer {
  protected readonly options: LiveOptions;
  protected readonly progress = new BuildProgress();
  protected readonly region: LiveRegion;
  #stopTicking: (() => void) | undefined;
  #isStopping = false;
  #isClosed = false;

  constructor(options: LiveOptions) {
    this.options = options;
    this.region = new LiveRegion(options.stream);
  }

  abstract event(event: BuildEvent): void;

  /** The lines of the frame, at most so many. */
  protected abstract frame(rows: number): string[];

  /** The lines that stay in the scrollback in the end. */
  protected abstract finalLines(): string[];

  stopping(): void {
    this.#isStopping = true;
    this.redraw();
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.stopTicking();
    this.region.clear();
    for (const line of this.finalLines()) this.options.stream.write(`${line}\n`);
    this.region.done();
  }

  protected startTicking(): void {
    this.#stopTicking ??= (this.options.ticker ?? everyTenth)(() => this.redraw());
  }

  protected stopTicking(): void {
    this.#stopTicking?.();
    this.#stopTicking = undefined;
  }

  protected redraw(): void {
    if (this.#isClosed || this.progress.started === undefined) return;
    // The cursor rests on the line below the frame.
    this.region.draw(this.frame((this.options.stream.rows ?? 24) - 1));
  }

  protected get columns(): number {
    // The last column stays empty: many terminals wrap when it is written.
    return Math.max(1, (this.options.stream.columns ?? 80) - 1);
  }

  protected frameOptions(lines: number): FrameOptions {
    const { style, cwd, clock } = this.options;
    return { style, cwd, columns: this.columns, lines, now: clock(), stopping: this.#isStopping };
  }
}

// The default ticker.
function everyTenth(tick: () => void): () => void {
  const timer = setInterval(tick, REDRAW_MS);
  return () => clearInterval(timer);
}
