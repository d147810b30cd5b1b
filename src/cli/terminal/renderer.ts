// Drawing a build: what every renderer offers, and which one fits the place where the output goes.
import type { BuildEvent } from '../../builder/events.ts';
import type { TerminalEnvironment } from '../../config/environment.ts';
import { JsonRenderer } from './json.ts';
import { PlainRenderer } from './plain.ts';
import type { Style } from './style.ts';
import { createStyle, useColors } from './style.ts';

/** Consumes the events of one build. */
export interface Renderer {
  /** Takes one event, in the order they are emitted. Never throws for what the event says. */
  event(event: BuildEvent): void;
  /** Somebody asked the build to stop, which may take a moment; more events come. */
  stopping(): void;
  /** Nothing more comes: whatever is still drawn in place becomes permanent and timers stop. May be called twice. */
  close(): void;
}

/** The part of `process.stdout` that rendering needs. */
export interface OutputStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
  write(text: string): unknown;
}

export interface RenderOptions {
  stream: OutputStream;
  style: Style;
  /** Milliseconds since the epoch, by the same clock as the events' `at`. */
  clock: () => number;
  /** Every line of every compiler, and every reason. Default: false. */
  verbose?: boolean;
  /** Why each target is compiled or not. Default: false. */
  explain?: boolean | undefined;
  /** Paths below it are shown relative to it. */
  cwd: string;
}

export interface ChooseOptions extends Omit<RenderOptions, 'style'> {
  environment: TerminalEnvironment;
  /** One JSON event a line, whatever the stream is. */
  json?: boolean;
  /** A plan is read, not watched: nothing is drawn in place. */
  dryRun?: boolean;
  /** The build goes on until somebody stops it. */
  watch?: boolean;
}

/** The renderer for a stream: JSON when asked, the live view on a terminal, plain lines everywhere else (pipes, CI, `TERM=dumb`). */
export async function createRenderer(options: ChooseOptions): Promise<Renderer> {
  const { environment, json, dryRun, watch, ...rest } = options;
  if (json) {
    return new JsonRenderer(options.stream);
  }
  const renderOptions = { ...rest, style: createStyle(useColors(options.stream, environment)) };
  if (options.stream.isTTY !== true || environment.ci || environment.dumb || dryRun) {
    return new PlainRenderer(renderOptions);
  }
  if (watch) {
    const { WatchRenderer } = await import('./watching.ts');
    return new WatchRenderer(renderOptions);
  }
  const { LiveRenderer } = await import('./live.ts');
  return new LiveRenderer(renderOptions);
}
