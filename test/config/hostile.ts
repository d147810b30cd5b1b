// Hostile content in place of a file that a person should have written, and the required outcome.
import { execFileSync } from 'node:child_process';
import { mkdir, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import type { ExecutionContext } from 'ava';
import fc from 'fast-check';
import { GloveboxError } from '../../src/errors.ts';
import { runs, seed } from '../support/extent.ts';

/** The size of the largest of these texts in characters; YAML readers refuse larger ones unread. */
const SIZE = 64 * 1024 - 100;

function filled(text: string, size = SIZE): string {
  return text.repeat(Math.floor(size / text.length));
}

function lines(count: number, line: (index: number) => string): string {
  return Array.from({ length: count }, (_, index) => line(index)).join('\n');
}

/** Texts that cost a reader of YAML or JSON much time, memory or stack. */
export const HOSTILE_TEXTS: Readonly<Record<string, string>> = {
  'lists in lists': filled('['),
  'maps in maps': filled('{a: '),
  'objects in objects': `${'{"a":'.repeat(12_000)}1${'}'.repeat(4_000)}`,
  'balanced brackets': `${'['.repeat(32_000)}${']'.repeat(32_000)}`,
  'indented maps': lines(350, index => `${' '.repeat(index)}a:`),
  dashes: filled('- '),
  'question marks': filled('? '),
  colons: filled(': '),
  commas: `[${filled(',')}]`,
  quotes: filled('"'),
  anchors: filled('&a '),
  tags: filled('!!foo '),
  documents: filled('---\n'),
  directives: filled('%YAML 1.2\n'),
  'many aliases': `a: &a [x]\n${'b: *a\n'.repeat(5_000)}`,
  'a bomb of aliases': `a0: &a0 [x,x]\n${lines(40, index => `a${index + 1}: &a${index + 1} [${Array(9).fill(`*a${index}`).join()}]`)}`,
  'a bomb of merges': `a0: &a0 {x: 1}\n${lines(40, index => `a${index + 1}: &a${index + 1} {<<: [*a${index}, *a${index}]}`)}`,
  'a list in itself': 'a: &a [*a]\ninclude: *a',
  'a map in itself': '&a {cache: *a, build: *a, include: *a}',
  'many fields': lines(6_000, index => `k${index}: 1`),
  'one field again and again': filled('include: 1\n'),
  'fields that are lists': filled('? [a]\n: b\n'),
  'a field of one letter a thousand times': `${filled('k')}: 1`,
  'a number of many digits': `build: { jobs: ${filled('9')}}`,
  'names of prototypes': '__proto__: { polluted: 1 }\nconstructor: { prototype: { polluted: 1 } }\n',
  NUL: filled('\0'),
  'wrong types': 'include: { board: [1] }\nbuild: [1]\ncache: 7\ntoolchains: text\n',
  'a byte order mark and CR LF': '\ufeffbuild:\r\n  jobs: many\r\ninclude: 1\r\n',
};

/** Things that are not files, or cannot be read whole; each is created at `place`. */
export const HOSTILE_PLACES: Readonly<Record<string, (place: string) => Promise<unknown>>> = {
  'a pipe': async place => execFileSync('mkfifo', [place]),
  'a directory': place => mkdir(place),
  'a device that never ends': place => symlink('/dev/zero', place),
  'a link to itself': place => symlink(place, place),
  gigabytes: async place => {
    await writeFile(place, '');
    await truncate(place, 8 * 1024 ** 3);
  },
  'bytes that are not text': place => writeFile(place, Buffer.from([0x61, 0x3a, 0x0a, 0xff, 0xfe, 0x00])),
};

/** Puts each in place of the file in turn. */
export async function inPlace(place: string, put: (place: string) => Promise<unknown>): Promise<void> {
  await rm(place, { recursive: true, force: true });
  await put(place);
}

/**
 * Reads, and fails the test unless that ends within a second of CPU time, successfully or with one of our errors that
 * names `file`. The thread's own CPU time is measured, since the machine may be busy with other things: no other test
 * may run in it meanwhile.
 */
export async function readWithinASecond(
  t: ExecutionContext,
  what: string,
  file: string,
  read: () => Promise<unknown>,
): Promise<GloveboxError | undefined> {
  const before = process.threadCpuUsage();
  const error = await read().then(
    () => undefined,
    (error: unknown) => error,
  );
  const took = workSince(before);
  t.true(took < 1000 || took < 1000 * slowness(), `${what}: ${took} ms of work`);
  t.is(({} as { polluted?: number }).polluted, undefined, what);
  if (error === undefined) return undefined;
  if (!(error instanceof GloveboxError)) throw new Error(`${what}: not an error of ours`, { cause: error });
  t.true(error.message.startsWith(file), `${what}: ${error.message}`);
  t.true(error.message.length < 4_000, `${what}: a message of ${error.message.length} characters`);
  return error;
}

/** Milliseconds. */
function workSince(before: NodeJS.CpuUsage): number {
  const { user, system } = process.threadCpuUsage(before);
  return (user + system) / 1000;
}

// The milliseconds that the work of {@link slowness} takes on the machine for which the second is meant.
const USUAL_MS = 60;

/** The current slowness factor of a machine whose cores are also busy with other things. */
function slowness(): number {
  const text = JSON.stringify(
    Array.from({ length: 2000 }, (_, n) => ({ n, list: [n, { text: 'b'.repeat(20) }] })),
  );
  const before = process.threadCpuUsage();
  for (let round = 0; round < 60; round++) JSON.stringify(JSON.parse(text));
  return Math.max(1, workSince(before) / USUAL_MS);
}

/** Random changes of meaningful texts, the same in every run: see extent.ts. */
export function fuzz(texts: readonly string[], read: (text: Buffer) => Promise<void>): Promise<void> {
  const piece = fc.oneof(
    fc.constantFrom(
      '{',
      '}',
      '[',
      ']',
      ': ',
      '- ',
      '&a ',
      '*a',
      '<<: ',
      '"',
      "'",
      '|\n',
      '\n',
      '\t',
      '\r',
      '<',
      '>',
      '&',
      '#define A A\n',
      '/*',
      '\0',
      '\ufeff',
      '__proto__',
    ),
    fc.string({ unit: 'binary', maxLength: 8 }),
    fc.uint8Array({ maxLength: 6 }).map(bytes => Buffer.from(bytes).toString('latin1')),
  );
  const change = fc.record({
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    remove: fc.nat(40),
    piece,
    times: fc.constantFrom(1, 1, 1, 200),
  });
  const changed = fc
    .record({ text: fc.constantFrom(...texts), changes: fc.array(change, { minLength: 1, maxLength: 8 }) })
    .map(({ text, changes }) =>
      changes.reduce((bytes, { at, remove, piece, times }) => {
        const from = Math.floor(at * bytes.length);
        const put = Buffer.from(piece.repeat(times), 'latin1');
        return Buffer.concat([bytes.subarray(0, from), put, bytes.subarray(from + remove)]);
      }, Buffer.from(text)),
    );
  return fc.assert(fc.asyncProperty(changed, read), { numRuns: runs(15, 150), seed: seed(20) });
}
