// Drawing a build: what every renderer offers, and what it is given.
import type { BuildEvent } from '../../builder/events.ts';
import type { Style } from './style.ts';

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
