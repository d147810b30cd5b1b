// Violations: promises of the cache that did not hold.

/** Violations that the checker finds in the threads' logs. */
export const IN_LOGS = {
  'unwritten-value': 'A read returned a value that was never stored under the key.',
  'torn-value': 'A read returned bytes that are not, all of them, one value.',
  'stale-read':
    'A read returned a value that was replaced or removed, and acknowledged so, before it was asked.',
  'lost-write': 'Nothing was found where an acknowledged value must be.',
  ghost: '`has` found, or `delete`, `touch` or a refused `add` met, an entry where none can be.',
  'double-add': '`add` succeeded though an entry was there.',
  'lost-increment': 'A sum is smaller than the acknowledged increments make it.',
  'doubled-increment': 'A sum is larger than the increments make it.',
  'two-producers': 'Two callers produced the same key’s value at the same time.',
  'two-products': 'A second product was stored though the first was not gone.',
  'half-batch': 'A part of a `setMany` happened and another part did not.',
  'refused-write': 'A write was not stored though nothing was wrong with the disk.',
  error: 'A call was rejected.',
  'no-answer': 'A call had no answer for longer than anything may take.',
  warning: 'The cache warned of trouble though there was none, or was degraded.',
  damage: '`check()` found what a killed process cannot leave behind.',
} as const;

/** Violations found in the files when every process has ended. */
export const IN_FILES = {
  integrity: '`PRAGMA integrity_check` complained.',
  disagreement: 'A second `check()` found something.',
  'leftover-lock': 'A lock outlived its owner.',
  'leftover-temporary': 'A temporary file outlived its owner.',
  'set-aside': 'A database was set aside.',
  'over-limit': 'A cache is larger than its limit after `cleanup()`.',
} as const;

/** Violations in a database of an older version that several processes open while one of them is killed. */
export const IN_MIGRATIONS = {
  'second-migration': 'A process migrated a database that another one had migrated, or still was migrating.',
  'lost-in-migration': 'An entry of the older database is gone or is not what it was.',
} as const;

/** Failures of processes by themselves. */
export const IN_PROCESSES = {
  crash: 'A process ended by itself.',
} as const;

export type ViolationKind =
  | keyof typeof IN_LOGS
  | keyof typeof IN_FILES
  | keyof typeof IN_MIGRATIONS
  | keyof typeof IN_PROCESSES;

export interface Violation {
  kind: ViolationKind;
  /** The tag and key, or the file, process or cache concerned. */
  subject: string;
  message: string;
  /** The history of the key around it, one line each. */
  history: string[];
}

/** Receives violations that were found elsewhere than in the logs. */
export type Report = (kind: ViolationKind, subject: string, message: string) => void;

/** A violation in human-readable form. */
export function describeViolation({ kind, subject, message, history }: Violation): string {
  return [`${kind} (${subject}): ${message}`, ...history.map(line => `    ${line}`)].join('\n');
}
