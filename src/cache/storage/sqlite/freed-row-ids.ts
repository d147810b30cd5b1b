// Row numbers of entries that were evicted: a new entry that takes one goes to a page that has room for it, instead of
// to a new page at the end of the table. They are only hints, and forgotten with the connection.

const MAX_IDS = 1 << 20;

export class FreedRowIds {
  readonly #ids: number[] = [];
  #next = 0;

  get count(): number {
    return this.#ids.length;
  }

  get isEmpty(): boolean {
    return this.#ids.length === 0;
  }

  add(id: number): void {
    if (this.#ids.length < MAX_IDS) this.#ids.push(id);
  }

  /** One of them, to be tried; it stays until it was {@link taken}. */
  peek(): number {
    if (this.#next >= this.#ids.length) this.#next = 0;
    return this.#ids[this.#next]!;
  }

  /** The one that was tried last is free no more. */
  taken(): void {
    const last = this.#ids.pop()!;
    if (this.#next < this.#ids.length) this.#ids[this.#next] = last;
  }

  /** The one that was tried last was not needed, or is another's by now: the next time another one is tried. */
  skip(): void {
    this.#next++;
  }

  clear(): void {
    this.#ids.length = 0;
  }
}
