// Reads how large the arrays are that serialized bytes declare, before the deserializer makes them: for one that is
// mostly holes it takes the declared length's room, up to 256 MB for ten bytes, and takes the process with it.

// All holes that one value may declare, beside what its own bytes account for: 8 bytes each.
const MAX_HOLES = 1 << 22;

/** Throws when the bytes are no value of ours, or one that declares more than four million holes in its arrays. */
export function assertBoundedArrays(bytes: Uint8Array): void {
  if (mayDeclareHoles(bytes)) new FormatScanner(bytes).run();
}

// The tag of such an array, with a length of at least three bytes: hardly ever there by chance in text.
function mayDeclareHoles(bytes: Uint8Array): boolean {
  for (let at = bytes.indexOf(SPARSE); at >= 0; at = bytes.indexOf(SPARSE, at + 1)) {
    if (bytes[at + 1]! >= 0x80 && bytes[at + 2]! >= 0x80) return true;
  }
  return false;
}

const code = (character: string) => character.charCodeAt(0);
const SPARSE = code('a');
const ERROR = code('r');
const END_OF_ERROR = code('.');

// What follows each tag: `n` a number of variable length, `d` eight bytes, `b` as many bytes as the number before
// says, `s` a string with its tag, `h` an object of our serializer. `+` begins and `-` ends what contains others.
const TAGS: Readonly<Record<string, string>> = {
  _: '',
  '0': '',
  T: '',
  F: '',
  '-': '',
  '\0': ' ',
  I: 'n',
  U: 'n',
  N: 'd',
  Z: 'z',
  '"': 'nb',
  c: 'nb',
  S: 'nb',
  '^': 'n',
  D: 'd',
  y: '',
  x: '',
  n: 'd',
  z: 'z',
  s: 's',
  R: 'sn',
  o: '+',
  '{': 'n-',
  A: 'n+',
  $: 'nn-',
  a: 'n+',
  '@': 'nn-',
  ';': '+',
  ':': 'n-',
  "'": '+',
  ',': 'n-',
  B: 'nb',
  '~': 'nnl',
  '\\': 'h',
};

class FormatScanner {
  readonly #bytes: Uint8Array;
  #at = 0;
  #holes = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  run(): void {
    // Older versions have other tags; none was ever written by a Node that is supported.
    if (this.#byte() !== 0xff || this.#number() < 15) throw new Error('Serialized bytes without a header.');
    let depth = 0;
    // Errors in which we are, by the depth at which their parts are complete.
    const errors: number[] = [];
    while (this.#at < this.#bytes.length) {
      if (errors.at(-1) === depth) {
        const part = this.#byte();
        if (part === END_OF_ERROR) {
          errors.pop();
          depth--;
        }
        // The parts that have a value; the others say which class it is.
        else if (part === code('m') || part === code('s')) this.#string();
        else if (part === code('c')) depth += this.#token(depth, errors);
        continue;
      }
      depth += this.#token(depth, errors);
    }
  }

  // Returns by how much deeper it goes on after it.
  #token(depth: number, errors: number[]): number {
    const tag = this.#byte();
    if (tag === ERROR) {
      errors.push(depth + 1);
      return 1;
    }
    return this.#skip(tag);
  }

  #skip(tag: number): number {
    const follows = TAGS[String.fromCharCode(tag)];
    if (follows === undefined) throw new Error(`Serialized bytes with an unknown tag ${tag}.`);
    let deeper = 0;
    let number = 0;
    let first = -1;
    for (const item of follows) {
      if (item === 'n') {
        number = this.#number();
        if (first < 0) first = number;
      } else if (item === 'b') this.#at += number;
      else if (item === 'l') this.#at += first;
      else if (item === 'd') this.#at += 8;
      else if (item === 'z') this.#pass(this.#number() >>> 1);
      else if (item === 's') this.#string();
      else if (item === 'h') this.#hostObject();
      else if (item === '+') deeper = 1;
      else if (item === '-') deeper = -1;
    }
    if (tag === SPARSE) this.#holes += first;
    if (this.#holes > MAX_HOLES + this.#bytes.length) {
      throw new Error(`an array of ${first} items, most of them holes`);
    }
    return deeper;
  }

  #string(): void {
    let tag = this.#byte();
    while (tag === 0) tag = this.#byte();
    if (tag === code('^')) this.#number();
    else if (tag === code('"') || tag === code('c') || tag === code('S')) this.#pass(this.#number());
    else throw new Error(`Serialized bytes with ${tag} for a string.`);
  }

  // As codec.ts writes views: a Buffer's bytes, or two numbers and then the buffer as a value of its own.
  #hostObject(): void {
    const BUFFER = 255;
    if (this.#number() === BUFFER) this.#pass(this.#number());
    else {
      this.#number();
      this.#number();
    }
  }

  #pass(length: number): void {
    this.#at += length;
  }

  #number(): number {
    let number = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.#byte();
      number += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return number;
      if (shift > 63) throw new Error('Serialized bytes with a number that does not end.');
    }
  }

  #byte(): number {
    const byte = this.#bytes[this.#at++];
    if (byte === undefined) throw new Error('Serialized bytes that end too early.');
    return byte;
  }
}
