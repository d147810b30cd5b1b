// A program's output with each line rewritten, whatever bytes it prints and in whatever pieces they arrive.

/** Bytes. A line that is longer is rewritten in pieces. */
const MAX_LINE = 64 * 1024;

export class RewrittenOutput {
  readonly #rewrite: (line: string) => string;
  /** A character for each byte. */
  #rest = '';

  /** @param rewrite gets text with a character for each byte, and returns such */
  constructor(rewrite: (text: string) => string) {
    this.#rewrite = rewrite;
  }

  /** Takes the next bytes; returns the lines that they complete. */
  push(chunk: Uint8Array): Buffer {
    this.#rest += Buffer.from(chunk).toString('latin1');
    const end = Math.max(this.#rest.lastIndexOf('\n'), this.#rest.lastIndexOf('\r')) + 1;
    return this.#take(this.#rest.length - end > MAX_LINE ? this.#rest.length : end);
  }

  /** What is left when the output has ended without a line end. */
  end(): Buffer {
    return this.#take(this.#rest.length);
  }

  #take(length: number): Buffer {
    const text = this.#rest.slice(0, length);
    this.#rest = this.#rest.slice(length);
    return Buffer.from(this.#rewrite(text), 'latin1');
  }
}

/** Text as it is in bytes, with a character for each. */
export function asBytes(text: string): string {
  return Buffer.from(text).toString('latin1');
}
