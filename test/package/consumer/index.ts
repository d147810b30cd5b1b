// A strict project that uses the package. Nothing here runs: it must compile against the packed package.
import {
  type Cache,
  type CacheOptions,
  cacheKey,
  createDefaultCache,
  fileContent,
  getSharedCacheInstance,
  type KeyPart,
  UncloneableValueError,
} from 'glovebox';
import { build, createUserConfig } from 'glovebox/build';
import KeyvGlovebox, { type KeyvGloveboxOptions } from 'glovebox/keyv';

interface User {
  name: string;
}

interface Target {
  board: string;
  readonly shields?: readonly string[];
}

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

function expectType<Expected>() {
  return <Actual>(_value: Actual, _same: Same<Expected, Actual>): void => undefined;
}

// Options that may or may not be set.
const { TAG: tag, TTL: ttl, PREFIX: prefix, SHA256: sha256 } = process.env;
const options: CacheOptions = { tag, maxSize: undefined, policy: undefined, clock: undefined };

export async function main(file: string): Promise<void> {
  const cache: Cache = createDefaultCache({ ...options, ttl, timeout: undefined, enabled: undefined });
  expectType<User | undefined>()(await cache.get<User>('user'), true);
  expectType<User | undefined>()(await cache.get<User>('user', undefined), true);
  expectType<User | null>()(await cache.get<User>('user', null), true);
  expectType<User>()(await cache.get<User>('user', { name: 'nobody' }), true);
  expectType<User | string>()(await cache.get<User, string>('user', 'nobody'), true);
  expectType<unknown>()(await cache.get('user'), true);
  expectType<unknown>()(await cache.get('user', 5), true);
  expectType<Map<string, User>>()(await cache.getMany<User>(['user']), true);
  expectType<User>()(await cache.getOrSet('user', async (): Promise<User> => ({ name: 'x' })), true);

  await cache.set('user', { name: 'x' }, { ttl });
  await cache.getOrSet('user', () => 1, { ttl, wait: undefined, onWait: undefined });
  await cache.getFile('file', file, { sha256 });
  await cache.check({ repair: undefined });
  for await (const key of cache.keys({ prefix })) key.trim();
  for await (const [key, user] of cache.entries<User>({ prefix })) key.concat(user.name);

  const target: Target = { board: 'nice_nano_v2' };
  const parts: KeyPart[] = ['a', 1, fileContent(file)];
  await cacheKey('target', target, [target], { target }, ...parts, new Uint8Array(1));
  // @ts-expect-error a function has no digest
  await cacheKey('target', () => target);
  // @ts-expect-error nor has a class instance
  await cacheKey('target', { made: new Date() });

  await using another = getSharedCacheInstance({ cacheRoot: file, tag });
  await another[Symbol.asyncDispose]();
  await cache.close();

  const userConfig = createUserConfig({});
  await build({
    configDirectory: file,
    onEvent: () => undefined,
    userConfig,
    jobs: undefined,
    signal: undefined,
  });
}

export function pathOf(error: unknown): string | undefined {
  return error instanceof UncloneableValueError ? error.path : undefined;
}

export async function keyv(): Promise<KeyvGloveboxOptions> {
  const store = new KeyvGlovebox({ tag, maxSize: '1GB' });
  expectType<User | undefined>()(await store.get<User>('user'), true);
  store.on('error', error => process.stderr.write(String(error)));
  return store.opts;
}
