// Rewrites a program's output line by line, for any bytes in chunks of any size.

/** Longer lines are rewritten in pieces. */
const MAX_LINE = 64 * 1024;

export class RewrittenOutput {
  readonly #rewrite: (line: string) => string;
  /** Latin-1: one character per byte. */
  #rest = '';

  /** @param rewrite gets and returns text with one character per byte */
  constructor(rewrite: (text: string) => string) {
    this.#rewrite = rewrite;
  }

  /** Adds bytes; returns the lines that they complete, rewritten. */
  push(chunk: Uint8Array): Buffer {
    this.#rest += Buffer.from(chunk).toString('latin1');
    const end = Math.max(this.#rest.lastIndexOf('\n'), this.#rest.lastIndexOf('\r')) + 1;
    return this.#take(this.#rest.length - end > MAX_LINE ? this.#rest.length : end);
  }

  /** Returns the rest when the output ends without a line end. */
  end(): Buffer {
    return this.#take(this.#rest.length);
  }

  #take(length: number): Buffer {
    const text = this.#rest.slice(0, length);
    this.#rest = this.#rest.slice(length);
    return Buffer.from(this.#rewrite(text), 'latin1');
  }
}

/** UTF-8 text as Latin-1: one character per byte. */
export function asBytes(text: string): string {
  return Buffer.from(text).toString('latin1');
}
