// Registry of a thread's caches: equal options return the same instance.
import { join, resolve } from 'node:path';
import type { MessagePort } from 'node:worker_threads';
import type { Cache } from './cache/cache.ts';
import { DisabledCache } from './cache/client/disabled-cache.ts';
import { PortStoreClient } from './cache/client/port-store-client.ts';
import { type AskGateway, SharedCache } from './cache/client/shared-cache.ts';
import type { Connector } from './cache/client/store-connection.ts';
import { TracedCache } from './cache/client/traced-cache.ts';
import { agree } from './cache/coordinator/agree.ts';
import type { Coordinator } from './cache/coordinator/coordinator.ts';
import {
  coordinatesItself,
  findCoordinator,
  findCoordinatorNow,
  forgetUnused,
  knownCoordinator,
  loseCoordinator,
  ownCoordinator,
  usePort,
} from './cache/coordinator/find-coordinator.ts';
import { LocalStoreClient } from './cache/coordinator/local-store-client.ts';
import { assertTag } from './cache/keys.ts';
import type { CacheOptions } from './cache/options.ts';
import type { AggregatedCacheStats, OpenRequest } from './cache/protocol.ts';
import type { GatewayOptions } from './cache/remote/gateway.ts';
import { resolveRemoteOptions } from './cache/remote/options.ts';
import { POLICIES } from './cache/shared/limits.ts';
import { parseDuration, parseSize } from './cache/units.ts';
import { assertCacheOptions, assertUserConfig } from './config/check-options.ts';
import { cacheEnvironment, defaultCacheRoot } from './config/environment.ts';
import { remoteOptionsFor } from './config/remote-config.ts';
import { cacheOptionsFor, type UserConfig } from './config/user-config.ts';
import { NoHomeError } from './config/user-directories.ts';
import { InvalidArgumentError } from './errors.ts';
import { wallClock } from './system/time.ts';

const DEFAULT_TAG = 'default';
const DEFAULT_MAX_SIZE = '2GB';
const DEFAULT_TIMEOUT_MS = 30_000;
// Large enough for 4096 records of 1 KiB as objects.
const DEFAULT_LOCAL_TIER_SIZE = '16MB';

// How long a first write may block its thread for the coordinator, which answers in a few milliseconds unless it is
// blocked itself.
const COORDINATOR_TIMEOUT_MS = 1000;

interface Resolved extends OpenRequest {
  enabled: boolean;
  /** The reason that there can be no store; undefined when there can. */
  unusable: string | undefined;
  ttl: number | null;
  clock: () => number;
  localTierSize: number;
  /** The remote cache behind the store; undefined without one. */
  remote: GatewayOptions | undefined;
}

interface Registered {
  cache: Cache;
  options: Resolved;
  /** The number of callers that hold it. Each closes it once. */
  handles: number;
}

const registered = new Map<string, Registered>();
// Identifies this thread as a user of stores in its coordinator.
const thisThread = {};

/**
 * Uses `port`, made by {@link createCoordinatorPort} in the coordinator's thread, instead of looking for a
 * coordinator. Must be called before the thread's first cache operation.
 */
export function connectToCoordinator(port: MessagePort): void {
  usePort(port);
}

/** Creates a port to transfer to one worker thread, which passes it to {@link connectToCoordinator}. */
export async function createCoordinatorPort(): Promise<MessagePort> {
  return ownCoordinator().createPort();
}

/**
 * Opens the cache of a tag. Returns at once, in any thread; the first operation connects. Equal options return the
 * same instance within a thread, and the same entries in every thread and process. Options that are not given come
 * from the environment (`GLOVEBOX_CACHE_DIR`, `GLOVEBOX_CACHE_DISABLED`, `GLOVEBOX_CACHE_<TAG>_DISABLED`), then
 * from the defaults in {@link CacheOptions}. An explicit `enabled` overrides the environment.
 *
 * Each call returns a handle to be closed once: an instance with several callers is closed with the last handle.
 *
 * @throws InvalidArgumentError for an unknown option, and for an invalid tag, size or time
 * @throws ConflictingOptionsError when another caller in this thread states a different size limit, policy or
 * backend for the store; when a caller in another thread does, the first operation rejects with it
 */
export function openCache(options: CacheOptions = {}): Cache {
  return openResolved(resolveOptions(options));
}

function openResolved(resolved: Resolved): Cache {
  const key = instanceKey(resolved);
  const existing = registered.get(key);
  if (existing) {
    existing.handles++;
    return existing.cache;
  }
  assertNoConflict(resolved);
  const isStored = resolved.enabled && resolved.unusable === undefined;
  const cache = isStored ? storeCacheOf(resolved) : new DisabledCache(resolved.tag, resolved.unusable);
  const close = cache.close.bind(cache);
  const entry: Registered = { cache, options: resolved, handles: 1 };
  cache.close = () => {
    if (registered.get(key) === entry) {
      if (--entry.handles > 0) return cache.settled();
      registered.delete(key);
    }
    return close();
  };
  registered.set(key, entry);
  return cache;
}

