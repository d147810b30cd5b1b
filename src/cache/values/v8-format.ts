// V8's serialization format: checks the array lengths that serialized bytes declare, before the deserializer allocates
// them. For an array that is mostly holes it allocates the declared length, up to 256 MB for ten bytes, and can crash
// the process.

// Most holes that one value may declare, beyond one for each of its bytes; a hole takes 8 bytes of memory.
const MAX_HOLES = 1 << 22;

/**
 * Throws when the bytes are not a serialized value, or one that declares more than four million holes in its arrays.
 */
export function assertBoundedArrays(bytes: Uint8Array): void {
  if (mayDeclareHoles(bytes)) new FormatScanner(bytes).run();
}

// The tag of such an array, with a length of at least three bytes: text hardly ever contains it by chance.
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

// The data after each tag: `n` a number of variable length, `d` eight bytes, `b` as many bytes as the number before
// says, `s` a string with its tag, `h` an object of our serializer. `+` begins and `-` ends a container.
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
    // Older versions have other tags; no supported Node ever wrote one.
    if (this.#byte() !== 0xff || this.#number() < 15) throw new Error('Serialized bytes without a header.');
    let depth = 0;
    // The errors around the current position, by the depth at which their parts are complete.
    const errors: number[] = [];
    while (this.#at < this.#bytes.length) {
      if (errors.at(-1) === depth) {
        const part = this.#byte();
        if (part === END_OF_ERROR) {
          errors.pop();
          depth--;
        }
        // The parts that have a value; the others give the class.
        else if (part === code('m') || part === code('s')) this.#string();
        else if (part === code('c')) depth += this.#token(depth, errors);
        continue;
      }
      depth += this.#token(depth, errors);
    }
  }

  // Returns the change of depth after the token.
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

  // In the form of codec.ts for views: a Buffer's bytes, or two numbers and then the buffer as a value of its own.
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
