// Independent readers of the example's output formats, written from the specifications alone.

export interface Uf2Block {
  flags: number;
  address: number;
  payload: Buffer;
  number: number;
  count: number;
  family: number;
}

/** https://github.com/microsoft/uf2: 512-byte blocks. Throws if one of a block's three magic numbers is missing. */
export function readUf2(file: Buffer): Uf2Block[] {
  if (file.length === 0 || file.length % 512 !== 0)
    throw new Error(`a UF2 file cannot have ${file.length} bytes`);
  const blocks: Uf2Block[] = [];
  for (let at = 0; at < file.length; at += 512) {
    const view = new DataView(file.buffer, file.byteOffset + at, 512);
    const word = (offset: number) => view.getUint32(offset, true);
    if (file.toString('latin1', at, at + 4) !== 'UF2\n') throw new Error(`no first magic at ${at}`);
    if (word(4) !== 0x9e5d5157) throw new Error(`no second magic at ${at}`);
    if (word(508) !== 0x0ab16f30) throw new Error(`no final magic at ${at}`);
    const payload = Buffer.from(file.subarray(at + 32, at + 32 + word(16)));
    blocks.push({
      flags: word(8),
      address: word(12),
      payload,
      number: word(20),
      count: word(24),
      family: word(28),
    });
  }
  return blocks;
}

export interface Elf {
  class: number;
  byteOrder: number;
  type: number;
  machine: number;
  entry: number;
  segments: {
    type: number;
    virtual: number;
    physical: number;
    contents: Buffer;
    memorySize: number;
    flags: number;
  }[];
}

/** Tool Interface Standard, Executable and Linking Format 1.2, figures 1-3 and 2-1. */
export function readElf(file: Buffer): Elf {
  if (file.toString('latin1', 0, 4) !== '\x7fELF') throw new Error('no ELF magic');
  const view = new DataView(file.buffer, file.byteOffset, file.length);
  const half = (offset: number) => view.getUint16(offset, true);
  const word = (offset: number) => view.getUint32(offset, true);
  const segments: Elf['segments'] = [];
  for (let index = 0; index < half(0x2c); index++) {
    const at = word(0x1c) + index * half(0x2a);
    const contents = Buffer.from(file.subarray(word(at + 4), word(at + 4) + word(at + 16)));
    segments.push({
      type: word(at),
      virtual: word(at + 8),
      physical: word(at + 12),
      contents,
      memorySize: word(at + 20),
      flags: word(at + 24),
    });
  }
  return {
    class: file[4]!,
    byteOrder: file[5]!,
    type: half(0x10),
    machine: half(0x12),
    entry: word(0x18),
    segments,
  };
}

/** The prerequisites of the one rule in a Makefile, read character by character. */
export function readDependencies(makefile: string): string[] {
  const words: string[] = [];
  let word = '';
  const end = () => {
    if (word !== '') words.push(word);
    word = '';
  };
  for (let at = 0; at < makefile.length; at++) {
    const two = makefile.slice(at, at + 2);
    if (two === '\\\n') {
      end();
      at++;
    } else if (two === '\\ ' || two === '\\#' || two === '$$') {
      word += two[1];
      at++;
    } else if (/\s/.test(makefile[at]!)) {
      end();
    } else {
      word += makefile[at];
    }
  }
  end();
  const [target, ...prerequisites] = words;
  if (!target?.endsWith(':')) throw new Error(`'${target}' is not the target of a rule`);
  return prerequisites;
}
