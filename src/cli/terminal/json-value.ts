// JSON form of any stored value, for programs. Values that JSON cannot express become their closest equivalent.

// A value can refer to the same object many times, and so become endless when written out.
const MAX_PARTS = 1_000_000;
const MAX_DEPTH = 200;

/**
 * Dates become ISO strings, big integers strings of digits, maps lists of pairs, sets lists, bytes base64 strings,
 * errors objects with name and message, `undefined`, NaN and infinities `null`, and a cycle the string `[circular]`.
 * Values that are too large or too deep become `[too large]` or `[too deep]`.
 */
export function toJsonValue(value: unknown): unknown {
  return convert(value, [], { parts: MAX_PARTS });
}

function convert(value: unknown, above: readonly object[], left: { parts: number }): unknown {
  if (left.parts <= 0) {
    return '[too large]';
  }
  // Deep values are also indented that far.
  left.parts -= 1 + above.length;
  if (typeof value === 'bigint') {
    return value.toString();
  }
  if (typeof value !== 'object' || value === null) {
    return value ?? null;
  }
  if (above.includes(value)) {
    return '[circular]';
  }
  if (above.length >= MAX_DEPTH) {
    return '[too deep]';
  }
  const inside = [...above, value];
  const within = (part: unknown) => convert(part, inside, left);
  if (value instanceof Date) {
    return Number.isNaN(value.getTime()) ? null : value.toISOString();
  }
  if (value instanceof RegExp) {
    return String(value);
  }
  if (value instanceof Map) {
    return takeWhileLeft(value, left).map(([key, item]) => [within(key), within(item)]);
  }
  if (value instanceof Set || Array.isArray(value)) {
    return takeWhileLeft<unknown>(value, left).map(within);
  }
  if (value instanceof ArrayBuffer) {
    return Buffer.from(value).toString('base64');
  }
  if (ArrayBuffer.isView(value)) {
    return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64');
  }
  if (value instanceof Error) {
    return { name: value.name, message: value.message };
  }
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, within(item)]));
}

/** The items that can still be converted. */
function takeWhileLeft<T>(items: Iterable<T>, left: { parts: number }): T[] {
  const taken: T[] = [];
  for (const item of items) {
    // One extra item shows that something is missing.
    if (taken.length > left.parts) {
      break;
    }
    taken.push(item);
  }
  return taken;
}

/** The number of levels with at most `parts` parts in total, so that the output fits a screen. */
export function readableDepth(value: unknown, parts = 10_000, deepest = 50): number {
  let level: unknown[] = [value];
  let seen = 0;
  for (let depth = 0; depth < deepest; depth++) {
    const next: unknown[] = [];
    for (const item of level) {
      if (typeof item !== 'object' || item === null || ArrayBuffer.isView(item)) {
        continue;
      }
      const inner =
        item instanceof Map ? [...item].flat() : item instanceof Set ? [...item] : Object.values(item);
      seen += inner.length;
      if (seen > parts) {
        return depth;
      }
      next.push(...inner);
    }
    if (next.length === 0) {
      return depth;
    }
    level = next;
  }
  return deepest;
}
