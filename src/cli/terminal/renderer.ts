// Renderer: displays a build from its events. Here are the interface, and the simplest renderer, which writes the events
// as they are, for programs.
import type { BuildEvent } from '../../builder/events.ts';
import type { Style } from './style.ts';

/** Characters. A larger batch is written at once. */
const LARGEST_BATCH = 16 * 1024;
/** The oldest event of a batch waits no longer, even while the event loop is blocked. */
const LONGEST_WAIT_MS = 50;

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

/**
 * Writes each event as one line of JSON. Events of one turn of the event loop share a write: in a fully cached build,
 * single writes took a tenth of the time.
 */
export class JsonRenderer implements Renderer {
  readonly #stream: OutputStream;
  #batch = '';
  /** Arrival time of the batch's first event. */
  #since = 0;

  constructor(stream: OutputStream) {
    this.#stream = stream;
  }

  event(event: BuildEvent): void {
    if (this.#batch === '') {
      this.#since = event.at;
      setImmediate(() => this.#flush());
    }
    this.#batch += `${JSON.stringify(event)}\n`;
    if (this.#batch.length >= LARGEST_BATCH || event.at - this.#since >= LONGEST_WAIT_MS) this.#flush();
  }

  stopping(): void {}

  close(): void {
    this.#flush();
  }

  #flush(): void {
    if (this.#batch === '') return;
    const batch = this.#batch;
    this.#batch = '';
    this.#stream.write(batch);
  }
}
