// Renderer interface: displays a build from its events.
import type { BuildEvent } from '../../builder/events.ts';
import type { Style } from './style.ts';

/** Displays the events of one build. */
export interface Renderer {
  /** Handles one event, in the order of emission. Never throws because of its content. */
  event(event: BuildEvent): void;
  /** The build was asked to stop, which may take a moment. More events follow. */
  stopping(): void;
  /** The last call, after all events: live output becomes permanent and timers stop. May be called twice. */
  close(): void;
}

/** The part of `process.stdout` that renderers need. */
export interface OutputStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
  write(text: string): unknown;
}

export interface RenderOptions {
  stream: OutputStream;
  style: Style;
  /** Milliseconds since the epoch, from the same clock as the events' `at`. */
  clock: () => number;
  /** Print every line of every compiler, and every reason. Default: false. */
  verbose?: boolean;
  /** Print why each target is compiled or not. Default: false. */
  explain?: boolean | undefined;
  /** Paths below this directory are displayed relative to it. */
  cwd: string;
}
