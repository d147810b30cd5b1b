// The lines at the end of a terminal's output that are drawn again in place.
import { createLogUpdate } from 'log-update';
import type { OutputStream } from './renderer.ts';

/** One live region; what is written to the stream between `clear` and the next `draw` stays above it. */
export class LiveRegion {
  readonly #update: ReturnType<typeof createLogUpdate>;
  #height = 0;

  constructor(stream: OutputStream) {
    // log-update asks a stream only for what OutputStream has.
    this.#update = createLogUpdate(stream as NodeJS.WriteStream);
  }

  /** Takes the place of what was drawn before. */
  draw(lines: readonly string[]): void {
    // log-update writes only the lines that differ, and goes wrong when lines below those have moved.
    if (lines.length !== this.#height) {
      this.clear();
    }
    this.#height = lines.length;
    this.#update(lines.join('\n'));
  }

  clear(): void {
    this.#update.clear();
  }

  /** What is drawn stays. */
  done(): void {
    this.#update.done();
  }
}
