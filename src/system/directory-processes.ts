// Programs that outlived whoever started them, found by the directory that they work in.
import { readdirSync, readlinkSync, realpathSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { performance } from './time.ts';

/** Milliseconds between two looks at whether processes have ended. */
const POLL_MS = 15;

/** Milliseconds after which a process that is still there is given up: the kernel itself holds it. */
const GIVE_UP_MS = 5_000;

/**
 * Kills every process that works in a directory or below it, and resolves when none is left, or none that can be
 * ended. For directories that are nobody's any more. Where there is no `/proc` nothing is found; what prints to
 * somebody who is gone ends by itself there.
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
        // Gone meanwhile, or not ours to end.
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
