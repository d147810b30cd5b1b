// Remote tiers of two machines, and the data that they exchange.
import { randomBytes } from 'node:crypto';
import type { ExecutionContext } from 'ava';
import { openRemoteTier } from '../../../src/cache/remote/open.ts';
import type { RemoteOptions } from '../../../src/cache/remote/options.ts';
import { remoteKey } from '../../../src/cache/remote/record.ts';
import type { RemoteTier } from '../../../src/cache/remote/remote-tier.ts';
import { generateSigningKey } from '../../../src/cache/remote/signing.ts';

/** The key pair of the machine that writes. */
export const writerKey = generateSigningKey();

export const KEY = remoteKey('value', 'test', 'key');

export interface TestTier extends RemoteTier {
  readonly warnings: string[];
}

export const PATIENT = { connectMs: 60_000, smallMs: 60_000, idleMs: 60_000 };

/** A tier that only reads, and trusts the writer. It closes with the test. */
export function reader(t: ExecutionContext, url: string, options: Partial<RemoteOptions> = {}): TestTier {
  const warnings: string[] = [];
  const tier = openRemoteTier({
    url,
    trust: [`${writerKey.publicKey} the writer`],
    onWarning: message => warnings.push(message),
    // Generous limits: a busy machine must not fail these tests.
    limits: PATIENT,
    budget: { budgetMs: 60_000 },
    ...options,
  });
  t.teardown(() => tier.drop());
  return Object.assign(tier, { warnings });
}

/** A tier that writes and signs. */
export function writer(t: ExecutionContext, url: string, options: Partial<RemoteOptions> = {}): TestTier {
  return reader(t, url, { mode: 'read-write', signingKey: writerKey.privateKey, ...options });
}

/** Uploads one value, and waits for it. */
export async function putValue(
  t: ExecutionContext,
  url: string,
  bytes: Uint8Array,
  key = KEY,
): Promise<void> {
  const tier = writer(t, url);
  t.is(await tier.put(key, { kind: 'value', files: [{ name: 'value', bytes }] }), 'stored');
  await tier.close();
}

/** The value of one key, or undefined. */
export async function getValue(tier: RemoteTier, key = KEY): Promise<Buffer | undefined> {
  const hit = await tier.get(key, { kind: 'value' });
  return hit?.getBytes('value');
}

/** Too large to be in the record, and incompressible. */
export const NOISE = randomBytes(100_000);
/** Compresses well. */
export const TEXT = Buffer.from('0123456789abcdef'.repeat(10_000));
