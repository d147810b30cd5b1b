// Cost and benefit of a remote cache: added latency of look-ups, builds of a second machine, bytes transferred, memory.
//
//   node bench/programs/remote.ts [--targets 2,8,128] [--compile-ms 500] [--rounds 3]
//     [--servers 'server down,silent,1 KB/s']   builds with these only
//
// The server is a file server in another process. A proxy in this process adds round trips of 20 and 80 ms by delaying each
// piece of a connection by half of that in either direction.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { Transform } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { build } from '../../src/builder/index.ts';
import { openRemoteTier } from '../../src/cache/remote/open.ts';
import { remoteKey } from '../../src/cache/remote/record.ts';
import { generateSigningKey } from '../../src/cache/remote/signing.ts';
import { createUserConfig } from '../../src/config/index.ts';
import { openCache, resetSharedCacheInstances } from '../../src/index.ts';
import { freePort } from '../../test/support/free-port.ts';

const { values } = parseArgs({
  options: {
    targets: { type: 'string', default: '2,8,128' },
    'compile-ms': { type: 'string', default: '500' },
    rounds: { type: 'string', default: '3' },
    servers: { type: 'string' },
  },
});
const rounds = Number(values.rounds);
const root = mkdtempSync(path.join(os.tmpdir(), 'remote-bench-'));
const key = generateSigningKey();
const server = await startServer();
/** URLs by the network between this machine and the server. */
const places: [name: string, url: string][] = [
  ['loopback', server.url],
  ['20 ms', await startProxy(server.port, 20)],
  ['80 ms', await startProxy(server.port, 80)],
  ['server down', `http://127.0.0.1:${await freePort()}`],
];
/** Servers that are of no use: a build waits for them no longer than a few seconds in total. */
const useless: [name: string, url: string][] = [
  ['silent', await startSilent()],
  ['1 KB/s', await startProxy(server.port, 0, 1_000)],
];
const unreliable = new Set<string | undefined>([places.at(-1)![1], ...useless.map(([, url]) => url)]);
const chosen = values.servers?.split(',');
const buildPlaces = [...places, ...useless].filter(([name]) => chosen?.includes(name) ?? true);

await lookUps();
for (const count of values.targets.split(',').map(Number)) await builds(count);
await memory();
server.stop();
rmSync(root, { recursive: true, force: true });
process.exit(0);

/** Measures look-ups in milliseconds with and without a remote cache, in turns. */
async function lookUps(): Promise<void> {
  console.log(`| look-up | without | ${places.map(([name]) => name).join(' | ')} |`);
  const caches = [undefined, ...places.map(([, url]) => url)].map((url, index) => {
    for (const name of ['GLOVEBOX_REMOTE', 'GLOVEBOX_REMOTE_TRUST']) delete process.env[name];
    if (url !== undefined)
      Object.assign(process.env, { GLOVEBOX_REMOTE: url, GLOVEBOX_REMOTE_TRUST: key.publicKey });
    return openCache({
      cacheRoot: path.join(root, `look-up-${index}`),
      tag: 'bench',
      remote: url !== undefined,
      localTierSize: 0,
    });
  });
  for (const cache of caches) await cache.set('here', 'x'.repeat(1_000));
  for (const kind of ['local hit', 'miss'] as const) {
    const times = caches.map((): number[] => []);
    for (let round = 0; round < 40; round++) {
      for (const [index, cache] of caches.entries()) {
        const began = performance.now();
        await cache.get(kind === 'miss' ? `absent ${round}` : 'here');
        times[index]!.push(performance.now() - began);
      }
    }
    console.log(`| ${kind} | ${times.map(median).map(shown).join(' | ')} |`);
  }
  await resetSharedCacheInstances();
  for (const name of ['GLOVEBOX_REMOTE', 'GLOVEBOX_REMOTE_TRUST']) delete process.env[name];
}

/** Compares a second machine's build from the remote cache with one that compiles. */
async function builds(count: number): Promise<void> {
  const config = path.join(root, `config-${count}`);
  mkdirSync(path.join(config, 'config'), { recursive: true });
  const names = Array.from({ length: count }, (_, index) => `t${index}`);
  writeFileSync(
    path.join(config, 'build.yaml'),
    `include:\n${names.map(name => `  - { board: b, shield: ${name}, artifact-name: ${name} }\n`).join('')}`,
  );
  writeFileSync(path.join(config, 'config/keymap'), 'keymap');
  // As large as ZMK firmware; half of it is noise.
  const seconds = Number(values['compile-ms']) / 1000;
  writeFileSync(
    path.join(config, 'compile.sh'),
    `sleep ${seconds}; head -c 200000 "$0.noise" > "$2/$1.uf2"; head -c 200000 /dev/zero >> "$2/$1.uf2"; echo "$1" >> "$2/$1.uf2"; echo "x: config/keymap" > "$2/read.d"\n`,
  );
  writeFileSync(
    path.join(config, 'compile.sh.noise'),
    Buffer.from(Array.from({ length: 200_000 }, () => Math.random() * 256)),
  );
  let machine = 0;
  const run = async (url: string | undefined, isWriter = false) => {
    await resetSharedCacheInstances();
    const cacheRoot = path.join(root, `machine-${count}-${machine++}`);
    process.env.GLOVEBOX_SIGNING_KEY = key.privateKey;
    const before = server.bytes();
    const warnings: string[] = [];
    const began = performance.now();
    const summary = await build({
      ...{ configDirectory: config, cacheRoot, toolchain: 'command', offline: url === undefined },
      userConfig: createUserConfig(
        {
          ...(url === undefined ? {} : { remote: { url, mode: isWriter ? 'read-write' : 'read' } }),
          toolchains: {
            command: {
              ...{ program: 'sh', arguments: ['compile.sh', '{name}', '{build}'], artifacts: ['*.uf2'] },
              ...{ inputs: ['config/**', 'compile.sh*'], observed: 'read.d' },
            },
          },
        },
        { directory: config },
      ),
      onEvent: event => {
        // A result that is not cached is not shared either, which would make the figures meaningless.
        if (event.type === 'warning') warnings.push(event.message);
        if (event.type === 'target-failed') throw new Error(event.message);
      },
    });
    const took = performance.now() - began;
    rmSync(cacheRoot, { recursive: true, force: true });
    if (!unreliable.has(url)) for (const message of warnings) console.log(message);
    return { took, ...summary, warnings: warnings.length, bytes: server.bytes() - before };
  };
  const written = await run(server.url, true);
  const compiled = await medianOf(() => run(undefined));
  const line = [`${count} targets`, shown(compiled.took), `${shown(written.took)}`];
  for (const [, url] of buildPlaces) {
    const built = await medianOf(() => run(url));
    line.push(
      `${shown(built.took)} (${built.remote} from it${built.warnings > 0 ? `, warnings: ${built.warnings}` : ''})`,
    );
  }
  const size = statSync(path.join(config, 'firmware/t0.uf2')).size;
  console.log(
    `| second machine | compiling | and uploading | ${buildPlaces.map(([name]) => name).join(' | ')} |`,
  );
  console.log(`| ${line.join(' | ')} |`);
  console.log(`firmware: ${count} × ${size} bytes; sent to the server in sum: ${written.bytes} bytes`);
}

