// Whether this system lets a program mount in a namespace of its own, asked without Glovebox, so that tests are left out
// only where it does not.
import { spawnSync } from 'node:child_process';
import os from 'node:os';

/** Whether `unshare --mount` works here, for root as it is and for others in a user namespace. Only on Linux. */
export function hasMountNamespaces(): boolean {
  if (process.platform !== 'linux') return false;
  const user = process.getuid?.() === 0 ? [] : ['--user', '--map-root-user'];
  const mount = ['mount', '-t', 'tmpfs', 'tmpfs', os.tmpdir()];
  return spawnSync('unshare', [...user, '--mount', '--', ...mount]).status === 0;
}
