// Leases: the right to produce a missing key, held by one caller at a time, of all threads and processes.
//
//   a key's lease:   holder ──stores──► all waiters read again
//                      │ throws, dies, or takes too long
//                      ▼
//                    the next one waiting becomes the holder, with a new token
//
// The token is the fencing token, recorded in the store. A value comes with the token of its producer and is refused
// when the store holds another one. So a producer that lost the lease, for whatever reason, cannot overwrite the value
// of its successor.
import { randomUUID } from 'node:crypto';
import { currentProcessId, hasExited } from '../../system/process-identity.ts';
import {
  clearInterval,
  clearTimeout,
  performance,
  setInterval,
  setTimeout,
  wallClock,
} from '../../system/time.ts';
import type { LeaseEvents } from '../client/store-client.ts';
import type { LeaseRecord, WriteOperation, WriteResult } from '../operations.ts';
import type { Grant, LeaseRequest } from '../protocol.ts';
import { breakLock, type HeldLock, LOCK_STALE_MS, tryLock } from './locks.ts';
import { type HeldLease, type Wait, waitForGraph } from './wait-for-graph.ts';

/** A thread that asks for leases: when it ends, they are passed on. */
export type Client = object;

export interface LeaseHost {
  /** Directory of the locks between processes; undefined when no other process can have the store. */
  readonly lockDirectory: string | undefined;
  has(key: string, now: number): boolean;
  leaseOf(key: string): LeaseRecord | undefined;
  /** `timeout`: milliseconds to wait for other processes. */
  write(operation: WriteOperation, now: number, timeout: number): Promise<WriteResult>;
  /** Warns once of an error that no caller waits for. */
  warnOf(error: unknown): void;
}

interface Waiter {
  client: Client;
  request: LeaseRequest;
  grant: (grant: Grant) => void;
  events: LeaseEvents;
  /** The process whose lease the waiter was told about. */
  notifiedOf?: number;
  timer?: NodeJS.Timeout;
  /** The first holder that it has waited for. */
  waitsFor: string | undefined;
  /** The wait of a caller that is producing another key: waiters for that key wait for this caller. */
  wait?: Wait;
  /** The client has ended: a grant would have no receiver. */
  hasEnded?: boolean;
}

interface Holder {
  client: Client;
  token: string;
  timeout: number;
  /** Undefined once the holder has been told that it lost the lease. */
  onLost: (() => void) | undefined;
  /** The lease is on record: a different record means that another process has taken it over. */
  isRecorded: boolean;
}

interface Lease {
  key: string;
  holder?: Holder;
  /** Waits for another process or for the lock, and becomes the holder next. */
  candidate?: Waiter;
  /** The holder in another process, by its token. */
  liveHolder?: string;
  lock?: HeldLock;
  waiting: Waiter[];
}

// Polling interval for another process's result, in milliseconds: at first, and at most. In between each delay is a
// fiftieth of the time waited so far, so the waiter learns of the result that much late.
const POLL_MIN_MS = 1;
const POLL_MAX_MS = 100;
const POLL_SHARE = 0.02;
// Interval between attempts to take the lock while its holder is alive.
const LOCK_TRY_MS = 20;
const MAX_TIMER_MS = 2 ** 31 - 1;
// Interval between looks at the records of the leases held here. Each takes some microseconds.
const WATCH_MS = 1000;

export class Leases {
  readonly #host: LeaseHost;
  readonly #leases = new Map<string, Lease>();
  #watch: NodeJS.Timeout | undefined;

  constructor(host: LeaseHost) {
    this.#host = host;
  }

  /** Keys that are being produced or waited for. */
  get count(): number {
    return this.#leases.size;
  }