/** Measures the peak memory of uploading and downloading a large file. */
async function memory(): Promise<void> {
  const file = path.join(root, 'large');
  const size = 100 * 1024 * 1024;
  writeFileSync(file, Buffer.alloc(size, 'a line of text, as there are many\n'));
  const tier = openRemoteTier({ url: server.url, mode: 'read-write', signingKey: key.privateKey });
  const name = remoteKey('value', 'bench', 'large');
  const peaks: string[] = [];
  for (const [what, work] of [
    ['up', () => tier.put(name, { kind: 'value', files: [{ name: 'large', path: file }] })],
    ['down', async () => (await tier.get(name, { kind: 'value' }))?.getFile('large', `${file} again`)],
  ] as const) {
    const before = process.memoryUsage().rss;
    let peak = 0;
    const watch = setInterval(() => {
      peak = Math.max(peak, process.memoryUsage().rss - before);
    }, 5);
    const done = await work();
    clearInterval(watch);
    peaks.push(`${what} (${done}): +${Math.round(peak / 1024 / 1024)} MiB`);
  }
  console.log(`memory of a file of 100 MiB: ${peaks.join(', ')}`);
  await tier.close();
}

async function medianOf<T extends { took: number }>(run: () => Promise<T>): Promise<T> {
  const runs: T[] = [];
  for (let round = 0; round < rounds; round++) runs.push(await run());
  return runs.sort((one, other) => one.took - other.took)[Math.floor(rounds / 2)]!;
}

function median(times: number[]): number {
  return times.sort((one, other) => one - other)[Math.floor(times.length / 2)]!;
}

function shown(milliseconds: number): string {
  return milliseconds < 10 ? `${milliseconds.toFixed(2)} ms` : `${Math.round(milliseconds)} ms`;
}

async function startServer() {
  const directory = path.join(root, 'server');
  mkdirSync(directory);
  writeFileSync(path.join(directory, 'behavior'), 'well');
  const port = await freePort();
  const program = fileURLToPath(new URL('../../test/chaos/remote/server.ts', import.meta.url));
  const child = spawn(process.execPath, [program, directory, String(port)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    stop: () => child.kill(),
    /** Total size of the stored files in bytes. */
    bytes: () =>
      readdirSync(directory, { recursive: true, withFileTypes: true })
        .filter(entry => entry.isFile())
        .reduce((sum, entry) => sum + statSync(path.join(entry.parentPath, entry.name)).size, 0),
  };
}

/** Starts a proxy that adds a round trip time. */
async function startProxy(port: number, roundTripMs: number, bytesPerSecond?: number): Promise<string> {
  const held = () =>
    new Transform({
      transform(chunk, _encoding, done) {
        // Delayed pieces overlap, as on a real network.
        void delay(roundTripMs / 2).then(() => this.push(chunk));
        done();
      },
      flush(done) {
        void delay(roundTripMs / 2 + 5).then(() => done());
      },
    });
  const proxy = createServer((socket: Socket) => {
    const far = connect(port, '127.0.0.1');
    socket.pipe(held()).pipe(far);
    far.pipe(bytesPerSecond === undefined ? held() : throttled(bytesPerSecond)).pipe(socket);
    for (const end of [socket, far]) end.on('error', () => [socket, far].map(other => other.destroy()));
  }).listen(0, '127.0.0.1');
  proxy.unref();
  await once(proxy, 'listening');
  return `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
}

/** Passes a tenth of so many bytes every tenth of a second. */
function throttled(bytesPerSecond: number): Transform {
  return new Transform({
    async transform(chunk: Buffer, _encoding, done) {
      const step = bytesPerSecond / 10;
      for (let at = 0; at < chunk.length && !this.destroyed; at += step) {
        await delay(100);
        this.push(chunk.subarray(at, at + step));
      }
      done();
    },
  });
}

/** A server that accepts connections and never answers. */
async function startSilent(): Promise<string> {
  const silent = createServer(socket => socket.on('error', () => {})).listen(0, '127.0.0.1');
  silent.unref();
  await once(silent, 'listening');
  return `http://127.0.0.1:${(silent.address() as AddressInfo).port}`;
}
