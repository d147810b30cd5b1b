// A terminal for tests: it understands the few escape sequences of a redrawing program and knows the visible text.

/** Acts like `process.stdout` for a renderer, and like a screen for a test. */
export class Screen {
  readonly isTTY = true;
  readonly columns: number;
  readonly rows: number;
  /** All lines, on the screen and scrolled off its top. */
  readonly #lines: string[][] = [[]];
  #row = 0;
  #column = 0;
  /** The first line that is still on the screen. */
  #top = 0;
  /** The number of writes. */
  writes = 0;

  constructor(columns: number, rows: number) {
    this.columns = columns;
    this.rows = rows;
  }

  write(text: string): boolean {
    this.writes++;
    // biome-ignore lint/suspicious/noControlCharactersInRegex: a terminal's language is made of them.
    for (const [token, parameter, final] of text.matchAll(/\u001b\[\??([\d;]*)([A-Za-z])|./gsu)) {
      if (final === undefined) {
        this.#print(token);
      } else {
        this.#control(final, Number.parseInt(parameter || '1', 10), parameter ?? '');
      }
    }
    return true;
  }

  /** All lines without trailing blanks, those scrolled away included. */
  get text(): string[] {
    const lines = this.#lines.map(cells => cells.join('').trimEnd());
    while (lines.at(-1) === '') {
      lines.pop();
    }
    return lines;
  }

  /** The number of lines that have left the screen at its top, where they cannot change any more. */
  get scrolled(): number {
    return this.#top;
  }

  #print(character: string): void {
    if (character === '\n') {
      this.#row++;
      this.#column = 0;
    } else if (character === '\r') {
      this.#column = 0;
    } else {
      if (this.#column >= this.columns) {
        this.#row++;
        this.#column = 0;
      }
      const line = this.#lineAt(this.#row);
      while (line.length < this.#column) {
        line.push(' ');
      }
      line[this.#column++] = character;
    }
    this.#lineAt(this.#row);
    this.#top = Math.max(this.#top, this.#row - this.rows + 1);
  }

  #control(final: string, count: number, parameter: string): void {
    switch (final) {
      case 'A':
        this.#row = Math.max(this.#top, this.#row - count);
        return;
      case 'B':
        this.#row = Math.min(this.#top + this.rows - 1, this.#row + count);
        return;
      case 'G':
        this.#column = count - 1;
        return;
      case 'K':
        if (parameter === '2') {
          this.#lineAt(this.#row).length = 0;
        } else {
          this.#lineAt(this.#row).length = Math.min(this.#column, this.#lineAt(this.#row).length);
        }
        return;
      case 'h':
      case 'l':
      case 'm':
        return;
      default:
        throw new Error(`The screen does not know the sequence CSI ${parameter}${final}`);
    }
  }

  #lineAt(row: number): string[] {
    while (this.#lines.length <= row) {
      this.#lines.push([]);
    }
    return this.#lines[row] as string[];
  }
}
