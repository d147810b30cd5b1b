import os from 'node:os';
import path from 'node:path';
import test from 'ava';
import { cacheOptionsFor, type UserConfig } from '../../src/config/user-config.ts';
import { createCacheFromUserConfig } from '../../src/registry.ts';

// The variables are this process's own (AVA gives every test file a thread with a copy of them).
for (const name of Object.keys(process.env)) if (name.startsWith('GLOVEBOX_')) delete process.env[name];

function config(cache: UserConfig['cache']): UserConfig {
  return { cache, build: {}, toolchains: {}, sources: [] };
}

test.serial('unset fields are absent, so that defaults and explicit options show through', t => {
  t.deepEqual(cacheOptionsFor(config({ tags: {} }), 'layout'), { tag: 'layout' });
});

test.serial("a tag's own fields take precedence over those of all tags, one by one", t => {
  const both = config({
    directory: '/cache',
    enabled: false,
    maxSize: '1GB',
    timeout: '5s',
    policy: 'none',
    ttl: '7d',
    tags: {
      layout: { enabled: true, ttl: 'never' },
      firmware: { maxSize: 5, policy: 'least-frequently-used' },
    },
  });
  const shared = {
    cacheRoot: '/cache',
    enabled: false,
    maxSize: '1GB',
    timeout: '5s',
    policy: 'none',
    ttl: '7d',
  };
  t.deepEqual(cacheOptionsFor(both, 'other'), { ...shared, tag: 'other' } as object);
  t.deepEqual(cacheOptionsFor(both, 'layout'), {
    ...shared,
    tag: 'layout',
    enabled: true,
    ttl: 'never',
  } as object);
  t.deepEqual(cacheOptionsFor(both, 'firmware'), {
    ...shared,
    tag: 'firmware',
    maxSize: 5,
    policy: 'least-frequently-used',
  } as object);
});

test.serial('the environment takes precedence over the config', t => {
  const configured = config({ directory: '/cache', enabled: true, tags: { layout: { enabled: true } } });
  try {
    process.env.GLOVEBOX_CACHE_DIR = '/elsewhere';
    t.like(cacheOptionsFor(configured, 'layout'), { cacheRoot: '/elsewhere', enabled: true });
    process.env.GLOVEBOX_CACHE_LAYOUT_DISABLED = 'yes';
    t.like(cacheOptionsFor(configured, 'layout'), { enabled: false });
    t.like(cacheOptionsFor(configured, 'firmware'), { enabled: true });
    process.env.GLOVEBOX_CACHE_DISABLED = '1';
    t.like(cacheOptionsFor(configured, 'firmware'), { enabled: false });
  } finally {
    delete process.env.GLOVEBOX_CACHE_DIR;
    delete process.env.GLOVEBOX_CACHE_DISABLED;
    delete process.env.GLOVEBOX_CACHE_LAYOUT_DISABLED;
  }
});

test.serial("a tag with the name of an object's built-in property is an ordinary tag", t => {
  t.deepEqual(cacheOptionsFor(config({ tags: {} }), 'constructor'), { tag: 'constructor' });
});

test.serial(
  'explicit options take precedence over the environment, and the environment over the config',
  async t => {
    // In memory, so nothing is created there.
    const root = (name: string) => path.join(os.tmpdir(), 'glovebox-precedence', name);
    const configured = config({ directory: root('config'), enabled: true, maxSize: '1GB', tags: {} });
    const statsOf = async (options: object) => {
      const cache = createCacheFromUserConfig(configured, { tag: 'metrics', backend: 'memory', ...options });
      const { enabled, maxSize } = await cache.stats();
      await cache.close();
      return { enabled, maxSize };
    };
    try {
      t.deepEqual(await statsOf({}), { enabled: true, maxSize: 1024 ** 3 });
      process.env.GLOVEBOX_CACHE_METRICS_DISABLED = '1';
      process.env.GLOVEBOX_CACHE_DIR = root('environment');
      t.false((await statsOf({})).enabled);
      t.deepEqual(await statsOf({ enabled: true, maxSize: '2MB', cacheRoot: root('explicit') }), {
        enabled: true,
        maxSize: 2 * 1024 ** 2,
      });
    } finally {
      delete process.env.GLOVEBOX_CACHE_METRICS_DISABLED;
      delete process.env.GLOVEBOX_CACHE_DIR;
    }
  },
);
