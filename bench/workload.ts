// Workloads: the mix of operations, their keys and concurrency.
import { COLD, type DataSet, OBJECTS, SIZES, SMALL } from './data-set.ts';

export const Kind = { get: 0, set: 1, delete: 2 } as const;
export type Kind = (typeof Kind)[keyof typeof Kind];

export interface Workload {
  name: string;
  /** Group name for `--only`, besides its own name. */
  family: string;
  /** One line. */
  title: string;
  /** Abbreviation for column headers. */
  short: string;
  data: DataSet;
  /** `stampede`: every thread requests the same missing key once. Its producer takes {@link PRODUCER_MS}. */
  type: 'operations' | 'stampede';
  /** Number of operations that each thread has in flight. */
  inFlight: number;
  /** Fractions of the operations; the rest are deletes. */
  gets: number;
  sets: number;
  /** Whether reads draw from absent keys too. */
  misses: boolean;
  /** Distribution of the keys read: uniform, or zipfian as in YCSB with 0.99. */
  distribution: 'uniform' | 'zipfian';
}

/** Whether keys are read again by the same thread: true for small data that fits in memory. */
export function isHot({ type, gets, data }: Workload): boolean {
  return (
    type === 'operations' && gets > 0 && data !== COLD && data.size <= OBJECTS.size && data.kind !== 'file'
  );
}

/** How long the producer of a stampede takes, in milliseconds. */
export const PRODUCER_MS = 50;

type Given = Pick<Workload, 'name' | 'family' | 'title' | 'short'>;

const GET = {
  type: 'operations',
  inFlight: 1,
  gets: 1,
  sets: 0,
  misses: false,
  distribution: 'uniform',
} as const;
const SET = { ...GET, gets: 0, sets: 1 } as const;
const MIX = { ...GET, gets: 0.9, sets: 0.09, misses: true } as const;

function sized(family: string, kind: 'bytes' | 'file', what: string): Workload[] {
  return SIZES.flatMap(({ label, size, keys }) => {
    const id = label.replace(' ', '');
    const data: DataSet = { name: `${family}-${id}`, kind, size, keys, absent: 0 };
    const given = (direction: string): Given => ({
      name: `${family}-${id}-${direction}`,
      family,
      title: `${what} of ${label} ${direction}, one in flight per thread`,
      short: `${label} ${direction}`,
    });
    return [
      { ...SET, ...given('in'), data },
      { ...GET, ...given('out'), data },
    ];
  });
}

/** Workloads with the same data are adjacent: they share one store, in this order. */
export const WORKLOADS: readonly Workload[] = [
  {
    ...GET,
    name: 'get',
    family: 'get',
    title: `get: ${SMALL.keys} hot keys, one in flight per thread`,
    short: 'get',
    data: SMALL,
  },
  {
    ...SET,
    name: 'set',
    family: 'set',
    title: 'set: one in flight per thread, each committed before the next',
    short: 'set',
    data: SMALL,
  },
  {
    ...SET,
    name: 'set-64',
    family: 'set',
    title: 'set: 64 in flight per thread, each acknowledged after its commit',
    short: 'set ×64',
    data: SMALL,
    inFlight: 64,
  },
  {
    ...MIX,
    name: 'mixed',
    family: 'mixed',
    title: 'mixed: 90 % get, 9 % set, 1 % delete, about 1 % of the gets miss; one in flight per thread',
    short: 'mixed',
    data: SMALL,
  },
  {
    ...GET,
    type: 'stampede',
    name: 'stampede',
    family: 'stampede',
    title: `stampede: every thread requests one missing key, whose producer takes ${PRODUCER_MS} ms`,
    short: 'stampede',
    data: SMALL,
  },
  {
    ...MIX,
    name: 'objects',
    family: 'objects',
    title: 'objects: the 90/9/1 mix with nested build records of about 1 KiB',
    short: 'objects',
    data: OBJECTS,
  },
  {
    ...GET,
    name: 'cold-uniform',
    family: 'cold',
    title: 'get: cold keys, uniform, one in flight per thread',
    short: 'cold',
    data: COLD,
  },
  {
    ...GET,
    name: 'cold-zipfian',
    family: 'cold',
    title: 'get: cold keys, zipfian (0.99), one in flight per thread',
    short: 'zipfian',
    data: COLD,
    distribution: 'zipfian',
  },
  ...sized('value', 'bytes', 'values'),
  ...sized('file', 'file', 'files by path'),
];

export function findWorkload(name: string): Workload {
  const found = WORKLOADS.find(workload => workload.name === name);
  if (!found) throw new Error(`There is no workload '${name}'.`);
  return found;
}
