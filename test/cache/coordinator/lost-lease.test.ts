// Lost leases: the waiting callers when a lease is lost to another process, or is granted too late.
import test from 'ava';
import { type LeaseHost, Leases } from '../../../src/cache/coordinator/leases.ts';
import type { LeaseRecord, WriteOperation, WriteResult } from '../../../src/cache/operations.ts';
import type { Grant } from '../../../src/cache/protocol.ts';

/** A store of leases and of the names of keys that have an entry, without other processes. */
class Host implements LeaseHost {
  readonly lockDirectory = undefined;
  readonly stored = new Set<string>();
  readonly records = new Map<string, LeaseRecord>();
  /** Runs before a lease is recorded. */
  beforeLease: () => void = () => undefined;

  has(key: string): boolean {
    return this.stored.has(key);
  }

  leaseOf(key: string): LeaseRecord | undefined {
    return this.records.get(key);
  }

  warnOf(): void {}

  async write(operation: WriteOperation): Promise<WriteResult> {
    if (operation.type === 'lease') {
      this.beforeLease();
      this.records.set(operation.key, operation.lease);
    }
    if (operation.type === 'release' && this.records.get(operation.key)?.token === operation.token) {
      this.records.delete(operation.key);
    }
    return { value: true };
  }
}

const ignored = { onWait: () => undefined, onLost: () => undefined };

function ask(leases: Leases, wait = 60_000): Promise<Grant> {
  return leases.acquire({}, { key: 'k', now: 0, wait, timeout: 1000, holding: [] }, ignored);
}

test('a caller that waits for a product refused because of a lost lease requests it again', async t => {
  const leases = new Leases(new Host());
  const held = await ask(leases);
  const waiting = ask(leases);
  t.is(held.state, 'held');
  leases.settled('k', held.state === 'held' ? held.token : '', 'lost');
  t.deepEqual(await waiting, { state: 'retry' });
  t.is(leases.count, 0);
});

test('a caller that waits for a product that cannot be stored produces for itself', async t => {
  const leases = new Leases(new Host());
  const held = await ask(leases);
  const waiting = ask(leases);
  leases.settled('k', held.state === 'held' ? held.token : '', 'unstorable');
  t.deepEqual(await waiting, { state: 'unshared' });
});

test('a lease that is granted after the former holder stored its product is given back', async t => {
  const host = new Host();
  const leases = new Leases(host);
  host.beforeLease = () => host.stored.add('k');
  t.deepEqual(await ask(leases), { state: 'retry' });
  t.is(leases.count, 0);
  t.is(host.records.size, 0);
});
