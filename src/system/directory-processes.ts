// Kills orphaned processes by working directory.
import { readdirSync, readlinkSync, realpathSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { performance } from './time.ts';

const POLL_MS = 15;

/** The kernel itself holds a process that survives SIGKILL for this long. */
const GIVE_UP_MS = 5_000;

/**
 * Kills every process whose working directory is `directory` or below it. Resolves when none is left, or when the
 * rest cannot be killed. For abandoned directories only. Finds nothing where there is no `/proc`; there, an orphan
 * ends when it prints to its closed pipe.
 */
export async function killProcessesIn(directory: string): Promise<void> {
  const root = realpathSync(directory);
  const until = performance.now() + GIVE_UP_MS;
  for (;;) {
    const found = processesIn(root);
    if (found.length === 0 || performance.now() > until) return;
    for (const pid of found) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It has exited meanwhile, or belongs to another user.
      }
    }
    await delay(POLL_MS);
  }
}

function processesIn(root: string): number[] {
  let names: string[];
  try {
    names = readdirSync('/proc').filter(name => /^\d+$/.test(name));
  } catch {
    return [];
  }
  return names.map(Number).filter(pid => {
    try {
      const place = readlinkSync(`/proc/${pid}/cwd`);
      return pid !== process.pid && (place === root || place.startsWith(root + path.sep));
    } catch {
      return false;
    }
  });
}
