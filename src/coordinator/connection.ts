// A worker thread's side of its connection to the coordinator: one per thread, shared by all its caches.
import {
  MessageChannel,
  type MessagePort,
  postMessageToThread,
  receiveMessageOnPort,
  threadId,
} from 'node:worker_threads';
import { wrap } from 'comlink';
import nodeEndpoint from 'comlink/dist/esm/node-adapter.mjs';
import { block } from '../cache/block.ts';
import { GloveboxError } from '../cache/errors.ts';
import type { WriteOperation, WriteResult } from '../cache/store.ts';
import { clearTimeout, performance, queueMicrotask, setTimeout } from '../cache/time.ts';
import {
  type Control,
  type Hello,
  type OpenReply,
  type OpenRequest,
  PROTOCOL_VERSION,
  type Reply,
  type WriteMessage,
  type WrittenMessage,
} from './protocol.ts';

/** The coordinator's functions as this thread sees them: every answer is a promise. */
export type RemoteControl = {
  [Name in keyof Control]: (
    ...args: Parameters<Control[Name]>
  ) => Promise<Awaited<ReturnType<Control[Name]>>>;
};

/** What Comlink answers to the opening of a store. */
interface OpenAnswer {
  id: string;
  type: string;
  value?: Reply<OpenReply>;
}

// How often a blocked thread looks for an answer, in milliseconds.
const POLL_MS = 0.2;

const ENDED = 'The coordinator has ended.';

/** The thread of the coordinator has ended, or never answered. */
export class CoordinatorEndedError extends GloveboxError {
  constructor() {
    super('GLOVEBOX_COORDINATOR_ENDED', ENDED);
  }
}

export class Connection {
  readonly #control: RemoteControl;
  readonly #controlPort: MessagePort;
  readonly #writes: MessagePort;
  readonly #hello: Hello;
  /** The thread of the coordinator; undefined when a port was passed by hand. */
  #thread: number | undefined;
  readonly #calls = new Set<(reason: Error) => void>();
  readonly #pending = new Map<number, (result: WriteResult) => void>();
  #outbox: WriteMessage = [];
  #nextId = 1;
  #isClosed = false;
  // Calls and operations that wait for an answer: while there are any, the thread is kept running.
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
    this.#control = wrap(nodeEndpoint(control.port1)) as unknown as RemoteControl;
    this.#writes.on('message', (message: WrittenMessage) => {
      for (const [id, result] of message) this.#settle(id, result);
    });
    this.#writes.on('close', () => this.#close());
    this.#controlPort.on('close', () => this.#close());
    this.#controlPort.unref();
    this.#writes.unref();
  }

  /** Connects over a port that was passed by hand. */
  static async overPort(port: MessagePort): Promise<Connection> {
    const connection = new Connection();
    port.postMessage(connection.#hello, connection.#transfer);
    port.unref();
    return connection;
  }

  /**
   * Connects to the coordinator of a thread. Undefined when that has none which speaks our language, or none that
   * answers in so many milliseconds.
   */
  static async toThread(thread: number, timeout?: number): Promise<Connection | undefined> {
    const connection = new Connection();
    connection.#thread = thread;
    const timer = timeout === undefined ? undefined : setTimeout(() => connection.#close(), timeout);
    try {
      await connection.#hold(() =>
        postMessageToThread(thread, connection.#hello, connection.#transfer, timeout),
      );
      // The message arrived; whether it was understood only an answer tells.
      await connection.call(control => control.greet());
      return connection;
    } catch {
      connection.#close();
      return undefined;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Greets the coordinator of a thread. Whether it is there and understands {@link openNow} tells. */
  static begin(thread: number): Connection {
    const connection = new Connection();
    connection.#thread = thread;
    postMessageToThread(thread, connection.#hello, connection.#transfer).catch(() => connection.#close());
    return connection;
  }

  /**
   * Opens a store with this thread blocked, for so many milliseconds at most. Undefined when no answer came in time. Not
   * while {@link isWaiting}.
   */
  openNow(request: OpenRequest, patience: number): Reply<OpenReply> | undefined {
    const id = `open ${this.#nextId++}`;
    // As Comlink says it, which only listens when the event loop turns.
    const argumentList = [{ type: 'RAW', value: request }];
    this.#controlPort.postMessage({ id, type: 'APPLY', path: ['open'], argumentList });
    const until = performance.now() + patience;
    while (performance.now() < until) {
      const received = receiveMessageOnPort(this.#controlPort) as { message: OpenAnswer } | undefined;
      if (received?.message.id === id) {
        return received.message.type === 'RAW' ? received.message.value : undefined;
      }
      if (!received) block(POLL_MS);
    }
    this.#controlPort.on('message', ({ id: late, value }: OpenAnswer) => {
      if (late === id && value?.ok) this.#control.release(value.value.instance).catch(() => undefined);
    });
    return undefined;
  }

  /** Gives the connection up. */
  abandon(): void {
    this.#close();
  }

  /** True while answers are waited for, which come when the event loop turns. */
  get isWaiting(): boolean {
    return this.#waiting > 0;
  }

  /** True once the coordinator has ended. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  get #transfer(): MessagePort[] {
    return [this.#hello.control, this.#hello.writes];
  }

  /** Passes a thread on to this connection's coordinator. */
  async forward(hello: Hello): Promise<void> {
    if (this.#thread === undefined) throw new CoordinatorEndedError();
    await this.#hold(() => postMessageToThread(this.#thread!, hello, [hello.control, hello.writes]));
  }

  /** Calls the coordinator. The thread is kept running until it answers. Rejects with {@link CoordinatorEndedError}. */
  call<T>(request: (control: RemoteControl) => Promise<T>): Promise<T> {
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

  write(instance: number, operation: WriteOperation, now: number): Promise<WriteResult> {
    if (this.#isClosed) return Promise.resolve({ failed: ENDED });
    return this.#hold(
      () =>
        new Promise(resolve => {
          const id = this.#nextId++;
          this.#pending.set(id, resolve);
          this.#outbox.push([id, instance, now, operation]);
          // One message for everything that this turn writes.
          if (this.#outbox.length === 1) queueMicrotask(() => this.#flush());
        }),
    );
  }

  #flush(): void {
    const message = this.#outbox;
    this.#outbox = [];
    this.#writes.postMessage(message);
  }

  #settle(id: number, result: WriteResult): void {
    this.#pending.get(id)?.(result);
    this.#pending.delete(id);
  }

  // Whoever waits for an answer is told that there will be none.
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
