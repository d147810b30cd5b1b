// Splits a program's output into lines, for any bytes in chunks of any size.
import { StringDecoder } from 'node:string_decoder';

/** Longer lines are truncated; the log file has the rest. */
export const MAX_LINE_LENGTH = 8_192;

/** Lines kept for the message about a failure. */
export const LAST_LINES = 20;

/**
 * Splits output into lines and remembers the last of them. A line ends with `
 * ` or `\r
 * `. A bare `\r`, as progress bars print it, also ends a line, and the next line replaces it among the last lines.
 * Bytes that are not UTF-8 become U+FFFD, and text beyond {@link MAX_LINE_LENGTH} becomes `…`.
 */
export class OutputLines {
  /** At most {@link LAST_LINES}, oldest first. */
  readonly last: string[] = [];

  readonly #decoder = new StringDecoder('utf8');
  readonly #onLine: (line: string) => void;
  #current = '';
  #cut = false;
  /**
   * The text so far ended with `\r`. If `
   * ` follows, the two are one line end.
   */
  #returned: 'no' | 'after-text' | 'after-nothing' = 'no';
  /** The newest of the last lines is progress output, which the next line replaces. */
  #replaceable = false;

  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine;
  }

  /** Adds bytes and reports every line that they complete. */
  push(chunk: Uint8Array): void {
    this.#split(this.#decoder.write(chunk as Buffer));
  }

  /** Reports the rest when the output ends without a line end. */
  end(): void {
    this.#split(this.#decoder.end());
    if (this.#current !== '') this.#finish(false);
  }

  /** Adds a line that the program did not print. */
  add(line: string): void {
    if (this.#current !== '') this.#finish(false);
    this.#append(line);
    this.#finish(false);
  }

  #split(text: string): void {
    let from = 0;
    for (let at = 0; at < text.length; at++) {
      const character = text.charCodeAt(at);
      if (character !== 10 && character !== 13) continue;
      this.#append(text.slice(from, at));
      from = at + 1;
      if (character === 10) this.#lineFeed();
      else this.#carriageReturn();
    }
    this.#append(text.slice(from));
  }

  #append(text: string): void {
    if (text === '') return;
    this.#returned = 'no';
    const room = MAX_LINE_LENGTH - this.#current.length;
    if (text.length > room) this.#cut = true;
    if (room > 0) this.#current += text.slice(0, room);
  }

  #lineFeed(): void {
    if (this.#returned === 'after-text') this.#replaceable = false;
    else this.#finish(false);
    this.#returned = 'no';
  }

  #carriageReturn(): void {
    if (this.#current !== '') {
      this.#finish(true);
      this.#returned = 'after-text';
    } else if (this.#returned === 'no') this.#returned = 'after-nothing';
  }

  #finish(replaceable: boolean): void {
    const line = this.#cut ? `${this.#current.toWellFormed()}…` : this.#current;
    this.#current = '';
    this.#cut = false;
    if (this.#replaceable) this.last.pop();
    this.last.push(line);
    if (this.last.length > LAST_LINES) this.last.shift();
    this.#replaceable = replaceable;
    this.#onLine(line);
  }
}
