// Values that name their writer and cannot lose a part unnoticed.

/** Forms of a value: bytes, text, or an object that holds text. */
const FORMS = ['b', 's', 'o'] as const;

/** A value's name: the writer, its count, its form and size. Everything about the value follows from it. */
export function valueId(writer: string, count: number, size: number): string {
  return `${writer}#${count}:${FORMS[count % FORMS.length]}${size}`;
}

/** The number of bytes of the value with this id; 0 for anything that is not an id. */
export function sizeOf(id: string): number {
  return Number(/:[bso](\d+)$/.exec(id)?.[1] ?? 0);
}

/** The bytes of the value with this id: its name, again and again. */
export function bytesOf(id: string): Buffer {
  return Buffer.alloc(sizeOf(id), `${id};`);
}

/** The value with this id. */
export function makeValue(id: string): unknown {
  const bytes = bytesOf(id);
  const form = /:([bso])\d+$/.exec(id)?.[1];
  if (form === 'b') return bytes;
  return form === 's' ? bytes.toString('latin1') : { id, body: bytes.toString('latin1') };
}

/** The name of a number, as counters have. */
export function numberId(value: number): string {
  return `=${value}`;
}

/** The id of a value that was read; `torn: …` if it is not, byte for byte, what its id says. */
export function recognise(value: unknown): string {
  if (typeof value === 'number') return numberId(value);
  if (typeof value === 'string') return recogniseBytes(Buffer.from(value, 'latin1'));
  if (value instanceof Uint8Array) return recogniseBytes(value);
  if (typeof value === 'object' && value !== null && 'id' in value && 'body' in value) {
    const inner = recognise(value.body);
    return inner === value.id ? inner : `torn: an object of ${String(value.id)} with the body of ${inner}`;
  }
  return `torn: a ${typeof value}`;
}

function recogniseBytes(bytes: Uint8Array): string {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const end = buffer.indexOf(';');
  const id = end < 0 ? '' : buffer.toString('latin1', 0, end);
  if (sizeOf(id) === buffer.length && buffer.equals(bytesOf(id))) return id;
  return `torn: ${buffer.length} bytes beginning ${JSON.stringify(buffer.toString('latin1', 0, 40))}`;
}
