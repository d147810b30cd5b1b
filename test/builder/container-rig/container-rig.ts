// A real container engine of the tests' own, with a tiny image in which `west` is a shell script.
//
//   test.before(async () => void (await startEngine()));
//   test.after.always(stopEngine);
//   const found = await containerMachine(t);   // Undefined, and the test is passed with the reason, where no engine can run.
import { execFileSync, spawn } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, symlinkSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { ExecutionContext } from 'ava';
import { createWestMachine, type WestMachine } from '../west-rig/west-rig.ts';

const WEST = fileURLToPath(new URL('./west.sh', import.meta.url));

/** West has built everything when it has configured. */
const CMAKE = '#!/bin/sh\n';

/** The image that contains west. */
export const IMAGE = 'glovebox-test/zmk:1';

/** A test may replace it for a while. */
const PATH = process.env.PATH ?? '';

/** Starting takes one second, and several on a busy machine. */
const PATIENCE = 90_000;

/** Runs the daemon until the process that started it ends, then removes all of it. */
const KEEPER = `
dockerd --iptables=false --ip6tables=false --bridge=none --ip-forward=false \\
  --data-root "$1/root" --exec-root "$1/exec" --pidfile "$1/pid" -H "unix://$1/docker.sock" > "$1/log" 2>&1 < /dev/null &
daemon=$!
cat > /dev/null
kill $daemon
wait $daemon
grep " $1/" /proc/mounts | cut -d ' ' -f 2 | sort -r | while read mount; do umount -l "$mount"; done
rm -rf "$1"
`;

export interface TestEngine {
  /** The environment of its client. */
  environment: Readonly<Record<string, string>>;
  /** Runs docker. */
  docker(...args: string[]): string;
  /** Builds an image with a shell and these programs. Resolves to its digest. */
  makeImage(name: string, programs?: Readonly<Record<string, string>>): Promise<string>;
  stop(): Promise<void>;
}

/** The engine, or the reason for its absence. */
let running: Promise<TestEngine | string> | undefined;

/** Starts the engine, or resolves to the reason why it cannot run here. The first caller stops it. */
export function startEngine(): Promise<TestEngine | string> {
  running ??= start();
  return running;
}

async function start(): Promise<TestEngine | string> {
  const missing = ['dockerd', 'docker', 'busybox', 'git'].filter(name => !isProgram(name));
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'dockerd wants Linux, and root';
  if (missing.length > 0) return `not installed: ${missing.join(', ')}`;
  // The path of a socket must be short.
  const directory = mkdtempSync('/tmp/gbd-');
  const keeper = spawn('sh', ['-c', KEEPER, 'sh', directory], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  const ended = new Promise<void>(resolve => keeper.once('exit', () => resolve()));
  const stop = async () => {
    keeper.stdin.end();
    await ended;
    await rm(directory, { recursive: true, force: true });
  };
  const environment = { DOCKER_HOST: `unix://${directory}/docker.sock` };
  const docker = (...args: string[]) =>
    execFileSync('docker', args, {
      encoding: 'utf8',
      env: { PATH, ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    }).trim();
  const works = () => {
    try {
      return existsSync(`${directory}/docker.sock`) && docker('version') !== '';
    } catch {
      return false;
    }
  };
  for (const deadline = performance.now() + PATIENCE; !works(); await delay(200)) {
    const log = existsSync(`${directory}/log`) ? readFileSync(`${directory}/log`, 'utf8') : '';
    const failed = /failed to start|failed to load|Error starting daemon/.exec(log) !== null;
    if (!failed && performance.now() < deadline) continue;
    await stop();
    return `dockerd does not start here: ${log.trim().split('\n').at(-1)}`;
  }
  const engine: TestEngine = { environment, docker, makeImage, stop };
  await makeImage(IMAGE, { west: readFileSync(WEST, 'utf8') });
  return engine;

  async function makeImage(name: string, programs: Readonly<Record<string, string>> = {}): Promise<string> {
    const root = mkdtempSync(path.join(os.tmpdir(), 'image-'));
    mkdirSync(`${root}/bin`);
    copyFileSync(programFile('busybox'), `${root}/bin/busybox`);
    for (const applet of APPLETS) symlinkSync('busybox', `${root}/bin/${applet}`);
    const all = programs.west === undefined ? programs : { cmake: CMAKE, ...programs };
    for (const [file, content] of Object.entries(all)) {
      execFileSync('sh', ['-c', 'cat > "$1" && chmod 755 "$1"', 'sh', `${root}/bin/${file}`], {
        input: content,
        env: { PATH },
      });
    }
    execFileSync('tar', ['-C', root, '-cf', `${root}.tar`, '.'], { env: { PATH } });
    const digest = docker('import', `${root}.tar`, name);
    await rm(root, { recursive: true });
    await rm(`${root}.tar`);
    return digest;
  }
}

const APPLETS = ['sh', 'cat', 'cp', 'echo', 'env', 'id', 'mkdir', 'pwd', 'sleep', 'touch'];

/** A machine whose only programs are git and docker. Undefined, and the test is skipped, where no engine can run. */
export async function containerMachine(
  t: ExecutionContext,
): Promise<{ machine: WestMachine; engine: TestEngine } | undefined> {
  const engine = await startEngine();
  if (typeof engine === 'string') {
    t.log(`skipped: ${engine}`);
    t.pass();
    return undefined;
  }
  const machine = await createWestMachine(t, { programs: false });
  symlinkSync(programFile('docker'), path.join(machine.root, 'bin/docker'));
  machine.use(t, engine.environment);
  return { machine, engine };
}

/** Stops the engine, if it was started. */
export async function stopEngine(): Promise<void> {
  const engine = await running;
  if (engine !== undefined && typeof engine !== 'string') await engine.stop();
}

function isProgram(name: string): boolean {
  try {
    return programFile(name) !== '';
  } catch {
    return false;
  }
}

function programFile(name: string): string {
  return execFileSync('sh', ['-c', 'command -v "$1"', 'sh', name], {
    encoding: 'utf8',
    env: { PATH },
  }).trim();
}
