// Row ids of evicted entries: a new entry that takes one goes to a page that has room for it, instead of to a new page
// at the end of the table. They are only hints, and lost with the connection.

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

  /** A row id to try; it stays until it was {@link taken}. */
  peek(): number {
    if (this.#next >= this.#ids.length) this.#next = 0;
    return this.#ids[this.#next]!;
  }

  /** The row id tried last is in use now. */
  taken(): void {
    const last = this.#ids.pop()!;
    if (this.#next < this.#ids.length) this.#ids[this.#next] = last;
  }

  /** The row id tried last was not needed, or is in use by another entry: the next call returns a different one. */
  skip(): void {
    this.#next++;
  }

  clear(): void {
    this.#ids.length = 0;
  }
}
