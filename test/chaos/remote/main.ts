// Chaos run of the remote cache: two machines build the same config in changing states and share their firmware, while
// their server is killed, slowed or lies, and its files are damaged. No firmware may be wrong, and no build may fail.
//
//   npm run chaos:remote -- --minutes 60 --seed 1
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { generateSigningKey } from '../../../src/cache/remote/signing.ts';
import { freePort } from '../../support/free-port.ts';
import { Random } from '../random.ts';
import type { Report } from './machine.ts';
import { Nemesis } from './nemesis.ts';

const { values } = parseArgs({
  options: { minutes: { type: 'string', default: '1' }, seed: { type: 'string', default: '1' } },
});
const [minutes, seed] = [values.minutes, values.seed].map(Number) as [number, number];
const until = Date.now() + minutes * 60_000;
console.log(`chaos of the remote cache: seed ${seed}, ${minutes} min`);

const root = mkdtempSync(path.join(os.tmpdir(), 'remote-chaos-'));
const directory = path.join(root, 'server');
mkdirSync(directory);
const port = await freePort();
const url = `http://127.0.0.1:${port}`;
const random = new Random('nemesis', seed);
let server: ChildProcess | undefined;

const nemesis = new Nemesis({ directory, url, random, killServer, startServer });
nemesis.behave('well');
await startServer();

const keys = [generateSigningKey(), generateSigningKey()];
const total = { builds: 0, compiled: 0, cache: 0, remote: 0, warnings: 0, longest: 0 };
const violations: string[] = [];
const machines = keys.map((key, index) => {
  const home = path.join(root, `machine-${index}`);
  mkdirSync(home);
  const child = spawn(
    process.execPath,
    [
      fileURLToPath(new URL('./machine.ts', import.meta.url)),
      JSON.stringify({ root: home, seed: seed * 2 + index, until }),
    ],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: {
        ...{ PATH: process.env.PATH, HOME: home, USER: `user-${index}`, TMPDIR: process.env.TMPDIR },
        ...{ GLOVEBOX_REMOTE: url, GLOVEBOX_REMOTE_MODE: 'read-write' },
        GLOVEBOX_SIGNING_KEY: key.privateKey,
        GLOVEBOX_REMOTE_TRUST: keys.map(({ publicKey }) => publicKey).join(','),
      },
    },
  );
  createInterface({ input: child.stdout }).on('line', line => take(JSON.parse(line) as Report, index));
  return child;
});

const over = Promise.all(
  machines.map(async (child, index) => {
    const [status] = (await once(child, 'close')) as [number | null];
    if (status !== 0) violations.push(`machine ${index} ended with status ${status}`);
  }),
);
let isOver = false;
void over.then(() => {
  isOver = true;
});
while (!isOver) {
  await Promise.race([over, delay(random.between(200, 1_700))]);
  if (!isOver) await nemesis.strike();
}
await killServer();
const stored = readdirSync(path.join(directory, 'cas')).length;
rmSync(root, { recursive: true, force: true });

// A run in which nothing was shared would prove nothing.
if (total.remote === 0) violations.push('nothing ever came from the remote cache');
for (const violation of violations) console.log(`VIOLATION: ${violation}`);
console.log(
  [
    '',
    `seed             ${seed}`,
    'faults',
    ...[...nemesis.counts].sort().map(([name, count]) => `  ${name.padEnd(26)} ${count}`),
    `builds           ${total.builds}, the longest ${(total.longest / 1000).toFixed(1)} s`,
    `  compiled       ${total.compiled}`,
    `  local cache    ${total.cache}`,
    `  remote cache   ${total.remote}`,
    `warnings         ${total.warnings}`,
    `files stored     ${stored} at the end`,
    `violations       ${violations.length}`,
  ].join('\n'),
);
process.exit(violations.length === 0 ? 0 : 1);

function take({ compiled, cache, remote, wrong, warnings, duration }: Report, machine: number): void {
  total.builds++;
  total.compiled += compiled;
  total.cache += cache;
  total.remote += remote;
  total.warnings += warnings;
  total.longest = Math.max(total.longest, duration);
  for (const what of wrong) violations.push(`machine ${machine}: ${what}`);
}

async function startServer(): Promise<void> {
  const child = spawn(
    process.execPath,
    [fileURLToPath(new URL('./server.ts', import.meta.url)), directory, String(port)],
    { stdio: ['ignore', 'pipe', 'ignore'] },
  );
  server = child;
  await once(child.stdout, 'data');
}

async function killServer(): Promise<void> {
  if (server === undefined || server.exitCode !== null) return;
  server.kill('SIGKILL');
  await once(server, 'close');
}