/** The same function as {@link openCache}, under its older name. */
export const createDefaultCache: (options?: CacheOptions) => Cache = openCache;

/** {@link openCache} with a required root. */
export function getSharedCacheInstance(options: CacheOptions & { cacheRoot: string }): Cache {
  return openCache(options);
}

/** {@link createCacheFromUserConfig}, or {@link openCache} without a configuration. */
export function openConfiguredCache(userConfig: UserConfig | undefined, options: CacheOptions): Cache {
  return userConfig === undefined ? openCache(options) : createCacheFromUserConfig(userConfig, options);
}

/** {@link openCache} with the user's configuration. Explicit options override the environment, which overrides the config. */
export function createCacheFromUserConfig(userConfig: UserConfig, options: CacheOptions = {}): Cache {
  assertUserConfig(userConfig);
  assertCacheOptions(options);
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  return openResolved(
    resolveOptions({ ...cacheOptionsFor(userConfig, options.tag ?? DEFAULT_TAG), ...given }, userConfig),
  );
}

/**
 * Closes all caches of this thread and removes them from the registry at once: the next `openCache` makes new ones.
 * When the promise resolves, this thread's writes are committed and its handles released. If this thread is the
 * coordinator, in-memory caches that no thread uses any more are emptied. Mostly for tests.
 */
export async function resetSharedCacheInstances(): Promise<void> {
  const caches = [...registered.values()];
  registered.clear();
  await Promise.all(caches.map(({ cache }) => cache.close()));
  forgetUnused();
}

/**
 * Removes expired, excess and stale data from all caches of this thread, which stay open. For long-running
 * processes. Resolves to the number of removed entries by instance key. Never rejects.
 */
export async function cleanupSharedCacheInstances(): Promise<Record<string, number>> {
  const removed: Record<string, number> = {};
  for (const [key, { cache }] of registered) removed[key] = await cache.cleanup().catch(() => 0);
  return removed;
}

/** The number of cache instances in this thread. */
export function getCacheInstanceCount(): number {
  return registered.size;
}

/** The keys of this thread's cache instances: `root:tag:enabled:maxSize:timeout…`. */
export function getCacheInstanceKeys(): string[] {
  return [...registered.keys()];
}

/** Statistics of all stores that are open in this process, summed over its threads. The same in every thread. */
export async function getAggregatedCacheStats(): Promise<AggregatedCacheStats> {
  const elsewhere = await findCoordinator();
  return elsewhere
    ? elsewhere.call(control => control.aggregatedStats())
    : ownCoordinator().aggregatedStats();
}

/**
 * The coordinator's state, for tests and diagnosis; undefined in threads that another thread's coordinator serves.
 */
export async function inspectCoordinator(): Promise<ReturnType<Coordinator['inspect']> | undefined> {
  return (await coordinatesItself()) ? ownCoordinator().inspect() : undefined;
}

function storeCacheOf(options: Resolved): TracedCache {
  const { remote } = options;
  if (remote === undefined) return new TracedCache(options, connectorOf(options));
  return new SharedCache(options, connectorOf(options), remote, askGateway);
}

const askGateway: AskGateway = async request => {
  const elsewhere = await findCoordinator();
  if (elsewhere === undefined) {
    // Loaded on demand: few caches are shared with other machines.
    const { ownGateway } = await import('./cache/remote/gateway.ts');
    return ownGateway().answer(request);
  }
  const reply = await elsewhere.call(control => control.remote(request));
  if (reply.ok) return reply.value;
  throw new InvalidArgumentError(reply.message);
};

// Functions cannot be sent to the coordinator, and it does not need the other options.
function requestOf(options: Resolved): OpenRequest {
  const { tag, cacheRoot, backend, maxSize, policy, explicit, timeout, allowUntrusted } = options;
  return { tag, cacheRoot, backend, maxSize, policy, explicit, timeout, allowUntrusted };
}

function connectorOf(options: Resolved): Connector {
  const request = requestOf(options);
  return {
    async later() {
      const elsewhere = await findCoordinator();
      if (elsewhere) {
        try {
          return await PortStoreClient.open(elsewhere, request);
        } catch (error) {
          if (!elsewhere.isClosed) throw error;
          loseCoordinator();
        }
      }
      return LocalStoreClient.open(ownCoordinator(), request, thisThread);
    },
    soon() {
      const elsewhere = knownCoordinator();
      return elsewhere && PortStoreClient.openNow(elsewhere, request, { timeoutMs: COORDINATOR_TIMEOUT_MS });
    },
    now() {
      const elsewhere = findCoordinatorNow();
      return elsewhere
        ? PortStoreClient.openNow(elsewhere, request, { timeoutMs: request.timeout, isLast: true })
        : LocalStoreClient.openNow(ownCoordinator(), request, thisThread);
    },
  };
}