  /** Resolves when it is the client's turn or when there is something to read. */
  acquire(client: Client, request: LeaseRequest, events: LeaseEvents): Promise<Grant> {
    return new Promise(grant => {
      const lease = this.#leases.get(request.key);
      const waiter: Waiter = { client, request, grant, events, waitsFor: lease?.holder?.token };
      if (!lease) {
        const opened: Lease = { key: request.key, waiting: [] };
        this.#leases.set(request.key, opened);
        this.#begin(opened, waiter);
        return;
      }
      lease.waiting.push(waiter);
      if (this.#closesCycle(lease, waiter)) return;
      notifyWaiter(waiter, process.pid);
      if (request.wait <= MAX_TIMER_MS) {
        waiter.timer = setTimeout(() => this.#stopWaiting(lease, waiter), request.wait);
      }
    });
  }

  /**
   * Outcome of the holder's value; called by the host after each such write. `'lost'`: another process has taken the
   * lease over, and the waiters here have to wait for that one. `'unstorable'`: the value could not be stored by anyone.
   */
  settled(key: string, token: string, outcome: 'stored' | 'lost' | 'unstorable'): void {
    const lease = this.#leases.get(key);
    if (lease?.holder?.token !== token) return;
    this.#end(lease, outcome === 'unstorable' ? { state: 'unshared' } : { state: 'retry' });
  }

  /** The holder gives up without a value: the next waiter tries. */
  abandon(key: string, token: string): void {
    const lease = this.#leases.get(key);
    if (lease?.holder?.token === token) this.#grantNext(lease);
  }

  /** Whether the key's lease is the one with this token, so that a value would be stored under it. */
  holds(key: string, token: string): boolean {
    return this.#leases.get(key)?.holder?.token === token && this.#host.leaseOf(key)?.token === token;
  }

  /** The client's thread has ended or closed its caches: its leases are passed on, its waits forgotten. */
  drop(client: Client): void {
    for (const lease of [...this.#leases.values()]) {
      lease.waiting = lease.waiting.filter(waiter => {
        if (waiter.client !== client) return true;
        // A thread that only closed its caches is still there, and waits for an answer.
        answer(waiter, { state: 'retry' });
        return false;
      });
      // A candidate still waits for the lock: it is passed over as soon as that wait ends.
      if (lease.candidate?.client === client) lease.candidate.hasEnded = true;
      if (lease.holder?.client === client) this.#grantNext(lease);
    }
  }

  #grantNext(lease: Lease): void {
    const { holder } = lease;
    this.#setHolder(lease, undefined);
    const next = lease.waiting.shift();
    if (next) {
      this.#begin(lease, next);
      return;
    }
    this.#dropLease(lease, holder);
  }

  // Delete the record before releasing the lock. Otherwise, after this process exits, another one sees a dead holder's
  // record and breaks a lock that a third one holds by now.
  #dropLease(lease: Lease, holder: Lease['holder']): void {
    const released =
      holder && this.#host.write({ type: 'release', key: lease.key, token: holder.token }, 0, holder.timeout);
    this.#end(lease, { state: 'retry' }, released);
  }

  #end(lease: Lease, grant: Grant, before?: Promise<unknown>): void {
    this.#leases.delete(lease.key);
    this.#setHolder(lease, undefined);
    for (const waiter of lease.waiting) answer(waiter, grant);
    Promise.resolve(before)
      .then(() => lease.lock?.release())
      .catch((error: unknown) => this.#host.warnOf(error));
  }

  // The waiter's time is over. It takes the lease over if it is the first in line and its holder has been the same all
  // the while. Otherwise the right is another waiter's, or the holder has only begun: then the waiter produces for
  // itself.
  #stopWaiting(lease: Lease, waiter: Waiter): void {
    const place = lease.waiting.indexOf(waiter);
    if (this.#leases.get(lease.key) !== lease || place < 0) return;
    lease.waiting.splice(place, 1);
    const isStuck = lease.holder !== undefined && lease.holder.token === waiter.waitsFor;
    if (place === 0 && isStuck && !lease.candidate) {
      loseLease(lease.holder);
      this.#begin(lease, waiter);
    } else answer(waiter, { state: 'unshared' });
  }

  #setHolder(lease: Lease, holder: Lease['holder']): void {
    if (lease.holder) waitForGraph.removeLease(lease.holder.token);
    lease.holder = holder;
    if (!holder) return;
    waitForGraph.addLease({ key: lease.key, token: holder.token, directory: this.#host.lockDirectory });
    for (const waiter of lease.waiting) waiter.waitsFor ??= holder.token;
    this.#watch ??= setInterval(() => this.#watchRecords(), WATCH_MS).unref();
  }

  // Holders of which another process has taken the lease over are told.
  #watchRecords(): void {
    let isHeld = false;
    for (const { key, holder } of this.#leases.values()) {
      if (!holder) continue;
      isHeld = true;
      if (!holder.isRecorded) continue;
      const record = this.#host.leaseOf(key);
      // Without a record, the value may be there: the other process has already stored its own.
      const isLost = record ? record.token !== holder.token : this.#host.has(key, wallClock.now());
      if (isLost) loseLease(holder);
    }
    if (isHeld) return;
    clearInterval(this.#watch);
    this.#watch = undefined;
  }

  #blockerOf({ key, holder, liveHolder }: Lease): HeldLease | undefined {
    const token = holder?.token ?? liveHolder;
    return token === undefined ? undefined : { key, token, directory: this.#host.lockDirectory };
  }

  // A caller that produces under another lease is refused when it would wait for itself.
  #closesCycle(lease: Lease, waiter: Waiter): boolean {
    const { holding } = waiter.request;
    if (holding.length === 0) return false;
    if (waiter.wait) waitForGraph.updateWait(waiter.wait);
    else {
      waiter.wait = { holding, blocker: () => this.#blockerOf(lease) };
      waitForGraph.addWait(waiter.wait);
    }
    const keys = waitForGraph.findCycle(waiter.wait);
    if (!keys) return false;
    lease.waiting = lease.waiting.filter(other => other !== waiter);
    answer(waiter, { state: 'circular', keys });
    return true;
  }

  #begin(lease: Lease, waiter: Waiter): void {
    this.#tryGrant(lease, waiter).catch((error: unknown) => {
      this.#host.warnOf(error);
      // The wait would have no end: every waiter produces for itself.
      answer(waiter, { state: 'unshared' });
      if (this.#leases.get(lease.key) === lease) this.#end(lease, { state: 'unshared' });
    });
  }

