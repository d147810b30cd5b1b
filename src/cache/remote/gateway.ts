// Gateway to remote caches: serves the threads of a process in the coordinator's thread. So all of them share one
// budget, one upload queue and one warning, and uploads go on when a thread of a pool ends.
import { rm, stat } from 'node:fs/promises';
import { clearTimeout, setTimeout } from '../../system/time.ts';
import { openRemoteTier } from './open.ts';
import type { RemoteOptions } from './options.ts';
import { remoteKey } from './record.ts';
import type { RemoteHit, RemoteTier } from './remote-tier.ts';

/** Options of a remote tier that can be sent to another thread. Plain data. */
export type GatewayOptions = Pick<
  RemoteOptions,
  'url' | 'mode' | 'trust' | 'token' | 'signingKey' | 'maxSize' | 'limits'
>;

/** A cache's request. Plain data. */
export type GatewayRequest = { options: GatewayOptions; tag: string; key: string } & (
  | { type: 'value' }
  /** Writes the file to `destination`. */
  | { type: 'file'; destination: string }
  | { type: 'put-value'; encoding: number; bytes: Uint8Array }
  /** Uploads the file and removes it. */
  | { type: 'put-file'; file: string }
  /** Waits for the uploads so far. */
  | { type: 'flush' }
);

/**
 * An encoded value; or whether a file was written; undefined for the other requests, and for entries that are not
 * there.
 */
export type GatewayAnswer = { encoding: number; bytes: Uint8Array } | boolean | undefined;

/** Milliseconds that closing a cache waits for uploads. */
const FLUSH_MS = 30_000;

/** Waiting time that a silent server may cost a long-running process, and the time in which it is regained. */
const BUDGET = { budgetMs: 4_000, refillMs: 60_000 };

const FILE = 'value';

export class RemoteGateway {
  readonly #tiers = new Map<string, { tier: RemoteTier; pending: Set<Promise<unknown>> }>();

  /**
   * Answers one request. Rejects with `InvalidArgumentError` for options that can never work, and with no other error.
   */
  async answer(request: GatewayRequest): Promise<GatewayAnswer> {
    const { options, tag, key } = request;
    const { tier, pending } = this.#open(options);
    const name = remoteKey('value', tag, key);
    switch (request.type) {
      case 'value': {
        const hit = await tier.get(name, { kind: 'value' });
        const encoding = encodingOf(hit);
        const bytes = encoding === undefined ? undefined : await hit?.getBytes(FILE);
        return bytes && { encoding: encoding!, bytes };
      }
      case 'file': {
        const hit = await tier.get(name, { kind: 'value' });
        if (!hit || encodingOf(hit) !== undefined || !hasFile(hit)) return false;
        return hit.getFile(FILE, request.destination).catch(() => false);
      }
      case 'put-value': {
        const { encoding, bytes } = request;
        const files = [{ name: FILE, bytes }];
        track(pending, tier.put(name, { kind: 'value', data: { encoding }, files }));
        return undefined;
      }
      case 'put-file': {
        const { file } = request;
        const mode = (await stat(file)).mode & 0o777;
        const put = tier.put(name, {
          kind: 'value',
          data: { file: true },
          files: [{ name: FILE, path: file, mode }],
        });
        track(
          pending,
          put.finally(() => rm(file, { force: true })),
        );
        return undefined;
      }
      case 'flush':
        await inTime(Promise.allSettled([...pending]));
        return undefined;
    }
  }

  #open(options: GatewayOptions): { tier: RemoteTier; pending: Set<Promise<unknown>> } {
    const id = JSON.stringify(options);
    const known = this.#tiers.get(id);
    if (known) return known;
    const opened = {
      tier: openRemoteTier({ ...options, budget: BUDGET }),
      pending: new Set<Promise<unknown>>(),
    };
    this.#tiers.set(id, opened);
    return opened;
  }
}

let gateway: RemoteGateway | undefined;

/** The gateway of this thread. */
export function ownGateway(): RemoteGateway {
  gateway ??= new RemoteGateway();
  return gateway;
}

function track(pending: Set<Promise<unknown>>, work: Promise<unknown>): void {
  const settled = work.catch(() => undefined).finally(() => pending.delete(settled));
  pending.add(settled);
}

async function inTime(work: Promise<unknown>): Promise<void> {
  const late = Promise.withResolvers<void>();
  const timer = setTimeout(late.resolve, FLUSH_MS);
  await Promise.race([work, late.promise]);
  clearTimeout(timer);
}

/** The encoding of a value; undefined for a file, and for an entry that is not there. */
function encodingOf(hit: RemoteHit | undefined): number | undefined {
  const { encoding } = (hit?.data ?? {}) as { encoding?: unknown };
  return hit && hasFile(hit) && Number.isSafeInteger(encoding) ? (encoding as number) : undefined;
}

function hasFile({ files }: RemoteHit): boolean {
  return files.length === 1 && files[0]!.name === FILE;
}
