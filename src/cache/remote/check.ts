// Check of a server as a remote cache: tests each rule that builds rely on.
import { randomBytes } from 'node:crypto';
import { performance } from '../../system/time.ts';
import { digestOf } from './contents.ts';
import { RemoteFailure } from './failure.ts';
import { HttpClient, type HttpLimits } from './http-client.ts';
import { openRemoteTier } from './open.ts';
import { type RemoteOptions, resolveRemoteOptions } from './options.ts';
import { remoteKey } from './record.ts';
import type { RemoteTier } from './remote-tier.ts';

export interface RuleFinding {
  /** The server's expected behaviour. */
  rule: string;
  /**
   * `warning`: it works, but for the reason in `detail` a person may want it otherwise. `skipped`: it was not tried.
   */
  status: 'ok' | 'failed' | 'warning' | 'skipped';
  detail: string;
}

// A person who runs the check has more patience than a build, and wants to know how slow the server is.
const PATIENT: HttpLimits = { connectMs: 10_000, smallMs: 10_000, idleMs: 30_000 };
const ROUND_TRIPS = 5;
/** Beyond this, builds count an answer as a failure. */
const SLOW_MS = 2000;
const SIZE = 100_000;

/**
 * Sends a server every kind of request that builds will send. In the mode `read` nothing is written. Files that the
 * check writes are removed where the server allows that. Trouble is a finding, never an error.
 *
 * @throws InvalidArgumentError for options that can never work
 */
export async function checkRemote(given: RemoteOptions): Promise<RuleFinding[]> {
  const options = { ...given, limits: { ...PATIENT, ...given.limits }, budget: { budgetMs: 120_000 } };
  const settings = resolveRemoteOptions(options);
  const client = new HttpClient({ ...settings, ...options.limits });
  const findings = [await reach(client)];
  if (findings[0]?.status === 'failed') return findings;
  if (settings.mode === 'read') {
    const detail = "not tried, since the mode is 'read'";
    return [...findings, { rule: 'this machine may write', status: 'skipped', detail }];
  }
  const written = new Set<string>();
  findings.push(...(await exchange(options, written)));
  findings.push(await breakEntry(options, client, written));
  findings.push(await writeWithout(settings.authorization, settings.url, options, written));
  findings.push(await removeAll(client, written));
  return findings;
}

async function reach(client: HttpClient): Promise<RuleFinding> {
  const rule = 'a missing entry is a quick miss';
  const times: number[] = [];
  try {
    for (let count = 0; count < ROUND_TRIPS; count++) {
      const begun = performance.now();
      const isThere = await client.has(`/ac/${newKey()}`, NEVER);
      if (isThere)
        return { rule, status: 'failed', detail: 'it has an entry that was never stored: it is not a cache' };
      times.push(performance.now() - begun);
    }
  } catch (error) {
    return { rule, status: 'failed', detail: messageOf(error) };
  }
  const median = times.sort((a, b) => a - b)[Math.floor(times.length / 2)]!;
  const detail = `${median.toFixed(1)} ms for a miss (median of ${ROUND_TRIPS})`;
  if (median > SLOW_MS)
    return { rule, status: 'failed', detail: `${detail}, but builds wait only ${SLOW_MS} ms` };
  return { rule, status: 'ok', detail };
}

/** Two machines, as far as the server can tell: the second one has to find the first one's entries. */
async function exchange(options: RemoteOptions, written: Set<string>): Promise<RuleFinding[]> {
  const key = newKey();
  const findings: RuleFinding[] = [];
  const first = randomBytes(SIZE);
  const stored = await put(options, key, first, written);
  findings.push({ rule: 'this machine may write', ...stored });
  if (stored.status !== 'ok') return findings;
  findings.push({ rule: 'a stored entry comes back, byte for byte', ...(await get(options, key, first)) });
  const second = randomBytes(SIZE);
  const replaced = await put(options, key, second, written);
  const rule = 'an entry stored again replaces the old one';
  findings.push({ rule, ...(replaced.status === 'ok' ? await get(options, key, second) : replaced) });
  return findings;
}

