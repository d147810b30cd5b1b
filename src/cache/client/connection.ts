// A worker thread's connection to the coordinator: one per thread, shared by all its caches.
//
// Most calls are answered when the event loop turns. A thread that cannot await is blocked instead, and receives from
// its ports itself, including messages for other callers. The coordinator never waits for a thread that it serves. So
// the blocked thread goes on as soon as the coordinator's event loop turns, or when its own timeout is over.
import {
  MessageChannel,
  type MessagePort,
  postMessageToThread,
  receiveMessageOnPort,
  threadId,
} from 'node:worker_threads';
import { type Endpoint, wrap } from 'comlink';
import { GloveboxError } from '../../errors.ts';
import { sleepSync } from '../../system/sleep-sync.ts';
import { clearTimeout, performance, queueMicrotask, setTimeout, wallClock } from '../../system/time.ts';
import type { WriteOperation, WriteResult } from '../operations.ts';
import type {
  CoordinatorApi,
  Grant,
  Hello,
  LeaseNotice,
  LeaseRequest,
  WriteRequest,
  WriteResponse,
} from '../protocol.ts';
import { PROTOCOL_VERSION } from './handshake.ts';
import type { LeaseEvents } from './store-client.ts';

/** The coordinator's functions as this thread sees them: each returns a promise. */
export type RemoteCoordinatorApi = {
  [Name in keyof CoordinatorApi]: (
    ...args: Parameters<CoordinatorApi[Name]>
  ) => Promise<Awaited<ReturnType<CoordinatorApi[Name]>>>;
};

type Answered<Name extends keyof CoordinatorApi> = Awaited<ReturnType<CoordinatorApi[Name]>>;

/** How a thread is blocked while it waits for an answer. */
export interface WaitOptions<Value> {
  timeoutMs: number;
  /** The operation goes on without an answer when none comes: then a warning says so, once. Default: false. */
  isLast?: boolean;
  /** Receives an answer that comes late. Default: it is dropped. */
  late?: (value: Value) => void;
}

/** Comlink's answer to a call. */
interface ComlinkAnswer {
  id: string;
  type: string;
  value?: unknown;
}

// Polling intervals of a blocked thread: the first, which doubles each time, and the longest.
const FIRST_POLL_MS = 0.02;
const POLL_MS = 0.5;
// The coordinator gives up this much earlier than a blocked thread, so that its answer is already on the way.
const ANSWER_MS = 10;

const ENDED = 'The coordinator has ended.';
const SILENT = 'The thread of the coordinator has not answered in time.';

/** The coordinator's thread has ended, or never answered. */
export class CoordinatorEndedError extends GloveboxError {
  constructor() {
    super('GLOVEBOX_COORDINATOR_ENDED', ENDED);
  }
}

export class Connection {
  readonly #control: RemoteCoordinatorApi;
  readonly #controlPort: MessagePort;
  readonly #writes: MessagePort;
  readonly #hello: Hello;
  /** The thread of the coordinator; undefined when a port was passed by hand. */
  #thread: number | undefined;
  // Settles when the greeting has been delivered to the coordinator.
  #delivery: Promise<void> = Promise.resolve();
  readonly #calls = new Set<(reason: Error) => void>();
  readonly #answers = new Map<string, (answer: ComlinkAnswer) => void>();
  readonly #pending = new Map<number, (result: WriteResult) => void>();
  // Callers that have requested a lease, or hold one.
  readonly #leases = new Map<number, LeaseEvents>();
  #listener: ((event: { data: unknown }) => void) | undefined;
  #outbox: WriteRequest = [];
  #nextId = 1;
  #isClosed = false;
  #hasAnswered = false;
  #isWarned = false;
  // How long calls have waited in vain since the coordinator's last message. A thread that makes many calls of a
  // blocked coordinator does not wait for the whole timeout each time.
  #silentMs = 0;
  // Calls and operations without an answer yet. While there are any, the thread is kept alive.
  #waiting = 0;

