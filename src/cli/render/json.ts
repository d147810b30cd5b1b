// One event a line, for programs.
import type { BuildEvent } from '../../build/events.ts';
import type { OutputStream, Renderer } from './renderer.ts';

/** Writes each event as one line of JSON, as it comes and as it is. */
export class JsonRenderer implements Renderer {
  readonly #stream: OutputStream;

  constructor(stream: OutputStream) {
    this.#stream = stream;
  }

  event(event: BuildEvent): void {
    this.#stream.write(`${JSON.stringify(event)}\n`);
  }

  stopping(): void {}

  close(): void {}
}