  async #tryGrant(lease: Lease, waiter: Waiter): Promise<void> {
    clearTimeout(waiter.timer);
    lease.candidate = waiter;
    this.#setHolder(lease, undefined);
    const got = lease.lock?.isHeld ? 'held' : await this.#lock(lease, waiter);
    if (got === 'stored') {
      answer(waiter, { state: 'retry' });
      this.#end(lease, { state: 'retry' });
      return;
    }
    if (waiter.hasEnded || got === 'circular') {
      answer(waiter, { state: 'retry' });
      lease.candidate = undefined;
      this.#grantNext(lease);
      return;
    }
    const token = randomUUID();
    const { now, timeout } = waiter.request;
    const { onLost } = waiter.events;
    this.#setHolder(lease, { client: waiter.client, token, timeout, onLost, isRecorded: false });
    lease.candidate = undefined;
    const record: LeaseRecord = { token, ...currentProcessId(), started: lease.lock?.createdAt ?? 0 };
    // With a lock, the record is written only in the place of the one seen under that lock, or not at all.
    const { liveHolder, replaces } = lease.lock ? this.#recordedHolder(lease.key) : {};
    const write = { type: 'lease', key: lease.key, lease: record, replaces } as const;
    const written = liveHolder ? { value: false } : await this.#host.write(write, now, timeout);
    if ('value' in written && written.value === false && lease.holder?.token === token) {
      this.#setHolder(lease, undefined);
      lease.candidate = waiter;
      await this.#unlock(lease);
      return this.#tryGrant(lease, waiter);
    }
    if (lease.holder?.token !== token) {
      answer(waiter, { state: 'retry' });
      return;
    }
    lease.holder.isRecorded = 'value' in written;
    // From now on no other caller can store a product. The previous holder may just have done so.
    if (this.#host.has(lease.key, now)) {
      answer(waiter, { state: 'retry' });
      this.#dropLease(lease, lease.holder);
      return;
    }
    answer(waiter, { state: 'held', token });
    for (const other of [...lease.waiting]) this.#closesCycle(lease, other);
  }

  // The holder on record. It counts as live while its process lives and its lock is too young to be stale.
  #recordedHolder(key: string): { liveHolder: LeaseRecord | undefined; replaces: string | null } {
    const other = this.#host.leaseOf(key);
    const isYoung = other !== undefined && Math.abs(wallClock.now() - other.started) < LOCK_STALE_MS;
    const isAlive = isYoung && other.pid !== process.pid && !hasExited(other);
    return { liveHolder: isAlive ? other : undefined, replaces: other?.token ?? null };
  }

  async #unlock(lease: Lease): Promise<void> {
    const { lock } = lease;
    lease.lock = undefined;
    await lock?.release();
  }

  // Takes the lock between processes. Resolves also without it where locks cannot be made, and when the other process
  // took longer than the waiter waits: then the token alone decides whose value is stored.
  async #lock(lease: Lease, waiter: Waiter): Promise<'held' | 'stored' | 'circular'> {
    const directory = this.#host.lockDirectory;
    if (directory === undefined) return 'held';
    const { key, now, wait, timeout } = waiter.request;
    const started = performance.now();
    let triedAt = Number.NEGATIVE_INFINITY;
    for (;;) {
      if (waiter.hasEnded) return 'held';
      const other = this.#host.leaseOf(key);
      const isOrphaned = other !== undefined && hasExited(other);
      let lock: HeldLock | 'taken' = 'taken';
      if (other === undefined || isOrphaned || performance.now() - triedAt > LOCK_TRY_MS) {
        triedAt = performance.now();
        try {
          lock = await tryLock(directory, key);
        } catch (error) {
          this.#host.warnOf(error);
          return 'held';
        }
      }
      // Two processes that find a stale lock at once can both remove it, the second one that of the first: then the
      // first has it.
      if (lock !== 'taken' && this.#recordedHolder(key).liveHolder) {
        await lock.release();
        lock = 'taken';
      }
      if (lock !== 'taken') {
        lease.lock = lock;
        if (!this.#host.has(key, now)) return 'held';
        lease.lock = undefined;
        await lock.release();
        return 'stored';
      }
      if (this.#host.has(key, now)) return 'stored';
      if (isOrphaned) {
        // Only one process gets to delete the dead one's record, and only that one breaks its lock.
        const result = await this.#host.write({ type: 'release', key, token: other.token }, now, timeout);
        if ('value' in result && result.value)
          await breakLock(directory, key, other.started).catch((error: unknown) => this.#host.warnOf(error));
        // If writes fail, the dead holder's record stays: then every caller produces for itself.
        if ('failed' in result) return 'held';
        continue;
      }
      if (other) for (const one of [waiter, ...lease.waiting]) notifyWaiter(one, other.pid);
      lease.liveHolder = other?.token;
      for (const one of [...lease.waiting]) this.#closesCycle(lease, one);
      if (this.#closesCycle(lease, waiter)) return 'circular';
      const waited = performance.now() - started;
      if (waited > wait) return 'held';
      const pause = Math.min(Math.max(POLL_MIN_MS, waited * POLL_SHARE), POLL_MAX_MS);
      await new Promise(resolve => setTimeout(resolve, pause * (0.5 + Math.random())));
    }
  }
}

function loseLease(holder: Holder | undefined): void {
  holder?.onLost?.();
  if (holder) holder.onLost = undefined;
}

// Once: later answers have no effect.
function answer(waiter: Waiter, grant: Grant): void {
  clearTimeout(waiter.timer);
  if (waiter.wait) waitForGraph.removeWait(waiter.wait);
  waiter.grant(grant);
}

// A message wakes the thread up, so it is sent once.
function notifyWaiter(waiter: Waiter, pid: number): void {
  if (waiter.notifiedOf === pid) return;
  waiter.notifiedOf = pid;
  waiter.events.onWait({ pid });
}
