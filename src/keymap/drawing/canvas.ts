// Text canvas with boxes. Lines of touching boxes join.

const UP = 1;
const RIGHT = 2;
const DOWN = 4;
const LEFT = 8;

/** Box-drawing characters, indexed by a bit set of directions. */
const LINES = ' ╵╶└╷│┌├╴┘─┴┐┤┬┼';

/** A character grid that grows as it is drawn on. Columns count to the right and lines down, both from 0. */
export class Canvas {
  readonly #directions: number[][] = [];
  readonly #characters: (string | undefined)[][] = [];

  /** Draws a box with its upper left corner at column and line. Width and height are inner sizes. */
  box(column: number, line: number, width: number, height: number): void {
    const right = column + width + 1;
    const bottom = line + height + 1;
    for (let x = column; x < right; x++) for (const y of [line, bottom]) this.#connect(x, y, 1, 0);
    for (let y = line; y < bottom; y++) for (const x of [column, right]) this.#connect(x, y, 0, 1);
  }

  /** Writes a text, one character per column. */
  text(column: number, line: number, text: string): void {
    for (const [offset, character] of [...text].entries())
      rowOf(this.#characters, line)[column + offset] = character;
  }

  /** The drawing, without trailing spaces. */
  toString(): string {
    const height = Math.max(this.#directions.length, this.#characters.length);
    return Array.from({ length: height }, (_, line) => this.#lineOf(line)).join('\n');
  }

  #connect(x: number, y: number, right: 0 | 1, down: 0 | 1): void {
    const from = rowOf(this.#directions, y);
    from[x] = (from[x] ?? 0) | (right ? RIGHT : DOWN);
    const to = rowOf(this.#directions, y + down);
    to[x + right] = (to[x + right] ?? 0) | (right ? LEFT : UP);
  }

  #lineOf(line: number): string {
    const directions = this.#directions[line] ?? [];
    const characters = this.#characters[line] ?? [];
    const width = Math.max(directions.length, characters.length);
    const drawn = Array.from({ length: width }, (_, x) => characters[x] ?? LINES[directions[x] ?? 0]!);
    return drawn.join('').trimEnd();
  }
}

function rowOf<T>(rows: T[][], line: number): T[] {
  while (rows.length <= line) rows.push([]);
  return rows[line]!;
}
