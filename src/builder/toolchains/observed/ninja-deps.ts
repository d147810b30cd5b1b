// Parser of ninja's deps log (`.ninja_deps`): for every output of a compiler, the files that the compiler reported as
// read.
//
//   "# ninjadeps\n"  version:u32                                            all numbers little-endian
//   path record      size:u32             name, padded with 0 to 4 bytes    ~id:u32     ids count from 0
//   deps record      size:u32 | 1 << 31   output:u32  mtime:u64             input:u32 …
//
// A later record about the same output replaces an earlier one.

const SIGNATURE = '# ninjadeps\n';
const VERSION = 4;
const DEPS_FLAG = 0x8000_0000;
/** Ninja itself refuses longer records. */
const MAX_RECORD = (1 << 19) - 1;

/**
 * The inputs of each output, with names as Ninja knows them: relative to the build directory unless absolute. Undefined
 * if the log is incomplete or of an unknown version, so that it proves nothing.
 */
export function parseNinjaDeps(log: Buffer): Map<string, string[]> | undefined {
  const header = SIGNATURE.length + 4;
  if (log.length < header || log.toString('latin1', 0, SIGNATURE.length) !== SIGNATURE) return undefined;
  if (log.readUInt32LE(SIGNATURE.length) !== VERSION) return undefined;
  const names: string[] = [];
  const found = new Map<string, string[]>();
  for (let at = header; at < log.length; ) {
    if (at + 4 > log.length) return undefined;
    const head = log.readUInt32LE(at);
    const isDeps = head >= DEPS_FLAG;
    const size = isDeps ? head - DEPS_FLAG : head;
    at += 4;
    if (size > MAX_RECORD || size % 4 !== 0 || at + size > log.length) return undefined;
    const record = log.subarray(at, at + size);
    at += size;
    if (isDeps) {
      const deps = parseDeps(record, names);
      if (!deps) return undefined;
      found.set(deps.output, deps.inputs);
    } else {
      const name = parseName(record, names.length);
      if (name === undefined) return undefined;
      names.push(name);
    }
  }
  return found;
}

function parseDeps(record: Buffer, names: string[]): { output: string; inputs: string[] } | undefined {
  if (record.length < 12) return undefined;
  const output = names[record.readUInt32LE(0)];
  const inputs: string[] = [];
  for (let at = 12; at < record.length; at += 4) {
    const name = names[record.readUInt32LE(at)];
    if (name === undefined) return undefined;
    inputs.push(name);
  }
  return output === undefined ? undefined : { output, inputs };
}

function parseName(record: Buffer, id: number): string | undefined {
  if (record.length < 8) return undefined;
  let end = record.length - 4;
  if (record.readUInt32LE(end) !== ~id >>> 0) return undefined;
  for (let padding = 0; padding < 3 && record[end - 1] === 0; padding++) end--;
  const name = record.subarray(0, end);
  if (name.length === 0 || name.includes(0)) return undefined;
  return name.toString('utf8');
}
