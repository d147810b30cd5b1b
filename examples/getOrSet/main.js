// Three processes need the same value at the same time. One computes it, the others wait and get it.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const program = fileURLToPath(new URL('./build.js', import.meta.url));
const processes = [1, 2, 3].map(number =>
  spawn(process.execPath, [program, String(number)], { stdio: 'inherit' }),
);
await Promise.all(processes.map(child => once(child, 'exit')));
