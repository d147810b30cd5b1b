// Base of the two python-diskcache peers. Python processes take the place of threads.
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Peer } from './peer.ts';

const DRIVER = fileURLToPath(new URL('diskcache-host.py', import.meta.url));
// The first Python with diskcache is used; Debian's package belongs to Debian's Python.
const PYTHONS = ['/usr/bin/python3', 'python3'];
const ASK =
  'import diskcache, platform, sqlite3; print(diskcache.__version__, platform.python_version(), sqlite3.sqlite_version)';

interface Found {
  python: string;
  versions: Record<string, string>;
}

let found: Found | undefined | null = null;

function find(): Found | undefined {
  for (const python of PYTHONS) {
    try {
      const text = execFileSync(python, ['-c', ASK], {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
      });
      const [diskcache, language, sqlite] = text.trim().split(' ') as [string, string, string];
      return { python, versions: { diskcache, Python: language, 'its SQLite': sqlite } };
    } catch {
      // This Python does not have it.
    }
  }
  return undefined;
}

/** A peer for one of diskcache's two classes. */
export function diskcachePeer(kind: 'Cache' | 'FanoutCache', title: string, setup: string): Peer {
  const get = (): Found | undefined => {
    if (found === null) found = find();
    return found;
  };
  return {
    title,
    setup,
    versions: () => get()?.versions ?? {},
    absent: () =>
      get() ? undefined : 'no Python here has diskcache (Debian: apt install python3-diskcache)',
    lacks: ({ data, inFlight }) => {
      if (data.kind === 'file') return 'takes no files by path';
      return inFlight > 1 ? 'does one operation at a time' : undefined;
    },
    open: () => {
      throw new Error('This peer is a program.');
    },
    get program() {
      return { command: get()?.python ?? 'python3', args: [DRIVER, kind] };
    },
  };
}
