// Kinds of damage to a database's files, the same in every run.
import { readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';

export interface Place {
  /** The database. */
  file: string;
  /** Of another cache, with the same keys and other values, left by a process that was killed. */
  other: string;
  random: () => number;
}

export interface Damage {
  name: string;
  make(place: Place): void;
  /** Whether the damage must be noticed: false if the result is a sound database. */
  isNoticed?: boolean;
}

// Marsaglia's xorshift: the same damage in every run.
export function randomFrom(seed: number): () => number {
  let state = seed | 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

export function randomBytes(length: number, random: () => number): Buffer {
  return Buffer.from(Array.from({ length }, () => Math.floor(random() * 256)));
}

/** Changes bytes in place, so that processes with the file open see the damage. */
export function overwrite(file: string, from: number, bytes: Buffer): void {
  const content = readFileSync(file);
  bytes.copy(content, from);
  writeFileSync(file, content, { flag: 'r+' });
}

const PAGE = 2048;

function randomPage({ file, random }: Place): void {
  const pages = readFileSync(file).length / PAGE;
  const page = 1 + Math.floor(random() * (pages - 1));
  overwrite(file, page * PAGE, randomBytes(PAGE, random));
}

/** Of the database itself. */
export const damages: Damage[] = [
  {
    name: 'a header of random bytes',
    make: p => overwrite(p.file, 0, randomBytes(100, p.random)),
    isNoticed: true,
  },
  { name: 'a first page of zeros', make: p => overwrite(p.file, 0, Buffer.alloc(PAGE)), isNoticed: true },
  {
    name: 'a schema of random bytes',
    make: p => overwrite(p.file, 100, randomBytes(PAGE - 100, p.random)),
    isNoticed: true,
  },
  ...[99, 100, PAGE - 1, PAGE, PAGE + 1].map(size => ({
    name: `only ${size} bytes left`,
    make: ({ file }: Place) => truncateSync(file, size),
    isNoticed: true,
  })),
  // For SQLite, less than a page is an empty database: there is nothing to quarantine.
  { name: 'no bytes left', make: ({ file }) => truncateSync(file, 0) },
  { name: 'one byte left', make: ({ file }) => truncateSync(file, 1) },
  {
    name: 'half of it missing',
    make: ({ file }) => truncateSync(file, Math.floor(readFileSync(file).length / 2)),
  },
  { name: 'its last byte missing', make: ({ file }) => truncateSync(file, readFileSync(file).length - 1) },
  {
    name: 'text in its place',
    make: ({ file }) => writeFileSync(file, 'not a database '.repeat(1000), { flag: 'r+' }),
    isNoticed: true,
  },
  ...Array.from({ length: 12 }, (_, index) => ({
    name: `a random page (${index})`,
    make: (place: Place) => {
      for (let skip = 0; skip < index * 7; skip++) place.random();
      randomPage(place);
    },
  })),
  {
    name: 'random bytes all over',
    make: place => {
      for (let count = 0; count < 40; count++) {
        const { length } = readFileSync(place.file);
        overwrite(
          place.file,
          Math.floor(PAGE + place.random() * (length - PAGE - 1)),
          randomBytes(1, place.random),
        );
      }
    },
  },
];

/** Of its log, which may be in use or left by a killed process. */
export const logDamages: Damage[] = [
  {
    name: 'a log of random bytes',
    make: p => overwrite(`${p.file}-wal`, 0, randomBytes(readFileSync(`${p.file}-wal`).length, p.random)),
  },
  {
    name: 'random bytes in the middle of the log',
    make: p => overwrite(`${p.file}-wal`, 9 * PAGE, randomBytes(3 * PAGE, p.random)),
  },
  { name: 'a log cut short', make: ({ file }) => truncateSync(`${file}-wal`, 10 * PAGE + 7) },
  { name: 'an empty log', make: ({ file }) => truncateSync(`${file}-wal`) },
  {
    name: 'a log index of random bytes',
    make: p => overwrite(`${p.file}-shm`, 0, randomBytes(readFileSync(`${p.file}-shm`).length, p.random)),
  },
];

export const removedLogs: Damage[] = [
  { name: 'no log', make: ({ file }) => rmSync(`${file}-wal`), isNoticed: true },
  { name: 'no log index', make: ({ file }) => rmSync(`${file}-shm`), isNoticed: true },
];