/** A record without its blob, as after an eviction. */
async function breakEntry(
  options: RemoteOptions,
  client: HttpClient,
  written: Set<string>,
): Promise<RuleFinding> {
  const rule = 'an entry whose blob is gone is a miss, and can be stored again';
  const key = newKey();
  const bytes = randomBytes(SIZE);
  const stored = await put(options, key, bytes, written);
  if (stored.status !== 'ok') return { rule, ...stored };
  try {
    if (!(await client.remove(`/cas/${digestOf(bytes)}`, NEVER))) {
      return { rule, status: 'skipped', detail: 'the server does not allow removal' };
    }
  } catch (error) {
    return { rule, status: 'failed', detail: messageOf(error) };
  }
  const gone = await get(options, key, undefined);
  if (gone.status !== 'ok') return { rule, ...gone };
  const again = await put(options, key, bytes, written);
  return { rule, ...(again.status === 'ok' ? await get(options, key, bytes) : again) };
}

async function writeWithout(
  authorization: string | undefined,
  url: URL,
  options: RemoteOptions,
  written: Set<string>,
): Promise<RuleFinding> {
  const rule = 'clients without the token may not write';
  if (authorization === undefined) {
    return {
      rule,
      status: 'warning',
      detail: 'no token is set, so any client that reaches the server may write',
    };
  }
  const bytes = randomBytes(100);
  const path = `/cas/${digestOf(bytes)}`;
  try {
    await new HttpClient({ url, ...options.limits }).put(path, {
      ...{ contentType: 'application/octet-stream', length: bytes.length, signal: NEVER },
      body: () => wholeOf(bytes),
    });
    written.add(path);
    return { rule, status: 'warning', detail: 'the server takes uploads without the token' };
  } catch (error) {
    const isDenied = error instanceof RemoteFailure && error.kind === 'denied';
    return { rule, status: isDenied ? 'ok' : 'warning', detail: messageOf(error) };
  }
}

async function removeAll(client: HttpClient, written: Set<string>): Promise<RuleFinding> {
  const rule = 'the files written for this check are removed';
  let left = 0;
  for (const path of written) {
    const isRemoved = await client.remove(path, NEVER).catch(() => false);
    if (!isRemoved && (await client.has(path, NEVER).catch(() => true))) left++;
  }
  if (left === 0) return { rule, status: 'ok', detail: `${written.size} files` };
  const detail = `${left} of ${written.size} files stay until the server evicts them`;
  return { rule, status: 'warning', detail };
}

type Outcome = Pick<RuleFinding, 'status' | 'detail'>;

async function put(
  options: RemoteOptions,
  key: string,
  bytes: Uint8Array,
  written: Set<string>,
): Promise<Outcome> {
  written.add(`/ac/${key}`).add(`/cas/${digestOf(bytes)}`);
  return within(options, async (tier, warnings) => {
    const begun = performance.now();
    const outcome = await tier.put(key, { kind: 'probe', files: [{ name: 'probe', bytes }] });
    const took = `${SIZE / 1000} kB in ${(performance.now() - begun).toFixed(1)} ms`;
    if (outcome === 'stored') return { status: 'ok', detail: took };
    return { status: 'failed', detail: warnings[0] ?? outcome };
  });
}

async function get(options: RemoteOptions, key: string, wanted: Buffer | undefined): Promise<Outcome> {
  return within(options, async (tier, warnings) => {
    const begun = performance.now();
    const found = await (await tier.get(key, { kind: 'probe' }))?.getBytes('probe');
    const isRight = wanted === undefined ? found === undefined : found?.equals(wanted) === true;
    if (isRight) return { status: 'ok', detail: `${(performance.now() - begun).toFixed(1)} ms` };
    const what = found === undefined ? 'it is not there' : 'its content is different';
    return { status: 'failed', detail: warnings[0] ?? what };
  });
}

/** A tier of its own for each step: a failure in one says nothing about the next. */
async function within(
  options: RemoteOptions,
  use: (tier: RemoteTier, warnings: string[]) => Promise<Outcome>,
): Promise<Outcome> {
  const warnings: string[] = [];
  const tier = openRemoteTier({ ...options, onWarning: message => warnings.push(message) });
  try {
    return await use(tier, warnings);
  } finally {
    tier.drop();
  }
}

const NEVER = new AbortController().signal;

async function* wholeOf(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

function newKey(): string {
  return remoteKey('probe', randomBytes(16).toString('hex'));
}

function messageOf(error: unknown): string {
  if (error instanceof Error) return error.message;
  return String(error);
}
