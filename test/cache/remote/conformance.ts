// Conformance suite: the requirements on a server that is a remote cache. Runs against nginx in the tests, and against
// others by their URL: `npm run remote-conformance -- URL`.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import path from 'node:path';
import { openRemoteTier } from '../../../src/cache/remote/open.ts';
import type { RemoteOptions } from '../../../src/cache/remote/options.ts';
import { remoteKey } from '../../../src/cache/remote/record.ts';
import type { RemoteTier } from '../../../src/cache/remote/remote-tier.ts';
import { generateSigningKey } from '../../../src/cache/remote/signing.ts';
import { makeDirectory } from '../../support/temporary.ts';

/** The server under test. */
export interface Subject {
  url: string;
  /** Credentials for writing: `user:password`, or a bearer token. Undefined: none are needed. */
  token?: string | undefined;
}

export interface Requirement {
  title: string;
  run(context: Conformance): Promise<void>;
}

/** One run of one requirement, with keys and contents that no earlier run had. */
export class Conformance {
  readonly subject: Subject;
  readonly warnings: string[] = [];
  readonly #keys = generateSigningKey();
  readonly #tiers: RemoteTier[] = [];
  #directory: string | undefined;

  private constructor(subject: Subject) {
    this.subject = subject;
  }

  static async check({ run }: Requirement, subject: Subject): Promise<void> {
    const context = new Conformance(subject);
    try {
      await run(context);
    } catch (error) {
      if (context.warnings.length > 0) (error as Error).message += `\n${context.warnings.join('\n')}`;
      throw error;
    } finally {
      for (const tier of context.#tiers) tier.drop();
      if (context.#directory !== undefined) await rm(context.#directory, { recursive: true });
    }
  }

  /** A tier of another machine each time. */
  tier(options: Partial<RemoteOptions> = {}): RemoteTier {
    const tier = openRemoteTier({
      ...{ url: this.subject.url, token: this.subject.token, mode: 'read-write' },
      ...{ trust: [this.#keys.publicKey], signingKey: this.#keys.privateKey },
      onWarning: message => this.warnings.push(message),
      // Generous, because the suite tests what the server does, not how fast.
      limits: { connectMs: 10_000, smallMs: 30_000, idleMs: 30_000 },
      budget: { budgetMs: 120_000 },
      ...options,
    });
    this.#tiers.push(tier);
    return tier;
  }

  async directory(): Promise<string> {
    this.#directory ??= await makeDirectory();
    return this.#directory;
  }

  newKey(): string {
    return remoteKey('value', randomBytes(16).toString('hex'));
  }

  async put(key: string, bytes: Uint8Array, data: unknown = null): Promise<void> {
    const outcome = await this.tier().put(key, { kind: 'value', data, files: [{ name: 'value', bytes }] });
    assert.equal(outcome, 'stored');
  }

  async get(key: string): Promise<Buffer | undefined> {
    const hit = await this.tier().get(key, { kind: 'value' });
    return hit?.getBytes('value');
  }

  /** Begins to upload `bytes` bytes to `where`, sends half of them, and breaks the connection. */
  async breakUpload(where: string, bytes: number): Promise<void> {
    const { url, token } = this.subject;
    const send = url.startsWith('https:') ? httpsRequest : httpRequest;
    const authorization =
      token && (token.includes(':') ? `Basic ${Buffer.from(token).toString('base64')}` : `Bearer ${token}`);
    const headers = { 'content-length': bytes, ...(authorization && { authorization }) };
    await new Promise<void>(resolve => {
      const request = send(`${url.replace(/\/+$/, '')}${where}`, { method: 'PUT', headers });
      request.on('error', () => undefined);
      request.on('close', resolve);
      request.write(randomBytes(bytes / 2), () => request.destroy());
    });
  }
}

/** Without a diff in the error: for large values it takes more memory than there is. */
function assertSame(found: Buffer | undefined, wanted: Buffer): void {
  assert.ok(found !== undefined, 'it is not there');
  assert.ok(found.equals(wanted), `it has other bytes: ${found.length}, where ${wanted.length} were stored`);
}

const digestOf = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

export const conformance: readonly Requirement[] = [
  {
    title: 'a value that was never stored is a miss, and not a failure',
    run: async context => {
      const tier = context.tier();
      assert.equal(await tier.get(context.newKey(), { kind: 'value' }), undefined);
      const { misses, failed } = tier.stats();
      assert.deepEqual({ misses, failed }, { misses: 1, failed: 0 });
    },
  },
  ...[0, 1, 8192, 8193, 100_000].map(size => ({
    title: `a value of ${size} bytes comes back byte for byte`,
    run: async (context: Conformance) => {
      const key = context.newKey();
      const bytes = randomBytes(size);
      await context.put(key, bytes);
      assertSame(await context.get(key), bytes);
    },
  })),
  {
    title: 'a compressible value comes back byte for byte',
    run: async context => {
      const key = context.newKey();
      const bytes = Buffer.alloc(500_000, randomBytes(100));
      await context.put(key, bytes);
      assertSame(await context.get(key), bytes);
    },
  },
  {
    title: 'data with any characters comes back unchanged',
    run: async context => {
      const key = context.newKey();
      const data = {
        text: 'Grüße, 你好, \u0001\u2028 "</script>"',
        numbers: [0, -1.5, 2 ** 53 - 1],
        nothing: null,
      };
      await context.put(key, Buffer.from('a'), data);
      assert.deepEqual((await context.tier().get(key, { kind: 'value' }))?.data, data);
    },
  },
  {
    title: 'a file of 20 MB comes back byte for byte',
    run: async context => {
      const directory = await context.directory();
      const [from, to] = [path.join(directory, 'from'), path.join(directory, 'to')];
      const bytes = randomBytes(20_000_000);
      writeFileSync(from, bytes);
      const key = context.newKey();
      const files = [{ name: 'large.bin', path: from }];
      assert.equal(await context.tier().put(key, { kind: 'firmware', files }), 'stored');
      const hit = await context.tier().get(key, { kind: 'firmware' });
      assert.equal(await hit?.getFile('large.bin', to), true);
      assert.ok(readFileSync(to).equals(bytes));
    },
  },
  {
    title: 'storing a key again replaces its value',
    run: async context => {
      const key = context.newKey();
      for (const bytes of [randomBytes(20_000), randomBytes(30_000), randomBytes(100)]) {
        await context.put(key, bytes);
        assertSame(await context.get(key), bytes);
      }
    },
  },
  {
    title: 'fifty concurrent values are stored and come back',
    run: async context => {
      const tier = context.tier();
      const entries = Array.from({ length: 50 }, () => ({
        key: context.newKey(),
        bytes: randomBytes(10_000),
      }));
      await Promise.all(
        entries.map(async ({ key, bytes }) => {
          const outcome = await tier.put(key, { kind: 'value', files: [{ name: 'value', bytes }] });
          assert.equal(outcome, 'stored');
        }),
      );
      const other = context.tier();
      await Promise.all(
        entries.map(async ({ key, bytes }) => {
          const hit = await other.get(key, { kind: 'value' });
          assertSame(await hit?.getBytes('value'), bytes);
        }),
      );
    },
  },
  {
    title: 'of several concurrent writers of one key, one wins as a whole',
    run: async context => {
      const key = context.newKey();
      const values = Array.from({ length: 8 }, () => randomBytes(20_000));
      const outcomes = await Promise.all(
        values.map(bytes => context.tier().put(key, { kind: 'value', files: [{ name: 'value', bytes }] })),
      );
      // Some servers reject the other one meanwhile.
      assert.ok(outcomes.includes('stored'));
      const found = await context.get(key);
      assert.ok(values.some((bytes, index) => outcomes[index] === 'stored' && found?.equals(bytes)));
    },
  },
  {
    title: 'an interrupted upload leaves no entry, and the key can be stored afterwards',
    run: async context => {
      const key = context.newKey();
      const bytes = randomBytes(1_000_000);
      await context.breakUpload(`/cas/${digestOf(bytes)}`, bytes.length);
      await context.breakUpload(`/ac/${key}`, 100_000);
      assert.equal(await context.get(key), undefined);
      await context.put(key, bytes);
      assertSame(await context.get(key), bytes);
    },
  },
  {
    title: 'an interrupted upload over an entry leaves it unchanged, or makes it a miss',
    run: async context => {
      const key = context.newKey();
      const bytes = randomBytes(20_000);
      await context.put(key, bytes);
      await context.breakUpload(`/ac/${key}`, 100_000);
      const found = await context.get(key);
      if (found !== undefined) assertSame(found, bytes);
      await context.put(key, bytes);
      assertSame(await context.get(key), bytes);
    },
  },
  {
    title: 'a record of another signer is stored, and not trusted',
    run: async context => {
      const key = context.newKey();
      const stranger = generateSigningKey();
      const other = context.tier({ signingKey: stranger.privateKey, trust: [] });
      const files = [{ name: 'value', bytes: Buffer.from('poison') }];
      assert.equal(await other.put(key, { kind: 'value', files }), 'stored');
      const tier = context.tier();
      assert.equal(await tier.get(key, { kind: 'value' }), undefined);
      assert.equal(tier.stats().refused, 1);
      await context.put(key, Buffer.from('cure'));
      assertSame(await context.get(key), Buffer.from('cure'));
    },
  },
];