  private constructor() {
    const control = new MessageChannel();
    const writes = new MessageChannel();
    this.#controlPort = control.port1;
    this.#writes = writes.port1;
    this.#hello = {
      glovebox: PROTOCOL_VERSION,
      thread: threadId,
      control: control.port2,
      writes: writes.port2,
    };
    this.#control = wrap(this.#endpoint) as unknown as RemoteCoordinatorApi;
    this.#controlPort.on('message', (message: ComlinkAnswer) => this.#answered(message));
    this.#writes.on('message', (message: WriteResponse | LeaseNotice) => this.#written(message));
    this.#writes.on('close', () => this.#close());
    this.#controlPort.on('close', () => this.#close());
    this.#controlPort.unref();
    this.#writes.unref();
  }

  /** Connects over a port that was passed by hand. */
  static overPort(port: MessagePort): Connection {
    const connection = new Connection();
    port.postMessage(connection.#hello, connection.#transfer);
    port.unref();
    connection.#hasAnswered = true;
    return connection;
  }

  /**
   * Greets the coordinator of a thread. Only an answer tells whether that thread has a coordinator that speaks this
   * protocol.
   */
  static toThread(thread: number): Connection {
    const connection = new Connection();
    connection.#thread = thread;
    connection.#delivery = postMessageToThread(thread, connection.#hello, connection.#transfer);
    connection.#delivery.catch(() => connection.#close());
    return connection;
  }

  /** Whether a coordinator answers within so many milliseconds. */
  async isAnswered(timeoutMs?: number): Promise<boolean> {
    if (this.#hasAnswered) return true;
    const giveUp = () => {
      // A blocked thread may have received the answer meanwhile.
      if (!this.#hasAnswered) this.#close();
    };
    const timer = timeoutMs === undefined ? undefined : setTimeout(giveUp, timeoutMs);
    try {
      await this.#hold(() => this.#delivery);
      // The message arrived; only an answer tells whether it was understood.
      await this.call(control => control.greet());
      return true;
    } catch {
      giveUp();
      return this.#hasAnswered;
    } finally {
      clearTimeout(timer);
    }
  }

  /** As {@link isAnswered}, with this thread blocked. */
  isAnsweredNow(timeoutMs: number): boolean {
    return this.#hasAnswered || this.callNow('greet', [], { timeoutMs }) !== undefined;
  }

  /** Gives up the connection. */
  abandon(): void {
    this.#close();
  }

  /** True once the coordinator has ended. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  get #transfer(): MessagePort[] {
    return [this.#hello.control, this.#hello.writes];
  }

  get #endpoint(): Endpoint {
    return {
      postMessage: (message, transfer) => this.#controlPort.postMessage(message, transfer as never),
      addEventListener: (_type, listener) => {
        this.#listener = listener as (event: { data: unknown }) => void;
      },
      removeEventListener: () => undefined,
    };
  }

  /** Passes a thread on to this connection's coordinator. */
  async forward(hello: Hello): Promise<void> {
    if (this.#thread === undefined) throw new CoordinatorEndedError();
    await this.#hold(() => postMessageToThread(this.#thread!, hello, [hello.control, hello.writes]));
  }

  /** Calls the coordinator. The thread is kept running until it answers. Rejects with {@link CoordinatorEndedError}. */
  call<T>(request: (control: RemoteCoordinatorApi) => Promise<T>): Promise<T> {
    if (this.#isClosed) return Promise.reject(new CoordinatorEndedError());
    return this.#hold(
      () =>
        new Promise((resolve, reject) => {
          this.#calls.add(reject);
          request(this.#control)
            .then(resolve, reject)
            .finally(() => this.#calls.delete(reject));
        }),
    );
  }

  /** As {@link call}, with this thread blocked. Undefined when no answer came in time, or the answer was an error. */
  callNow<Name extends keyof CoordinatorApi>(
    name: Name,
    args: Parameters<CoordinatorApi[Name]>,
    { timeoutMs, isLast = false, late }: WaitOptions<Answered<Name>>,
  ): { value: Answered<Name> } | undefined {
    if (this.#isClosed) return undefined;
    const id = `now ${this.#nextId++}`;
    let answer: { value: Answered<Name> } | undefined;
    let hasAnswer = false;
    let isLate = false;
    this.#answers.set(id, ({ type, value }) => {
      hasAnswer = true;
      if (type !== 'RAW') return;
      answer = { value: value as Answered<Name> };
      if (isLate) late?.(answer.value);
    });
    // In Comlink's own format: Comlink itself listens only when the event loop turns.
    const argumentList = (args as unknown[]).map(value => ({ type: 'RAW', value }));
    this.#controlPort.postMessage({ id, type: 'APPLY', path: [name], argumentList });
    isLate = !this.#waitFor(() => hasAnswer, timeoutMs);
    if (isLate && isLast) this.#warn(timeoutMs);
    return answer;
  }

  /** Requests a lease. The caller learns of events until `forget` is called, or the lease is not granted. */
  async lease(
    instance: number,
    request: LeaseRequest,
    events: LeaseEvents,
  ): Promise<{ grant: Grant; forget: () => void }> {
    const id = this.#nextId++;
    const forget = () => {
      this.#leases.delete(id);
    };
    this.#leases.set(id, events);
    let isHeld = false;
    try {
      const grant = await this.call(control => control.lease(instance, id, request));
      isHeld = grant.state === 'held';
      return { grant, forget };
    } finally {
      if (!isHeld) forget();
    }
  }

  write(instance: number, operation: WriteOperation, now: number): Promise<WriteResult> {
    if (this.#isClosed) return Promise.resolve({ failed: ENDED });
    return this.#hold(
      () =>
        new Promise(resolve => {
          const id = this.#nextId++;
          this.#pending.set(id, resolve);
          this.#outbox.push([id, instance, now, operation, null]);
          // One message for everything that is written in this turn of the event loop.
          if (this.#outbox.length === 1) queueMicrotask(() => this.#flush());
        }),
    );
  }

  /** As {@link write}, with this thread blocked, for so many milliseconds at most. */
  writeNow(instance: number, operation: WriteOperation, now: number, timeoutMs: number): WriteResult {
    if (this.#isClosed) return { failed: ENDED };
    const id = this.#nextId++;
    let result: WriteResult | undefined;
    this.#pending.set(id, found => {
      result = found;
    });
    const waitOptions = Math.max(timeoutMs - this.#silentMs, 0);
    const allowed = waitOptions - Math.min(ANSWER_MS, waitOptions / 2);
    const until = Number.isFinite(allowed) ? Math.floor(wallClock.now() + allowed) : null;
    this.#outbox.push([id, instance, now, operation, until]);
    this.#flush();
    if (!this.#waitFor(() => result !== undefined, timeoutMs)) this.#warn(timeoutMs);
    return result ?? { failed: SILENT };
  }

  #warn(timeoutMs: number): void {
    if (this.#isWarned) return;
    this.#isWarned = true;
    process.emitWarning(
      `A cache of thread ${threadId} went on without its coordinator, whose thread has not turned its event loop for ${timeoutMs} ms. Do not block it while others use its caches (Atomics.wait, a loop without an await), or set a longer timeout.`,
      { type: 'GloveboxWarning', code: 'GLOVEBOX_CACHE' },
    );
  }

  #waitFor(isDone: () => boolean, timeoutMs: number): boolean {
    const since = performance.now();
    this.#receive();
    for (let poll = FIRST_POLL_MS; !isDone(); poll = Math.min(2 * poll, POLL_MS)) {
      const left = since + timeoutMs - this.#silentMs - performance.now();
      if (left <= 0) {
        this.#silentMs = Math.max(timeoutMs, this.#silentMs);
        return false;
      }
      sleepSync(Math.min(poll, left));
      this.#receive();
    }
    return true;
  }

  // Handles the messages that have arrived.
  #receive(): void {
    for (let next = receiveMessageOnPort(this.#controlPort); next; ) {
      this.#answered(next.message as ComlinkAnswer);
      next = receiveMessageOnPort(this.#controlPort);
    }
    for (let next = receiveMessageOnPort(this.#writes); next; next = receiveMessageOnPort(this.#writes)) {
      this.#written(next.message as WriteResponse | LeaseNotice);
    }
  }

  #answered(message: ComlinkAnswer): void {
    this.#silentMs = 0;
    this.#hasAnswered = true;
    const answer = this.#answers.get(message.id);
    if (answer) {
      this.#answers.delete(message.id);
      answer(message);
    } else this.#listener?.({ data: message });
  }

  #written(message: WriteResponse | LeaseNotice): void {
    this.#silentMs = 0;
    if (Array.isArray(message)) for (const [id, result] of message) this.#settle(id, result);
    else if (message.type === 'waiting') this.#leases.get(message.id)?.onWait({ pid: message.pid });
    else this.#leases.get(message.id)?.onLost();
  }

  #flush(): void {
    if (this.#outbox.length === 0) return;
    const message = this.#outbox;
    this.#outbox = [];
    this.#writes.postMessage(message);
  }

  #settle(id: number, result: WriteResult): void {
    this.#pending.get(id)?.(result);
    this.#pending.delete(id);
  }

  // Every waiting call learns that there will be no answer.
  #close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#controlPort.close();
    this.#writes.close();
    for (const reject of this.#calls) reject(new CoordinatorEndedError());
    for (const id of [...this.#pending.keys()]) this.#settle(id, { failed: ENDED });
  }

  async #hold<T>(task: () => Promise<T>): Promise<T> {
    if (this.#waiting++ === 0) {
      this.#controlPort.ref();
      this.#writes.ref();
    }
    try {
      return await task();
    } finally {
      if (--this.#waiting === 0) {
        this.#controlPort.unref();
        this.#writes.unref();
      }
    }
  }
}
