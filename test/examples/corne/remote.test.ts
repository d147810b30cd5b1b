// The example between two users of a remote cache: each has a home directory, a cache and a checkout.
import { cpSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { generateSigningKey } from '../../../src/cache/remote/signing.ts';
import { Nginx, NO_NGINX, WRITER } from '../../cache/remote/nginx.ts';
import { glovebox } from '../../cli/run.ts';
import { inFull } from '../../support/extent.ts';
import { temporaryDirectory } from '../../support/temporary.ts';
import { copyExample, example } from './driver.ts';

const TARGETS = ['corne_left-nice_nano_v2-zmk', 'corne_right-nice_nano_v2-zmk'];

interface Result {
  compiled: number;
  remote: number;
  failed: number;
}

/** A user who builds the example in a checkout of their own, with `--json`. */
async function user(t: ExecutionContext, checkout: string, remote: Record<string, string>) {
  const home = await temporaryDirectory(t);
  const directory = path.join(home, checkout);
  mkdirSync(directory, { recursive: true });
  await copyExample(directory);
  for (const file of ['build.yaml', 'glovebox.config.yaml'])
    cpSync(path.join(example, file), path.join(directory, file));
  const env = {
    ...{ HOME: home, USER: path.basename(home), XDG_CONFIG_HOME: path.join(home, 'xdg') },
    ...{ GLOVEBOX_CACHE_DIR: path.join(home, 'caches'), ...remote },
  };
  return {
    directory,
    async build(): Promise<Result> {
      const { status, stdout, stderr } = await glovebox(['build', directory, '--json'], { cwd: home, env });
      t.is(status, 0, stderr);
      // The last event has the counts of the build.
      return JSON.parse(stdout.trimEnd().split('\n').at(-1)!) as Result;
    },
    doctor: async () => (await glovebox(['doctor'], { cwd: directory, env })).stdout,
    firmware(): Record<string, string> {
      const place = path.join(directory, 'firmware');
      const files = readdirSync(place).sort();
      return Object.fromEntries(files.map(file => [file, readFileSync(path.join(place, file), 'base64')]));
    },
  };
}

(NO_NGINX ? test.skip : inFull)(
  `what one user compiled, another one reads from nginx, byte for byte, and writes nothing${NO_NGINX ? ` (${NO_NGINX})` : ''}`,
  async t => {
    const nginx = await Nginx.start(t);
    const { privateKey, publicKey } = generateSigningKey();
    const writer = await user(t, 'src/corne', {
      ...{ GLOVEBOX_REMOTE: nginx.url, GLOVEBOX_REMOTE_MODE: 'read-write', GLOVEBOX_REMOTE_TOKEN: WRITER },
      GLOVEBOX_SIGNING_KEY: privateKey,
    });
    t.like(await writer.build(), { compiled: 2, remote: 0, failed: 0 });
    const written = nginx.log;
    t.true(written.some(line => line.startsWith('PUT')));

    const remote = { GLOVEBOX_REMOTE: nginx.url, GLOVEBOX_REMOTE_TRUST: `${publicKey} ci` };
    const reader = await user(t, 'deep/down/a keyboard', remote);
    t.like(await reader.build(), { compiled: 0, remote: 2, failed: 0 });
    t.deepEqual(reader.firmware(), writer.firmware());
    t.deepEqual(
      Object.keys(reader.firmware()),
      TARGETS.flatMap(name => [`${name}.elf`, `${name}.uf2`]),
    );
    const asked = nginx.log.slice(written.length);
    t.true(asked.length > 0);
    t.true(
      asked.every(line => line.startsWith('GET') && line.endsWith(' 200')),
      asked.join('\n'),
    );
    t.regex(await reader.doctor(), /remote cache {2,}.* \(read\), 2 hits, 0 misses, 0 stored, 0 refused$/m);
    t.regex(
      await writer.doctor(),
      /remote cache {2,}.* \(read-write\), 0 hits, 2 misses, 2 stored, 0 refused$/m,
    );
  },
);
