// Damage reports of several threads, some of which arrive after the repair.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { Coordinator } from '../../../src/cache/coordinator/coordinator.ts';
import { isAside } from './filled.ts';
import { scratch } from './support.ts';

test('damage is repaired once: reports about the quarantined database do not affect the new one', async t => {
  const cacheRoot = await scratch(t);
  const coordinator = new Coordinator();
  const client = {};
  const { host } = coordinator.open(
    {
      tag: 'reported',
      cacheRoot,
      backend: 'sqlite',
      maxSize: 2 ** 30,
      policy: 'none',
      explicit: { maxSize: false, policy: false, allowUntrusted: false },
      timeout: 1000,
      allowUntrusted: false,
    },
    client,
  );
  const damage = Object.assign(new Error('malformed'), { code: 'SQLITE_CORRUPT' });
  const { epoch } = host.shared.versions;
  host.readFailed(damage, epoch);
  t.not(host.shared.versions.epoch, epoch);
  const increment = { type: 'increment', key: 'new', by: 1, expires: null } as const;
  t.deepEqual(await host.write(increment, 0), { value: 1 });
  host.readFailed(damage, epoch);
  host.readFailed(damage, epoch);
  t.deepEqual(await host.write(increment, 0), { value: 2 });
  t.is(readdirSync(join(cacheRoot, 'reported')).filter(isAside).length, 1);
  coordinator.release(host, client);
});
