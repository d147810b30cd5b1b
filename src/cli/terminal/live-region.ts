// Live region: lines at the end of a terminal's output that are redrawn in place.
import { createLogUpdate } from 'log-update';
import type { OutputStream } from './renderer.ts';

/** One live region. Output between `clear` and the next `draw` stays above it. */
export class LiveRegion {
  readonly #update: ReturnType<typeof createLogUpdate>;
  #height = 0;

  constructor(stream: OutputStream) {
    // log-update uses only the parts of a stream that OutputStream has.
    this.#update = createLogUpdate(stream as NodeJS.WriteStream);
  }

  /** Replaces the previous lines. */
  draw(lines: readonly string[]): void {
    // log-update writes only lines that differ, which fails when the lines below them have moved.
    if (lines.length !== this.#height) {
      this.clear();
    }
    this.#height = lines.length;
    this.#update(lines.join('\n'));
  }

  clear(): void {
    this.#update.clear();
  }

  /** Keeps the drawn lines. */
  done(): void {
    this.#update.done();
  }
}
