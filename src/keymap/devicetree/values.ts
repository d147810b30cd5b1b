// Reader of devicetree property values: cells in angle brackets, strings, bytes.
import { IDENTIFIER, REFERENCE, type Scanner } from './scanner.ts';
import type { Cell, Value } from './tree.ts';

const NUMBER = /(?:0[xX][\da-fA-F]+|\d+)(?:ULL|LL|UL|U|L)?(?!\w)/y;
const CHARACTER = /'(?:\\.|[^'\\])*'/y;
const STRING = /"((?:\\.|[^"\\])*)"/sy;
const KEYWORD = /\/(bits|incbin)\//y;

export class ValueReader {
  readonly #scanner: Scanner;

  constructor(scanner: Scanner) {
    this.#scanner = scanner;
  }

  /** Reads the values between `=` and `;`. */
  read(values: Value[]): void {
    for (;;) {
      this.#scanner.takeLabels();
      const value = this.#value();
      if (value === undefined) {
        this.#scanner.unexpected();
        this.#scanner.skipStatement();
        return;
      }
      values.push(value);
      this.#scanner.takeLabels();
      if (this.#scanner.take(';')) return;
      if (this.#scanner.take(',')) continue;
      if (/[<["]/.test(this.#scanner.text[this.#scanner.at] ?? '')) {
        this.#scanner.missing(',');
        continue;
      }
      this.#scanner.missing(';');
      return;
    }
  }

  #value(): Value | undefined {
    const string = this.#scanner.match(STRING);
    if (string !== undefined) return { kind: 'string', text: string[1]!.replace(/\\(.)/gs, '$1') };
    if (this.#scanner.take('<')) return { kind: 'cells', cells: this.#cells() };
    if (this.#scanner.take('[')) {
      this.#scanner.skipTo(']');
      return { kind: 'other' };
    }
    if (this.#scanner.match(REFERENCE) !== undefined) return { kind: 'other' };
    const keyword = this.#scanner.match(KEYWORD)?.[1];
    if (keyword === 'bits') {
      const bits = this.#scanner.match(NUMBER)?.[0];
      if (!this.#scanner.take('<')) return undefined;
      const cells = this.#cells();
      return Number(bits) === 32 ? { kind: 'cells', cells } : { kind: 'other' };
    }
    if (keyword === 'incbin') {
      if (this.#scanner.take('(')) this.#scanner.skipBrackets('cells');
      return { kind: 'other' };
    }
    const cell = this.#unknownCell();
    return cell && { kind: 'unknown', cell };
  }

  #cells(): Cell[] {
    const cells: Cell[] = [];
    for (;;) {
      this.#scanner.skipSpace();
      if (this.#scanner.take('>')) return cells;
      const start = this.#scanner.at;
      if (this.#scanner.takeLabels().length > 0) continue;
      const cell = this.#cell(start);
      if (cell !== undefined) {
        cells.push(cell);
        continue;
      }
      const next = this.#scanner.text[this.#scanner.at];
      if (next === undefined || next === ';' || next === '{' || next === '}') {
        this.#scanner.missing('>');
        return cells;
      }
      this.#scanner.unexpected();
      this.#scanner.at++;
    }
  }

  #cell(start: number): Cell | undefined {
    const reference = this.#scanner.match(REFERENCE);
    if (reference !== undefined)
      return this.#cellFrom(start, 'reference', reference[1] ?? reference[2] ?? '');
    if (this.#scanner.match(NUMBER) !== undefined || this.#scanner.match(CHARACTER) !== undefined) {
      return this.#cellFrom(start, 'number');
    }
    if (this.#scanner.take('(')) {
      this.#scanner.skipBrackets('cells');
      return this.#cellFrom(start, 'number');
    }
    return this.#unknownCell();
  }

  /** An undefined name, with its arguments when a bracket follows directly. */
  #unknownCell(): Cell | undefined {
    this.#scanner.skipSpace();
    const start = this.#scanner.at;
    const name = this.#scanner.match(IDENTIFIER)?.[0];
    if (name === undefined) return undefined;
    if (this.#scanner.text[this.#scanner.at] !== '(') return this.#cellFrom(start, 'name', name);
    this.#scanner.at++;
    this.#scanner.skipBrackets('cells');
    return this.#cellFrom(start, 'call', name);
  }

  #cellFrom(start: number, kind: Cell['kind'], text?: string): Cell {
    const written = text ?? this.#scanner.text.slice(start, this.#scanner.at);
    const first = this.#scanner.source.indexAt(start);
    return { kind, text: written, first, last: this.#scanner.source.indexAt(this.#scanner.at - 1) };
  }
}
