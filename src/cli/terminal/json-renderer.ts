// One event a line, for programs.
import type { BuildEvent } from '../../builder/events.ts';
import type { OutputStream, Renderer } from './renderer.ts';

/** Characters. What is longer is written at once. */
const LARGEST_BATCH = 16 * 1024;
/** Milliseconds. The oldest event of a batch waits no longer, even when the event loop has no turn meanwhile. */
const LONGEST_WAIT_MS = 50;

/**
 * Writes each event as one line of JSON, as it is. Events of one turn of the event loop are one write: of a build that
 * finds everything in the cache, writing them one by one is a tenth of the time.
 */
export class JsonRenderer implements Renderer {
  readonly #stream: OutputStream;
  #batch = '';
  /** When the first event of the batch came. */
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
