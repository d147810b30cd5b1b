// Lease candidates: a thread that waits for the lock of a key, and ends before it gets it.
import { join } from 'node:path';
import test from 'ava';
import { type Client, type LeaseHost, Leases } from '../../../src/cache/coordinator/leases.ts';
import { type HeldLock, tryLock } from '../../../src/cache/coordinator/locks.ts';
import type { WriteResult } from '../../../src/cache/operations.ts';
import type { Grant } from '../../../src/cache/protocol.ts';
import { eventually } from '../../support/eventually.ts';
import { temporaryDirectory } from '../../support/temporary.ts';

/** An empty store, whose locks other processes can take. */
class Host implements LeaseHost {
  readonly lockDirectory: string;

  constructor(lockDirectory: string) {
    this.lockDirectory = lockDirectory;
  }

  has(): boolean {
    return false;
  }

  leaseOf(): undefined {}

  warnOf(): void {}

  async write(): Promise<WriteResult> {
    return { value: true };
  }
}

async function prepare(t: Parameters<typeof temporaryDirectory>[0]) {
  const directory = join(await temporaryDirectory(t), 'locks');
  // As another process would.
  const lock = (await tryLock(directory, 'key')) as HeldLock;
  const leases = new Leases(new Host(directory));
  const ask = (client: Client): Promise<Grant> =>
    leases.acquire(
      client,
      { key: 'key', now: 0, wait: Number.POSITIVE_INFINITY, timeout: 1000, holding: [] },
      { onWait: () => undefined, onLost: () => undefined },
    );
  return { lock, leases, ask };
}

test('the lock goes to the next candidate when the thread that waited for it has ended', async t => {
  const { lock, leases, ask } = await prepare(t);
  const [dead, next] = [{}, {}];
  const lost = ask(dead);
  const waiting = ask(next);
  leases.drop(dead);
  await lock.release();
  const grant = await waiting;
  t.is(grant.state, 'held');
  t.deepEqual(await lost, { state: 'retry' });
  leases.abandon('key', grant.state === 'held' ? grant.token : '');
  t.is(leases.count, 0);
});

test('nothing is left when the thread that waited for the lock was the only candidate', async t => {
  const { lock, leases, ask } = await prepare(t);
  const dead = {};
  const lost = ask(dead);
  leases.drop(dead);
  t.deepEqual(await lost, { state: 'retry' }, 'it ends without the lock');
  await eventually(() => leases.count === 0);
  await lock.release();
});