function resolveOptions(options: CacheOptions, userConfig: Pick<UserConfig, 'remote'> = {}): Resolved {
  assertCacheOptions(options);
  const tag = options.tag ?? DEFAULT_TAG;
  assertTag(tag);
  const environment = cacheEnvironment(tag);
  const enabled = options.enabled ?? environment.enabled ?? true;
  const backend = options.backend ?? 'sqlite';
  if (backend !== 'sqlite' && backend !== 'memory') {
    throw new InvalidArgumentError(`backend must be 'sqlite' or 'memory'; got ${JSON.stringify(backend)}.`);
  }
  if (options.policy !== undefined && !POLICIES.includes(options.policy)) {
    throw new InvalidArgumentError(
      `policy must be one of ${POLICIES.map(policy => `'${policy}'`).join(', ')}; got ${JSON.stringify(options.policy)}.`,
    );
  }
  const { cacheRoot, unusable } = findRoot(options.cacheRoot ?? environment.cacheRoot, backend);
  if (enabled && unusable !== undefined) warnOfHome(unusable);
  return {
    tag,
    cacheRoot,
    backend,
    enabled,
    unusable,
    maxSize: parseSize(options.maxSize ?? DEFAULT_MAX_SIZE, 'maxSize'),
    policy: options.policy ?? 'least-recently-used',
    explicit: {
      maxSize: options.maxSize !== undefined,
      policy: options.policy !== undefined,
      allowUntrusted: (options.allowUntrusted ?? environment.allowUntrusted) !== undefined,
    },
    timeout: parseDuration(options.timeout ?? DEFAULT_TIMEOUT_MS, 'timeout') ?? Number.POSITIVE_INFINITY,
    ttl: options.ttl === undefined ? null : parseDuration(options.ttl, 'ttl'),
    allowUntrusted: options.allowUntrusted ?? environment.allowUntrusted ?? false,
    clock: options.clock ?? wallClock.now,
    remote: options.remote && enabled ? gatewayOptionsOf(options, userConfig) : undefined,
    localTierSize:
      options.localTierSize === 0
        ? 0
        : parseSize(options.localTierSize ?? DEFAULT_LOCAL_TIER_SIZE, 'localTierSize'),
  };
}

/** Options of the remote gateway. Throws for invalid ones, before any request. */
function gatewayOptionsOf(
  { maxSize = DEFAULT_MAX_SIZE }: CacheOptions,
  userConfig: Pick<UserConfig, 'remote'>,
): GatewayOptions | undefined {
  const options = remoteOptionsFor(userConfig);
  if (options === undefined) return undefined;
  const { url, mode, trust, token, signingKey, limits } = options;
  const given = { url, mode, trust, token, signingKey, limits, maxSize: parseSize(maxSize, 'maxSize') };
  resolveRemoteOptions(given);
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as never;
}

// A home directory is not needed while a directory is named, or for the memory backend, where the root is only a
// name.
function findRoot(named: string | undefined, backend: string): { cacheRoot: string; unusable?: string } {
  try {
    return { cacheRoot: resolve(named ?? defaultCacheRoot()) };
  } catch (error) {
    if (!(error instanceof NoHomeError)) throw error;
    return backend === 'memory' ? { cacheRoot: resolve('/') } : { cacheRoot: '', unusable: error.message };
  }
}

let isWarnedOfHome = false;

function warnOfHome(message: string): void {
  if (isWarnedOfHome) return;
  isWarnedOfHome = true;
  const text = `Nothing is cached, and everything will miss: ${message}`;
  process.emitWarning(text, { type: 'GloveboxWarning', code: 'GLOVEBOX_CACHE' });
}

// Conflicts within this thread are known before any store is open.
function assertNoConflict(wanted: Resolved): void {
  if (!wanted.enabled) return;
  for (const { options } of registered.values()) {
    const isSameStore =
      options.enabled && options.cacheRoot === wanted.cacheRoot && options.tag === wanted.tag;
    if (isSameStore) agree(options, wanted, join(wanted.cacheRoot, wanted.tag));
  }
}

const clocks = new WeakMap<() => number, number>();
let clockCount = 0;

function instanceKey(options: Resolved): string {
  const { cacheRoot, tag, enabled, maxSize, timeout, policy, ttl, backend, clock, localTierSize } = options;
  const parts = [cacheRoot, tag, enabled, maxSize, timeout, policy, ttl ?? 'never', backend, localTierSize];
  // A stated default differs from an unstated one: other callers must agree with it.
  for (const [name, isStated] of Object.entries(options.explicit)) if (isStated) parts.push(name);
  if (options.explicit.allowUntrusted) parts.push(options.allowUntrusted);
  if (options.remote) parts.push(`remote ${options.remote.mode ?? 'read'} ${options.remote.url}`);
  if (clock === wallClock.now) return parts.join(':');
  if (!clocks.has(clock)) clocks.set(clock, ++clockCount);
  return [...parts, `clock${clocks.get(clock)}`].join(':');
}
